"""The two statements screening reads with; see `gathering` for what becomes of them."""

from __future__ import annotations

from typing import Final

# What counts against a person or a provider: neither refused nor blocked, no reversal, and not taken back by one.
_LIVE: Final = """
    c.status IN ('pending', 'eligible', 'approved', 'pending_review', 'paid') AND c.reversal_of_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM insurance_claim r WHERE r.reversal_of_id = c.id) AND c.id <> %(claim)s
"""

# Lines near the day, lines of the same codes within their window, and all that was ever done on the same teeth.
HISTORY: Final = f"""
SELECT c.id, c.provider_id, p.kind, c.type, c.service_date, c.submitted_at, p.timezone, p.lat, p.lng,
       i.code, i.quantity, i.line_total, i.tooth, i.surfaces, i.covered_amount > 0
FROM insurance_claim c
JOIN insurance_claimitem i ON i.claim_id = c.id
JOIN directory_practice p ON p.id = c.provider_id
WHERE c.adherent_id = %(adherent)s AND c.insurer_id = %(insurer)s AND {_LIVE}
  AND (
    c.service_date BETWEEN %(day)s::date - %(near)s::int AND %(day)s::date + %(near)s::int
    OR (i.code = ANY(%(codes)s)
        AND c.service_date BETWEEN %(day)s::date - %(window)s::int AND %(day)s::date + %(window)s::int)
    OR i.tooth = ANY(%(teeth)s)
  )
ORDER BY c.id, i.sequence
"""  # noqa: S608 - only the constant above is set in

COUNTERS: Final = f"""
SELECT json_build_object(
  'practitioner_day', CASE WHEN %(counts_days)s AND (
      %(practitioner)s <> '' OR (
        SELECT count(*) FROM directory_practitioner
        WHERE practice_id = %(provider)s AND kind = 'practitioner' AND is_active
      ) <= 1
    ) THEN (
    SELECT json_build_object(
        'minutes', COALESCE(sum(i.minutes * i.quantity), 0),
        'other_patients', count(DISTINCT c.adherent_id) FILTER (WHERE c.adherent_id <> %(adherent)s)
    )
    FROM insurance_claim c JOIN insurance_claimitem i ON i.claim_id = c.id
    WHERE c.provider_id = %(provider)s AND c.service_date = %(day)s AND c.insurer_id = %(insurer)s
      AND c.practitioner_ref = %(practitioner)s AND {_LIVE}
  ) END,
  'pace', (
    SELECT json_build_object(
        'last_ten_minutes', count(*) FILTER (WHERE c.submitted_at > %(at)s::timestamptz - interval '10 minutes'),
        'last_hour', count(*),
        'p99', (SELECT p99 FROM insurance_provider_pace
                WHERE insurer_id = %(insurer)s AND provider_id = %(provider)s),
        'hours', (SELECT hours FROM insurance_provider_pace
                  WHERE insurer_id = %(insurer)s AND provider_id = %(provider)s)
    )
    FROM insurance_claim c
    WHERE c.provider_id = %(provider)s AND c.insurer_id = %(insurer)s AND {_LIVE}
      AND c.submitted_at > %(at)s::timestamptz - interval '1 hour' AND c.submitted_at <= %(at)s
  ),
  'has_earlier_claims', %(waits)s AND EXISTS (
    SELECT 1 FROM insurance_claim c
    WHERE c.adherent_id = %(adherent)s AND c.insurer_id = %(insurer)s AND {_LIVE}
  ),
  'covered_in_30_days', (
    SELECT COALESCE(sum(c.covered_amount), 0) FROM insurance_claim c
    WHERE c.contract_id = %(contract)s AND c.service_date > %(month)s AND c.service_date <= %(day)s AND {_LIVE}
  ),
  'bands', (
    SELECT json_agg(json_build_object('limit', band, 'claims', claims)) FROM (
      SELECT band, COALESCE((
        SELECT json_agg(near.id ORDER BY near.id) FROM (
          SELECT c.id FROM insurance_claim c
          WHERE c.provider_id = %(provider)s AND c.insurer_id = %(insurer)s AND {_LIVE}
            AND c.submitted_at > %(at)s::timestamptz - interval '30 days' AND c.submitted_at <= %(at)s
            AND c.total_amount <= band AND 100 * (band - c.total_amount) <= %(percent)s::numeric * band
          ORDER BY c.submitted_at DESC LIMIT 50
        ) near
      ), '[]'::json) AS claims
      FROM unnest(%(limits)s::bigint[]) AS band
    ) bands
  ),
  'peers', (
    SELECT json_agg(json_build_object(
        'code', code, 'city', city, 'n', n, 'median', median, 'mad', mad, 'p95', p95
    ))
    FROM insurance_peer_price
    WHERE insurer_id = %(insurer)s AND currency = %(currency)s AND code = ANY(%(codes)s) AND kind = %(kind)s
      AND country = %(country)s AND city IN ('', %(city)s)
  ),
  'pair', (
    SELECT json_build_object(
        'together', together, 'of_prescriber', of_prescriber, 'of_provider', of_provider, 'of_all', of_all
    )
    FROM insurance_prescriber_pair
    WHERE insurer_id = %(insurer)s AND provider_id = %(provider)s
      AND prescriber = insurance_prescriber_key(%(prescriber)s)
  ),
  'generics', CASE WHEN %(refuses)s THEN (
    SELECT json_build_object(
        'own', lines, 'own_refused', refused, 'peers', peer_lines, 'peers_refused', peer_refused
    )
    FROM insurance_generic_refusal WHERE insurer_id = %(insurer)s AND provider_id = %(provider)s
  ) END,
  'alone_in_town', %(prescriber)s <> '' AND NOT EXISTS (
    SELECT 1 FROM directory_practice
    WHERE kind = %(kind)s AND country = %(country)s AND lower(btrim(city)) = %(city)s AND is_active
      AND id <> %(provider)s
  ),
  'hours', (
    SELECT json_agg(json_build_object('weekday', weekday, 'opens', opens_at, 'closes', closes_at))
    FROM directory_openinghours
    WHERE practice_id = %(provider)s AND practitioner_id IS NULL
      AND (valid_from IS NULL OR valid_from <= %(day)s) AND (valid_until IS NULL OR valid_until > %(day)s)
  ),
  -- What another insurer knows leaves the database as two booleans.
  'another_person', EXISTS (
    SELECT 1 FROM insurance_adherent a
    WHERE a.national_id_hash = %(identity)s AND a.insurer_id <> %(insurer)s AND a.deleted_at IS NULL
      AND (a.date_of_birth <> %(birth)s OR a.gender <> %(gender)s)
  ),
  'same_care', EXISTS (
    SELECT 1 FROM insurance_adherent a
    JOIN directory_insurer o ON o.id = a.insurer_id AND o.kind = %(insurer_kind)s
    JOIN insurance_contractmember m ON m.adherent_id = a.id AND m.joined_on <= %(day)s
         AND (m.left_on IS NULL OR m.left_on >= %(day)s)
    JOIN insurance_contract k ON k.id = m.contract_id AND k.coverage ? %(type)s
         AND %(day)s BETWEEN k.start_date AND k.end_date
         AND (k.status IN ('active', 'expired') OR k.status_from > %(day)s)
    WHERE a.national_id_hash = %(identity)s AND a.insurer_id <> %(insurer)s AND a.deleted_at IS NULL
  ),
  'first_of_convention', %(convention_start)s::date IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM insurance_claim c
    WHERE c.provider_id = %(provider)s AND c.insurer_id = %(insurer)s
      AND c.service_date >= %(convention_start)s AND {_LIVE}
  )
)
"""  # noqa: S608 - only the constant above is set in
