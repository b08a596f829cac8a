"""What peers ask, how fast a provider files, who prescribes to whom, who refuses generics: worked out every night.

Each insurer's statistics come from its own claims alone: what one asks for at another is nobody else's business.
`insurance.as_of` (a setting of the transaction) says which moment the windows end at; without it they end now.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION insurance_as_of() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE RETURN
    COALESCE(NULLIF(current_setting('insurance.as_of', true), '')::timestamptz, now());

-- A claim counts while it holds its amount, and unless it takes another back.
CREATE FUNCTION insurance_counts(status text, reversal_of uuid) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    status IN ('eligible', 'approved', 'pending_review', 'paid') AND reversal_of IS NULL;

-- One writes a prescriber's name with two spaces, the other in capitals. A digest is enough to count by.
CREATE FUNCTION insurance_prescriber_key(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN btrim(name) = '' THEN ''
    ELSE encode(sha256(convert_to(lower(regexp_replace(btrim(name), '\\s+', ' ', 'g')), 'UTF8')), 'hex') END;
"""

CLOCK = """
CREATE MATERIALIZED VIEW insurance_peer_clock AS SELECT 1 AS id, insurance_as_of() AS refreshed_at;
CREATE UNIQUE INDEX insurance_peer_clock_key ON insurance_peer_clock (id);
"""

# City '' is the whole country. The MAD is the median distance from the median.
PRICES = """
CREATE MATERIALIZED VIEW insurance_peer_price AS
WITH asked AS (
    SELECT c.insurer_id, c.currency, i.code, p.kind, p.country, lower(btrim(p.city)) AS city, i.unit_price AS price
    FROM insurance_claimitem i
    JOIN insurance_claim c ON c.id = i.claim_id
    JOIN directory_practice p ON p.id = c.provider_id
    WHERE insurance_counts(c.status, c.reversal_of_id)
      AND c.service_date > insurance_as_of()::date - 180 AND c.service_date <= insurance_as_of()::date
), placed AS (
    SELECT insurer_id, currency, code, kind, country, '' AS city, price FROM asked
    UNION ALL
    SELECT insurer_id, currency, code, kind, country, city, price FROM asked WHERE city <> ''
), middle AS (
    SELECT insurer_id, currency, code, kind, country, city, count(*) AS n,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY price) AS median,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY price) AS p95
    FROM placed GROUP BY insurer_id, currency, code, kind, country, city
)
SELECT m.insurer_id, m.currency, m.code, m.kind, m.country, m.city, m.n,
       m.median::numeric(20, 3) AS median,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(p.price - m.median)))::numeric(20, 3) AS mad,
       m.p95::numeric(20, 3) AS p95
FROM middle m JOIN placed p USING (insurer_id, currency, code, kind, country, city)
GROUP BY m.insurer_id, m.currency, m.code, m.kind, m.country, m.city, m.n, m.median, m.p95;
CREATE UNIQUE INDEX insurance_peer_price_key
    ON insurance_peer_price (insurer_id, code, kind, country, city, currency);
"""

PACE = """
CREATE MATERIALIZED VIEW insurance_provider_pace AS
WITH hours AS (
    SELECT c.insurer_id, c.provider_id, date_trunc('hour', c.submitted_at) AS hour, count(*) AS claims
    FROM insurance_claim c
    WHERE insurance_counts(c.status, c.reversal_of_id)
      AND c.submitted_at > insurance_as_of() - interval '30 days' AND c.submitted_at <= insurance_as_of()
    GROUP BY 1, 2, 3
)
SELECT insurer_id, provider_id, count(*) AS hours,
       (percentile_cont(0.99) WITHIN GROUP (ORDER BY claims))::numeric(12, 3) AS p99
FROM hours GROUP BY insurer_id, provider_id;
CREATE UNIQUE INDEX insurance_provider_pace_key ON insurance_provider_pace (insurer_id, provider_id);
"""

PAIRS = """
CREATE MATERIALIZED VIEW insurance_prescriber_pair AS
WITH prescribed AS (
    SELECT DISTINCT c.id, c.insurer_id, c.provider_id, insurance_prescriber_key(i.prescriber) AS prescriber
    FROM insurance_claim c JOIN insurance_claimitem i ON i.claim_id = c.id
    WHERE c.type = 'pharmacy' AND btrim(i.prescriber) <> '' AND insurance_counts(c.status, c.reversal_of_id)
      AND c.service_date > insurance_as_of()::date - 180 AND c.service_date <= insurance_as_of()::date
), dispensed AS (
    SELECT insurer_id, provider_id, prescriber, count(*) AS claims FROM prescribed GROUP BY 1, 2, 3
)
SELECT insurer_id, provider_id, prescriber, claims AS together,
       (sum(claims) OVER (PARTITION BY insurer_id, prescriber))::bigint AS of_prescriber,
       (sum(claims) OVER (PARTITION BY insurer_id, provider_id))::bigint AS of_provider,
       (sum(claims) OVER (PARTITION BY insurer_id))::bigint AS of_all
FROM dispensed;
CREATE UNIQUE INDEX insurance_prescriber_pair_key ON insurance_prescriber_pair (insurer_id, provider_id, prescriber);
"""

GENERICS = """
CREATE MATERIALIZED VIEW insurance_generic_refusal AS
WITH counted AS (
    SELECT c.insurer_id, c.provider_id, count(*) AS lines, count(*) FILTER (WHERE NOT i.is_substitutable) AS refused
    FROM insurance_claimitem i JOIN insurance_claim c ON c.id = i.claim_id
    WHERE c.type = 'pharmacy' AND insurance_counts(c.status, c.reversal_of_id)
      AND c.service_date > insurance_as_of()::date - 180 AND c.service_date <= insurance_as_of()::date
    GROUP BY 1, 2
)
SELECT insurer_id, provider_id, lines, refused,
       (sum(lines) OVER (PARTITION BY insurer_id))::bigint - lines AS peer_lines,
       (sum(refused) OVER (PARTITION BY insurer_id))::bigint - refused AS peer_refused
FROM counted;
CREATE UNIQUE INDEX insurance_generic_refusal_key ON insurance_generic_refusal (insurer_id, provider_id);
"""

VIEWS = ("peer_price", "provider_pace", "prescriber_pair", "generic_refusal", "peer_clock")
BACK = "".join(f"DROP MATERIALIZED VIEW insurance_{view};\n" for view in VIEWS)
BACK += """
DROP FUNCTION insurance_prescriber_key(text);
DROP FUNCTION insurance_counts(text, uuid);
DROP FUNCTION insurance_as_of();
"""


class Migration(migrations.Migration):
    dependencies = [("insurance", "0003_screening_counters")]

    operations = [migrations.RunSQL(FUNCTIONS + CLOCK + PRICES + PACE + PAIRS + GENERICS, BACK)]
