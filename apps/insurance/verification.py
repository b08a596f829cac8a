"""The proof that the network's books agree: ledger, balances, claims and reconciliations held against each other.

Each check is one statement that returns the keys of what does not fit; nothing is read twice, nothing is changed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from django.db import connection

from apps.core.crypto import DecryptionFailed
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer
from apps.insurance.bordereau import content_now, sha256_of
from apps.insurance.hooks import network_checks
from apps.insurance.models import NetworkProof, Reconciliation

# As many keys as somebody can look into; the count tells the rest.
MOST_KEYS: Final = 20

CHECKS: Final[dict[str, str]] = {
    # A balance is the sum of its ledger.
    "balance_is_its_ledger": """
        SELECT b.id FROM insurance_contractbalance b
        LEFT JOIN insurance_balanceentry e ON e.balance_id = b.id
        WHERE b.insurer_id = %(insurer)s GROUP BY b.id, b.used HAVING b.used <> coalesce(sum(e.delta), 0)
    """,
    # A claim that holds an amount has reserved what it covers under each limit, any other nothing.
    "reserve_is_what_is_covered": """
        SELECT DISTINCT c.id FROM insurance_claim c
        JOIN insurance_balanceentry e ON e.claim_id = c.id JOIN insurance_contractbalance b ON b.id = e.balance_id
        WHERE c.insurer_id = %(insurer)s AND b.scope NOT LIKE 'deductible:%%'
        GROUP BY c.id, c.covered_amount, c.status, b.id
        HAVING sum(e.delta) <> CASE
            WHEN c.status IN ('eligible', 'approved', 'pending_review', 'paid') THEN c.covered_amount ELSE 0 END
    """,
    # A claim is the sum of its lines.
    "claim_is_its_items": """
        SELECT c.id FROM insurance_claim c LEFT JOIN insurance_claimitem i ON i.claim_id = c.id
        WHERE c.insurer_id = %(insurer)s AND c.status <> 'pending' GROUP BY c.id
        HAVING (c.total_amount, c.covered_amount, c.copay_amount, c.writeoff_amount) IS DISTINCT FROM (
            coalesce(sum(i.line_total), 0)::bigint, coalesce(sum(i.covered_amount), 0)::bigint,
            coalesce(sum(i.copay_amount), 0)::bigint, coalesce(sum(i.writeoff_amount), 0)::bigint)
    """,
    # A reconciled claim has one line that stands, of its reconciliation and with its amounts; and the other way round.
    "claim_is_its_line": """
        SELECT coalesce(c.id, l.claim_id) FROM (
            SELECT * FROM insurance_claim WHERE insurer_id = %(insurer)s AND reconciliation_id IS NOT NULL
        ) c FULL JOIN (
            SELECT * FROM insurance_reconciliationline
            WHERE insurer_id = %(insurer)s AND is_live AND kind IN ('claim', 'reversal')
        ) l ON l.claim_id = c.id
        WHERE (c.reconciliation_id, c.provider_id, c.total_amount, c.covered_amount) IS DISTINCT FROM
              (l.reconciliation_id, l.provider_id, l.amount, l.covered)
    """,
    # Only lines of a cancelled reconciliation do not stand.
    "line_stands_with_its_reconciliation": """
        SELECT l.id FROM insurance_reconciliationline l JOIN insurance_reconciliation r ON r.id = l.reconciliation_id
        WHERE l.insurer_id = %(insurer)s AND l.is_live <> (r.status <> 'cancelled')
    """,
    # A provider's total is the sum of its lines, of what is released to it, and of what it owed from before.
    "total_is_its_lines": """
        SELECT p.id FROM insurance_reconciliationprovider p
        LEFT JOIN (
            SELECT provider_row_id, count(*) FILTER (WHERE kind IN ('claim', 'reversal')) AS claims,
                   sum(amount) FILTER (WHERE kind = 'claim') AS asked,
                   sum(covered) FILTER (WHERE kind = 'claim') AS covered, sum(retention) AS kept,
                   -coalesce(sum(covered) FILTER (WHERE kind <> 'claim' AND covered < 0), 0) AS taken,
                   coalesce(sum(covered) FILTER (WHERE kind <> 'claim' AND covered > 0), 0) AS given
            FROM insurance_reconciliationline WHERE insurer_id = %(insurer)s GROUP BY provider_row_id
        ) l ON l.provider_row_id = p.id
        LEFT JOIN (
            SELECT released_in_id, provider_id, sum(amount) AS amount
            FROM insurance_retention WHERE insurer_id = %(insurer)s GROUP BY released_in_id, provider_id
        ) g ON g.released_in_id = p.reconciliation_id AND g.provider_id = p.provider_id
        JOIN insurance_reconciliation r ON r.id = p.reconciliation_id
        WHERE p.insurer_id = %(insurer)s AND r.status <> 'cancelled'
          AND (p.claims, p.total_amount, p.covered, p.retentions, p.credits, p.releases) IS DISTINCT FROM (
            coalesce(l.claims, 0)::integer, coalesce(l.asked, 0)::bigint, coalesce(l.covered, 0)::bigint,
            coalesce(l.kept, 0)::bigint, (coalesce(l.taken, 0) + p.carried_in)::bigint,
            (coalesce(l.given, 0) + coalesce(g.amount, 0))::bigint)
    """,
    # What is kept back of a provider is the sum of its codes.
    "retention_is_its_codes": """
        SELECT p.id FROM insurance_reconciliationprovider p
        LEFT JOIN insurance_retention k ON k.provider_row_id = p.id
        WHERE p.insurer_id = %(insurer)s GROUP BY p.id HAVING p.retentions <> coalesce(sum(k.amount), 0)
    """,
    # A header is the sum of its providers.
    "header_is_its_totals": """
        SELECT r.id FROM insurance_reconciliation r
        LEFT JOIN insurance_reconciliationprovider p ON p.reconciliation_id = r.id
        WHERE r.insurer_id = %(insurer)s GROUP BY r.id
        HAVING (r.total_claims, r.total_amount, r.total_covered, r.total_retentions, r.total_credits, r.total_releases,
                r.total_carried_out, r.total_net_payable) IS DISTINCT FROM (
            coalesce(sum(p.claims), 0)::integer, coalesce(sum(p.total_amount), 0)::bigint,
            coalesce(sum(p.covered), 0)::bigint, coalesce(sum(p.retentions), 0)::bigint,
            coalesce(sum(p.credits), 0)::bigint, coalesce(sum(p.releases), 0)::bigint,
            coalesce(sum(p.carried_out), 0)::bigint, coalesce(sum(p.net), 0)::bigint)
    """,
    # No debt is taken over twice, nor one that nobody carried forward.
    "debt_is_taken_over_once": """
        SELECT p.provider_id FROM insurance_reconciliationprovider p
        JOIN insurance_reconciliation r ON r.id = p.reconciliation_id
        WHERE p.insurer_id = %(insurer)s AND r.status <> 'cancelled'
        GROUP BY p.provider_id, r.currency HAVING sum(p.carried_out - p.carried_in) < 0
    """,
    # Claims are paid when their reconciliation is, but those whose line was left out of the payment.
    "paid_with_its_reconciliation": """
        SELECT c.id FROM insurance_claim c LEFT JOIN insurance_reconciliation r ON r.id = c.reconciliation_id
        WHERE c.insurer_id = %(insurer)s AND (
            (c.status = 'paid' AND r.status IS DISTINCT FROM 'paid')
            OR (c.status = 'approved' AND r.status = 'paid' AND NOT EXISTS (
                SELECT 1 FROM insurance_dispute d JOIN insurance_reconciliationline l ON l.id = d.line_id
                WHERE l.claim_id = c.id AND l.reconciliation_id = r.id AND d.withheld_amount > 0)))
    """,
    # What was left out of a payment is what the disputes of its lines say.
    "withheld_is_its_disputes": """
        SELECT r.id FROM insurance_reconciliation r
        LEFT JOIN insurance_reconciliationline l ON l.reconciliation_id = r.id
             AND EXISTS (SELECT 1 FROM insurance_dispute d WHERE d.line_id = l.id)
        LEFT JOIN insurance_dispute d ON d.line_id = l.id
        WHERE r.insurer_id = %(insurer)s AND r.status = 'paid'
        GROUP BY r.id HAVING r.disputed_amount <> coalesce(sum(d.withheld_amount), 0)
    """,
}
HASH: Final = "content_is_its_hash"


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not fit: the check, how many rows, and the first keys."""

    check: str
    count: int
    ids: list[str]


def all_checks() -> dict[str, str]:
    """Return every check: the network's own, and those of the apps its claims were made in."""
    further = network_checks.gather()
    return {**CHECKS, **{name: text for checks in further for name, text in checks.items()}}


def verify_insurer(insurer: Insurer) -> list[Finding]:
    """Run every check on an insurer's books and return what does not fit."""
    findings = []
    with connection.cursor() as cursor:
        for name, statement in all_checks().items():
            cursor.execute(statement, {"insurer": insurer.pk})
            found = sorted(str(key) for (key,) in cursor.fetchall())
            if found:
                findings.append(Finding(name, len(found), found[:MOST_KEYS]))
    rows = Reconciliation.objects.filter(insurer=insurer).exclude(status=Reconciliation.Status.CANCELLED)
    forged = [str(row.pk) for row in rows.order_by("pk") if not is_its_hash(row)]
    if forged:
        findings.append(Finding(HASH, len(forged), forged[:MOST_KEYS]))
    return findings


def is_its_hash(row: Reconciliation) -> bool:
    """Whether a reconciliation still says what it was hashed with; an account that does not open says nothing."""
    try:
        return sha256_of(content_now(row)) == row.content_sha256
    except DecryptionFailed:
        return False


@service("insurance.network.prove")
def prove_insurer(*, actor: Viewer, insurer: Insurer, at: datetime) -> NetworkProof:
    """Verify an insurer's books in one snapshot and keep the outcome, which health and the admin show."""
    start = perf_counter()
    findings = verify_insurer(insurer)
    proof: NetworkProof = NetworkProof.objects.create(
        insurer=insurer,
        ran_at=at,
        seconds=round(perf_counter() - start, 3),
        is_sound=not findings,
        checked={"checks": len(all_checks()) + 1},
        findings=[asdict(finding) for finding in findings],
    )
    return proof


def unsound_insurers() -> int:
    """Return how many insurers' last proof found something."""
    latest: Any = NetworkProof.objects.last_of_each()
    return sum(not sound for sound in latest.values_list("is_sound", flat=True))


class BooksDisagree(Exception):
    """The last proof of some insurer found something."""


def check_network() -> None:
    """Raise unless every insurer's last proof found the books in agreement."""
    if unsound_insurers():
        raise BooksDisagree
