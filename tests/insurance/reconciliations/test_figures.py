"""How long a month of claims takes, beside the bare statements that write the same rows."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
from django.db import connection, transaction

from apps.core.models import new_id
from apps.insurance.models import Claim, ReconciliationLine
from tests.figures import FULL, figure
from tests.insurance.reconciliations.making import (
    NOW,
    generated,
    make_many,
    make_network,
    make_provider,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.figures]
CLAIMS = 1_000_000 if FULL else 20_000
PROVIDERS = 200
MOST = 3.0

# The same rows in the same tables, with nothing decided: no claim is marked, nothing is kept back, numbered or hashed.
BARE_TOTALS = """
INSERT INTO insurance_reconciliationprovider (
    id, created_at, updated_at, insurer_id, reconciliation_id, provider_id, claims, total_amount, covered, retentions,
    credits, releases, carried_in, carried_out, net, certificate_number
)
SELECT gen_random_uuid(), %(at)s, %(at)s, insurer_id, %(whole)s, provider_id, count(*), sum(total_amount),
       sum(covered_amount), 0, 0, 0, 0, 0, sum(covered_amount), ''
FROM insurance_claim WHERE insurer_id = %(insurer)s AND status = 'approved' AND reconciliation_id IS NULL
GROUP BY insurer_id, provider_id
"""
BARE_LINES = """
INSERT INTO insurance_reconciliationline (
    id, created_at, updated_at, insurer_id, reconciliation_id, provider_row_id, provider_id, claim_id, kind, amount,
    covered, retention, net, is_live
)
SELECT gen_random_uuid(), %(at)s, %(at)s, claim.insurer_id, %(whole)s, total.id, claim.provider_id, claim.id, 'claim',
       claim.total_amount, claim.covered_amount, 0, claim.covered_amount, true
FROM insurance_claim claim JOIN insurance_reconciliationprovider total
  ON total.provider_id = claim.provider_id AND total.reconciliation_id = %(whole)s
WHERE claim.insurer_id = %(insurer)s AND claim.status = 'approved' AND claim.reconciliation_id IS NULL
"""
BARE_HEADER = """
INSERT INTO insurance_reconciliation (
    id, created_at, updated_at, insurer_id, number, sequence, period_start, period_end, cutoff_at, currency,
    total_claims, total_amount, total_covered, total_retentions, total_credits, total_releases, total_carried_out,
    total_net_payable, status, content_sha256, generated_at, disputed_amount, cancel_reason
)
VALUES (%(whole)s, %(at)s, %(at)s, %(insurer)s, 'BARE', 1, '2026-10-01', '2026-10-31', %(at)s, 'TND',
        0, 0, 0, 0, 0, 0, 0, 0, 'generated', '', %(at)s, 0, '')
"""


def bare(scene: Any) -> float:
    """Return the seconds of the bare statements, constraints included, and undo them."""
    values = {"whole": new_id(), "insurer": scene.insurer.pk, "at": NOW}
    start = perf_counter()
    with transaction.atomic():
        with connection.cursor() as cursor:
            for statement in (BARE_TOTALS, BARE_LINES, BARE_HEADER):
                cursor.execute(statement, values)
            # Foreign keys are checked at the end of a transaction; this one is rolled back, so it is asked for.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        seconds = perf_counter() - start
        transaction.set_rollback(True)
    return seconds


def test_reconciling_costs_at_most_three_times_the_bare_insert() -> None:
    scene = make_network()
    providers = [make_provider(f"Cabinet {number}", "medical") for number in range(PROVIDERS)]
    make_many(scene, providers, CLAIMS)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE insurance_claim")
    # The first pass over a fresh table pays for the others (hint bits, cache): the faster of two is the limit.
    plain = min(bare(scene), bare(scene))
    start = perf_counter()
    made = generated(scene)
    seconds = perf_counter() - start
    figure("reconciliation_claims", CLAIMS, "1000000")
    figure("reconciliation_bare_insert_seconds", round(plain, 2), "measured")
    figure("reconciliation_seconds", round(seconds, 2), "measured")
    figure("reconciliation_ratio", round(seconds / plain, 2), f"at most {MOST}")
    assert made.total_claims == CLAIMS == ReconciliationLine.objects.count()
    assert Claim.objects.filter(reconciliation=made).count() == CLAIMS
    assert seconds / plain <= MOST
