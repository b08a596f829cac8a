"""The statements that take a period's claims, whatever their number; see `reconciling` for the steps.

They go past the audited querysets on purpose (docs/adr/0005): one audited row, the reconciliation with its totals and
the hash of its lines, stands for all of them.
"""

from __future__ import annotations

from typing import Final

# What waits to be paid, and what claims come to per provider: the same for taking them and for looking at them.
WAITING: Final = """
    insurer_id = %(insurer)s AND currency = %(currency)s AND status = 'approved'
      AND reconciliation_id IS NULL AND validated_at <= %(cutoff)s
"""
SUMS: Final = """
SELECT provider_id, count(*),
       coalesce(sum(total_amount) FILTER (WHERE NOT is_reversal), 0)::bigint,
       coalesce(sum(covered_amount) FILTER (WHERE NOT is_reversal), 0)::bigint,
       coalesce(-sum(covered_amount) FILTER (WHERE is_reversal), 0)::bigint
FROM taken GROUP BY provider_id
"""


def with_sums(taken: str) -> str:
    """Complete a statement that takes, or looks at, what waits."""
    return taken.replace("/*waiting*/", WAITING) + SUMS


# A claim that is voided or taken into review meanwhile is skipped: its row is read anew once its lock is free.
TAKE: Final = with_sums("""
WITH taken AS (
    UPDATE insurance_claim SET reconciliation_id = %(reconciliation)s, updated_at = %(at)s
    WHERE /*waiting*/
    RETURNING provider_id, total_amount, covered_amount, reversal_of_id IS NOT NULL AS is_reversal
)
""")

# The same without taking anything.
LOOK: Final = with_sums("""
WITH taken AS (
    SELECT provider_id, total_amount, covered_amount, reversal_of_id IS NOT NULL AS is_reversal
    FROM insurance_claim
    WHERE /*waiting*/
)
""")

# Lines share their provider's retentions by what they cover: each gets the rounded share of the sum so far less that of
# the line before, so that the shares add up whatever the number of lines. Keys are version 7, counted up in the order
# of the document (RFC 9562, 6.2, method 1).
LINES: Final = """
WITH numbered AS (
    SELECT id, provider_id, total_amount, covered_amount, reversal_of_id IS NOT NULL AS is_reversal,
           row_number() OVER (ORDER BY provider_id, service_date, id) AS n,
           sum(greatest(covered_amount, 0)) OVER (
               PARTITION BY provider_id ORDER BY service_date, id ROWS UNBOUNDED PRECEDING
           ) AS upto
    FROM insurance_claim
    WHERE insurer_id = %(insurer)s AND status = 'approved' AND reconciliation_id = %(reconciliation)s
), shared AS (
    SELECT numbered.*, total.id AS total_id,
           CASE WHEN total.retentions = 0 OR is_reversal THEN 0 ELSE (
               round(total.retentions * upto / total.covered)
               - round(total.retentions * (upto - covered_amount) / total.covered)
           )::bigint END AS kept
    FROM numbered JOIN insurance_reconciliationprovider total
      ON total.provider_id = numbered.provider_id AND total.reconciliation_id = %(reconciliation)s
)
INSERT INTO insurance_reconciliationline (
    id, created_at, updated_at, insurer_id, reconciliation_id, provider_row_id, provider_id, claim_id, kind,
    amount, covered, retention, net, is_live
)
SELECT (%(stamp)s || '7' || lpad(to_hex(n >> 20), 3, '0') || '8' || lpad(to_hex(n & 1048575), 5, '0')
        || substr(md5(id::text), 1, 10))::uuid,
       %(at)s, %(at)s, %(insurer)s, %(reconciliation)s, total_id, provider_id, id,
       CASE WHEN is_reversal THEN 'reversal' ELSE 'claim' END,
       total_amount, covered_amount, kept, covered_amount - kept, true
FROM shared
"""

# One hash per provider over its lines, in an order that follows from what they say.
LINE_HASHES: Final = """
SELECT provider_id, encode(sha256(convert_to(string_agg(
    concat_ws('|', kind, claim_id, amount, covered, retention, net), E'\\n'
    ORDER BY claim_id, kind COLLATE "C", net, amount
), 'UTF8')), 'hex')
FROM insurance_reconciliationline WHERE reconciliation_id = %(reconciliation)s GROUP BY provider_id
"""

# What providers still owe from before: carried out of one reconciliation, not yet taken into another.
CARRIED: Final = """
SELECT total.provider_id, sum(total.carried_out - total.carried_in)::bigint
FROM insurance_reconciliationprovider total
JOIN insurance_reconciliation whole ON whole.id = total.reconciliation_id
WHERE total.insurer_id = %(insurer)s AND whole.currency = %(currency)s AND whole.status <> 'cancelled'
  AND (total.carried_out <> 0 OR total.carried_in <> 0)
GROUP BY total.provider_id HAVING sum(total.carried_out - total.carried_in) <> 0
"""

FREE_CLAIMS: Final = """
UPDATE insurance_claim SET reconciliation_id = NULL, updated_at = %(at)s
WHERE insurer_id = %(insurer)s AND status = 'approved' AND reconciliation_id = %(reconciliation)s
"""

KILL_LINES: Final = """
UPDATE insurance_reconciliationline SET is_live = false, updated_at = %(at)s
WHERE reconciliation_id = %(reconciliation)s
"""

# Lines whose money was left out of the payment wait for the reconciliation that carries them.
SETTLE: Final = """
UPDATE insurance_claim SET status = 'paid', paid_at = %(at)s, updated_at = %(at)s
WHERE insurer_id = %(insurer)s AND status = 'approved' AND reconciliation_id = %(reconciliation)s
  AND NOT id = ANY(%(withheld)s)
"""

SETTLE_CARRIED: Final = """
UPDATE insurance_claim SET status = 'paid', paid_at = %(at)s, updated_at = %(at)s
WHERE status = 'approved' AND id IN (
    SELECT claim_id FROM insurance_reconciliationline
    WHERE reconciliation_id = %(reconciliation)s AND kind IN ('carry', 'dispute_outcome')
)
"""
