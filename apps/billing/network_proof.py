"""What the nightly proof of the payer network holds against the invoices: whatever was paid was recorded, once.

The statements work out anew, in SQL, what `settled_sources` works out for the settling itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What each paid reconciliation says of each invoice: lines whose money was left out say nothing, the line that carries
# one says all of it with the outcome of its dispute.
SAID: Final = """
WITH said AS (
    SELECT r.id AS reconciliation, l.provider_id AS practice, c.source_id AS invoice,
           sum(CASE WHEN d.id IS NULL THEN l.covered
                    WHEN d.withheld_amount > 0 THEN f.covered + coalesce(d.outcome_amount, 0)
                    ELSE coalesce(d.outcome_amount, 0) END)::bigint AS amount
    FROM insurance_reconciliation r
    JOIN insurance_reconciliationline l ON l.reconciliation_id = r.id
    JOIN insurance_claim c ON c.id = l.claim_id
    LEFT JOIN insurance_dispute d ON d.carried_to_id = l.id
    LEFT JOIN insurance_reconciliationline f ON f.id = l.carried_from_id
    WHERE r.insurer_id = %(insurer)s AND r.status = 'paid' AND c.source_type = 'billing.invoice'
      AND NOT EXISTS (SELECT 1 FROM insurance_dispute w WHERE w.line_id = l.id AND w.withheld_amount > 0)
    GROUP BY r.id, l.provider_id, c.source_id
)"""

CHECKS: Final[dict[str, str]] = {
    # Every invoice of a paid reconciliation has its row, or a worker is at it and has been for less than a day.
    "paid_is_settled": """
        SELECT said.invoice FROM said
        JOIN billing_invoice i ON i.id = said.invoice
        WHERE NOT EXISTS (
            SELECT 1 FROM billing_networksettlement s
            WHERE s.reconciliation_id = said.reconciliation AND s.invoice_id = said.invoice
        ) AND NOT EXISTS (
            SELECT 1 FROM billing_settlementjob j
            WHERE j.reconciliation_id = said.reconciliation AND j.practice_id = said.practice
              AND j.state IN ('pending', 'claimed') AND j.created_at > now() - interval '1 day'
        )
    """,
    # A row says what its reconciliation says.
    "settled_is_what_was_paid": """
        SELECT s.invoice_id FROM billing_networksettlement s
        JOIN insurance_reconciliation r ON r.id = s.reconciliation_id
        LEFT JOIN said ON said.reconciliation = s.reconciliation_id AND said.invoice = s.invoice_id
        WHERE r.insurer_id = %(insurer)s AND s.asked IS DISTINCT FROM said.amount
    """,
    # Its payment is on that invoice, of that insurer, and moved no less than the row says: one payment, or several refunds.
    "settled_is_its_payment": """
        SELECT s.invoice_id FROM billing_networksettlement s
        JOIN insurance_reconciliation r ON r.id = s.reconciliation_id
        JOIN billing_payment p ON p.id = s.payment_id
        WHERE r.insurer_id = %(insurer)s AND (
            p.insurer_id <> r.insurer_id
            OR CASE WHEN s.settled > 0 THEN p.amount < s.settled ELSE p.amount NOT BETWEEN s.settled AND -1 END
            OR NOT EXISTS (
                SELECT 1 FROM billing_paymentallocation a JOIN billing_invoiceshare h ON h.id = a.share_id
                WHERE h.invoice_id = s.invoice_id AND a.payment_id IN (p.id, p.refunds_id)))
    """,
}


def settlement_checks() -> Mapping[str, str]:
    """Return the checks by name."""
    return {name: f"{SAID}\n{statement}" for name, statement in CHECKS.items()}
