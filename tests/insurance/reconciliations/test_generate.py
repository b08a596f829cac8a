"""Generating reconciliations."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput
from apps.insurance.bordereau import content_now, sha256_of
from apps.insurance.models import Claim, Reconciliation, ReconciliationLine, Retention
from apps.insurance.services.reconciling import MixedCurrencies, NothingToReconcile, PeriodTaken
from tests.insurance.reconciliations.making import (
    FEES,
    Network,
    generated,
    make_claim,
    make_many,
    make_network,
    make_provider,
    worked_case,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(db: None) -> Network:
    return make_network()


def totals(row: Reconciliation) -> tuple[int, ...]:
    return (
        row.total_claims,
        row.total_covered,
        row.total_retentions,
        row.total_credits,
        row.total_releases,
        row.total_net_payable,
    )


class TestGenerate:
    def test_adds_up_the_worked_case(self, scene) -> None:
        worked_case(scene)
        made = generated(scene)
        assert made.number == "BRD-STAR-202611-0001"
        assert totals(made) == (3, 5_555_682, 129_633, 0, 0, 5_426_049)
        rows = {row.provider_id: row for row in made.providers.all()}
        doctor, pharmacy = rows[scene.doctor.pk], rows[scene.pharmacy.pk]
        assert (doctor.covered, doctor.retentions, doctor.net) == (4_321_115, 129_633, 4_191_482)
        assert (pharmacy.covered, pharmacy.retentions, pharmacy.net) == (1_234_567, 0, 1_234_567)
        kept = Retention.objects.get(reconciliation=made)
        assert (kept.code, kept.base_amount, kept.rate_bp, kept.amount) == ("RS3", 4_321_115, 300, 129_633)
        assert kept.certificate_number == doctor.certificate_number == "RS-STAR-202611-0001-0001"

    def test_gives_lines_retentions_that_add_up_to_the_providers(self, scene) -> None:
        worked_case(scene)
        made = generated(scene)
        lines = ReconciliationLine.objects.filter(reconciliation=made, provider=scene.doctor)
        assert sorted(lines.values_list("covered", "retention", "net")) == [
            (321_115, 9_633, 311_482),
            (4_000_000, 120_000, 3_880_000),
        ]

    def test_marks_the_claims(self, scene) -> None:
        worked_case(scene)
        made = generated(scene)
        assert set(Claim.objects.values_list("reconciliation", "status")) == {(made.pk, "approved")}

    def test_takes_late_claims_and_leaves_those_approved_after_the_period(self, scene) -> None:
        early = make_claim(scene, scene.doctor, 100, at=datetime(2026, 10, 3, 9, tzinfo=UTC))
        # Half past midnight of 1 December in Tunis is still 30 November in UTC.
        make_claim(scene, scene.doctor, 200, at=datetime(2026, 11, 30, 23, 30, tzinfo=UTC))
        last = make_claim(scene, scene.doctor, 300, at=datetime(2026, 11, 30, 22, 30, tzinfo=UTC))
        made = generated(scene)
        assert set(made.lines.values_list("claim", flat=True)) == {early.pk, last.pk}

    @pytest.mark.parametrize("status", ["pending_review", "blocked", "rejected", "eligible"])
    def test_leaves_what_is_not_approved(self, scene, status) -> None:
        make_claim(scene, scene.doctor, 100, status=status)
        with pytest.raises(NothingToReconcile):
            generated(scene)

    def test_leaves_another_insurers_claims(self, scene) -> None:
        worked_case(make_network("GAT"))
        with pytest.raises(NothingToReconcile):
            generated(scene)

    def test_returns_the_one_that_stands_when_asked_again(self, scene) -> None:
        worked_case(scene)
        made = generated(scene)
        make_claim(scene, scene.doctor, 100)
        again = generated(scene)
        assert again.pk == made.pk
        assert Reconciliation.objects.count() == 1

    def test_refuses_a_period_that_overlaps(self, scene) -> None:
        worked_case(scene)
        generated(scene)
        with pytest.raises(PeriodTaken) as refused:
            generated(scene, date(2026, 11, 15), date(2026, 12, 1))
        assert refused.value.details == {"number": "BRD-STAR-202611-0001"}

    def test_refuses_a_period_that_ends_before_it_starts_or_has_not_begun(self, scene) -> None:
        with pytest.raises(InvalidInput):
            generated(scene, date(2026, 11, 2), date(2026, 11, 1))
        with pytest.raises(InvalidInput):
            generated(scene, date(2026, 12, 2), date(2026, 12, 31))

    def test_splits_by_currency(self, scene) -> None:
        worked_case(scene)
        make_claim(scene, make_provider("Cabinet Sud", "medical", "EUR"), 5_000, currency="EUR")
        with pytest.raises(MixedCurrencies) as refused:
            generated(scene)
        assert sorted(refused.value.details["currencies"]) == ["EUR", "TND"]
        dinars, euros = generated(scene, currency="TND"), generated(scene, currency="EUR")
        assert (dinars.total_covered, euros.total_covered) == (5_555_682, 5_000)
        assert euros.number == "BRD-STAR-202611-0002"

    def test_takes_reversals_as_credits_and_carries_a_debt_forward(self, scene) -> None:
        paid = make_claim(scene, scene.pharmacy, 1_000)
        first = generated(scene, date(2026, 11, 1), date(2026, 11, 10))
        assert first.total_net_payable == 1_000
        at = datetime(2026, 11, 12, 9, tzinfo=UTC)
        make_claim(scene, scene.pharmacy, -1_000, at=at, reversal_of=paid)
        make_claim(scene, scene.pharmacy, 300, at=at)
        second = generated(scene, date(2026, 11, 11), date(2026, 11, 20))
        row = second.providers.get()
        assert (row.covered, row.credits, row.carried_in, row.carried_out, row.net) == (300, 1_000, 0, 700, 0)
        assert (second.total_net_payable, second.total_carried_out) == (0, 700)
        make_claim(scene, scene.pharmacy, 1_000, at=datetime(2026, 11, 22, 9, tzinfo=UTC))
        third = generated(scene, date(2026, 11, 21), date(2026, 11, 30))
        row = third.providers.get()
        assert (row.credits, row.carried_in, row.carried_out, row.net) == (700, 700, 0, 300)

    def test_gives_the_same_content_for_the_same_claims(self, scene) -> None:
        worked_case(scene)
        hashes = []
        for _round in range(2):
            with transaction.atomic():
                made = generated(scene)
                hashes.append(made.content_sha256)
                transaction.set_rollback(True)
        assert hashes[0] == hashes[1] == generated(scene).content_sha256

    def test_hashes_what_the_rows_say(self, scene) -> None:
        worked_case(scene)
        made = generated(scene)
        stored = Reconciliation.objects.get(pk=made.pk)
        assert sha256_of(content_now(stored)) == stored.content_sha256

    def test_leaves_one_audit_entry_with_totals_and_hash(self, scene) -> None:
        worked_case(scene)
        before = AuditEntry.objects.count()
        made = generated(scene)
        entry = AuditEntry.objects.get(object_pk=str(made.pk))
        assert AuditEntry.objects.count() == before + 1
        assert entry.event == "insurance.reconciliation.generate"
        assert entry.changes["total_net_payable"] == [None, 5_426_049]
        assert entry.changes["content_sha256"] == [None, made.content_sha256]

    def test_asks_the_same_number_of_statements_for_one_claim_and_for_hundreds(self, scene) -> None:
        counts = []
        worked_case(scene)
        generated(scene)  # the kinds of object are looked up once per process
        for number, code in ((3, "UN"), (600, "MIL")):
            other = make_network(code, retentions=[FEES])
            make_many(other, [make_provider(f"P{i} {code}", "medical") for i in range(number // 3)], number)
            with CaptureQueriesContext(connection) as asked:
                generated(other)
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 24
