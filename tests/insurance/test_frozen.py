"""What the database itself refuses: rewriting decisions, stepping where no step leads, undoing a ledger."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core.context import bind
from apps.insurance.models import (
    Adherent,
    BalanceEntry,
    Claim,
    ClaimAdjudication,
    ClaimItem,
    ContractBalance,
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
)
from apps.insurance.states import CLAIM
from tests.insurance.making import (
    MAKER,
    NOW,
    make_adherent,
    make_bareme,
    make_contract,
    make_convention,
    make_practice,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _somebody():
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.frozen"):
        yield


@pytest.fixture
def bareme(insurer):
    return make_bareme(make_convention(insurer, make_practice("Pharmacie du Lac", "pharmacy")))


def make_claim(bareme: Any, status: str = "pending", number: int = 1, **fields: Any) -> Claim:
    contract = make_contract(bareme.convention.insurer)
    values: dict[str, Any] = {
        "insurer": contract.insurer, "provider": bareme.convention.practice, "contract": contract,
        "adherent": contract.adherent, "type": "pharmacy", "service_date": date(2026, 6, 30), "submitted_at": NOW,
        "status": status, "validated_at": NOW if status in {"approved", "paid"} else None, "currency": "TND",
        "total_amount": 10_000, "covered_amount": 8_000, "copay_amount": 2_000, "bareme": bareme,
        "idempotency_key": f"key-{number}", "body_sha256": "0" * 64, **fields,
    }  # fmt: skip
    return Claim.objects.create(**values)


def make_item(claim: Claim, **fields: Any) -> ClaimItem:
    values: dict[str, Any] = {
        "insurer": claim.insurer, "provider": claim.provider, "claim": claim, "sequence": 1, "code": "MED-B",
        "quantity": 1, "unit_price": 10_000, "line_total": 10_000, "covered_amount": 8_000, "copay_amount": 2_000, **fields,
    }  # fmt: skip
    return ClaimItem.objects.create(**values)


def make_reconciliation(insurer: Any, **fields: Any) -> Reconciliation:
    values: dict[str, Any] = {
        "insurer": insurer, "number": "BRD-1", "sequence": 1, "period_start": date(2026, 6, 1),
        "period_end": date(2026, 6, 30), "cutoff_at": NOW, "currency": "TND", "generated_at": NOW, **fields,
    }  # fmt: skip
    return Reconciliation.objects.create(**values)


def refused(rows: Any, **changes: Any) -> bool:
    try:
        with transaction.atomic():
            rows.update(**changes)
    except IntegrityError:
        return True
    return False


class TestClaims:
    def test_steps_are_those_of_the_table(self, bareme) -> None:
        """The trigger and the table in states.py say the same, pair by pair."""
        allowed = {(str(s), str(t.target)) for t in CLAIM.transitions for s in t.sources}
        found = set()
        for number, before in enumerate(CLAIM.states):
            if before == "paid":
                continue  # a paid claim stands in a reconciliation: below
            claim = make_claim(bareme, before, number, validated_at=NOW)
            for after in CLAIM.states:
                sid = transaction.savepoint()
                changes: dict[str, object] = {"status": after}
                if after == "paid":
                    changes["reconciliation"] = make_reconciliation(claim.insurer)
                if before != after and not refused(Claim.objects.filter(pk=claim.pk), **changes):
                    found.add((before, after))
                transaction.savepoint_rollback(sid)
        assert found == allowed

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("total_amount", 10_001), ("service_date", date(2026, 6, 29)), ("idempotency_key", "other"), ("currency", "EUR"),
            ("type", "dental"), ("submitted_at", NOW + timedelta(1)), ("body_sha256", "1" * 64),
        ],
    )  # fmt: skip
    def test_what_was_asked_never_changes(self, bareme, field, value) -> None:
        claim = make_claim(bareme)
        assert refused(Claim.objects.filter(pk=claim.pk), **{field: value})

    def test_amounts_add_up(self, bareme) -> None:
        claim = make_claim(bareme)
        rows = Claim.objects.filter(pk=claim.pk)
        assert refused(rows, covered_amount=8_001)
        assert refused(rows, covered_amount=12_000, copay_amount=-2_000)
        assert not refused(rows, covered_amount=7_000, copay_amount=2_000, writeoff_amount=1_000)

    def test_lines_join_a_pending_claim_only(self, bareme) -> None:
        claim = make_claim(bareme)
        item = make_item(claim)
        Claim.objects.filter(pk=claim.pk).update(status="pending_review")
        assert refused(ClaimItem.objects.filter(pk=item.pk), quantity=2, unit_price=5_000)
        assert not refused(ClaimItem.objects.filter(pk=item.pk), covered_amount=7_000, copay_amount=3_000)
        with pytest.raises(IntegrityError, match="pending claim only"), transaction.atomic():
            make_item(claim, sequence=2)

    def test_a_reconciled_claim_is_paid_or_set_free(self, bareme) -> None:
        claim = make_claim(bareme)
        item = make_item(claim)
        rows = Claim.objects.filter(pk=claim.pk)
        rows.update(status="approved", validated_at=NOW)
        reconciliation = make_reconciliation(claim.insurer)
        rows.update(reconciliation=reconciliation)
        for change in (
            {"covered_amount": 7_000, "copay_amount": 3_000}, {"status": "pending_review"}, {"status": "rejected"},
            {"reconciliation": None}, {"fraud_score": 9},
        ):  # fmt: skip
            assert refused(rows, **change), change
        assert refused(ClaimItem.objects.filter(pk=item.pk), covered_amount=7_000, copay_amount=3_000)
        sid = transaction.savepoint()
        assert not refused(rows, status="paid", paid_at=NOW)
        assert refused(rows, status="approved")
        transaction.savepoint_rollback(sid)
        Reconciliation.objects.filter(pk=reconciliation.pk).update(status="cancelled", cancelled_at=NOW)
        assert not refused(rows, reconciliation=None)

    def test_one_live_claim_per_fingerprint(self, bareme) -> None:
        make_claim(bareme, "approved", 1, fingerprint="f" * 64)
        make_claim(bareme, "blocked", 2, fingerprint="f" * 64)
        with pytest.raises(IntegrityError, match="fingerprint"), transaction.atomic():
            make_claim(bareme, "approved", 3, fingerprint="f" * 64)

    def test_prices_are_in_force_on_the_day_of_care(self, bareme) -> None:
        with pytest.raises(IntegrityError, match="not in force"), transaction.atomic():
            make_claim(bareme, service_date=date(2025, 12, 31))


class TestLedger:
    def test_balances_stay_within_their_limit(self, insurer) -> None:
        balance = ContractBalance.objects.create(
            insurer=insurer, contract=make_contract(insurer), scope="*", period_start=date(2026, 1, 1),
            period_end=date(2026, 12, 31), limit_amount=100, used=100,
        )  # fmt: skip
        rows = ContractBalance.objects.filter(pk=balance.pk)
        assert refused(rows, used=101)
        assert refused(rows, used=-1)

    @pytest.mark.parametrize("table", ["balanceentry", "claimadjudication"])
    def test_is_append_only(self, bareme, table) -> None:
        claim = make_claim(bareme)
        balance = ContractBalance.objects.create(
            insurer=claim.insurer, contract=claim.contract, scope="*", period_start=date(2026, 1, 1),
            period_end=date(2026, 12, 31), used=8_000,
        )  # fmt: skip
        BalanceEntry.objects.create(
            insurer=claim.insurer,
            balance=balance,
            claim=claim,
            seq=1,
            delta=8_000,
            kind="reserve",
            made_at=NOW,
        )
        ClaimAdjudication.objects.create(
            insurer=claim.insurer, claim=claim, version=1, made_at=NOW, engine_version="1", inputs={}, result={},
            inputs_sha256="0" * 64,
        )  # fmt: skip
        statements = (
            f"UPDATE insurance_{table} SET made_at = now()",  # noqa: S608 - the names stand above
            f"DELETE FROM insurance_{table}",  # noqa: S608 - as above
            f"TRUNCATE insurance_{table} CASCADE",
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            with (
                pytest.raises(IntegrityError, match="refused"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


class TestReconciliations:
    def test_periods_do_not_overlap(self, insurer) -> None:
        first = make_reconciliation(insurer)
        later = {"number": "BRD-2", "period_start": date(2026, 6, 30), "period_end": date(2026, 7, 31)}
        with pytest.raises(IntegrityError, match="no_overlap"), transaction.atomic():
            make_reconciliation(insurer, **later)
        Reconciliation.objects.filter(pk=first.pk).update(status="cancelled", cancelled_at=NOW)
        make_reconciliation(insurer, **later)

    def test_what_was_sent_never_changes(self, insurer, practice) -> None:
        sums = {"total_amount": 10, "total_covered": 10, "total_net_payable": 10}
        header = make_reconciliation(insurer, **sums)
        rows = Reconciliation.objects.filter(pk=header.pk)
        rows.update(status="sent", sent_at=NOW)
        assert refused(rows, content_sha256="x")
        assert refused(rows, total_covered=9, total_net_payable=9)
        with pytest.raises(IntegrityError, match="whose reconciliation was sent"), transaction.atomic():
            ReconciliationProvider.objects.create(insurer=insurer, reconciliation=header, provider=practice)
        rows.update(
            status="paid",
            paid_at=NOW,
            payment_date=date(2026, 7, 5),
            payment_reference="VIR-1",
            paid_amount=10,
        )
        assert refused(rows, payment_reference="VIR-2")
        assert refused(rows, status="sent")

    def test_lines_never_change_and_totals_add_up(self, insurer, practice) -> None:
        header = make_reconciliation(insurer)
        total = ReconciliationProvider.objects.create(
            insurer=insurer, reconciliation=header, provider=practice, covered=100, retentions=3, net=97
        )
        line = ReconciliationLine.objects.create(
            insurer=insurer, reconciliation=header, provider_row=total, provider=practice, kind="dispute_outcome",
            covered=100, retention=3, net=97,
        )  # fmt: skip
        assert refused(ReconciliationLine.objects.filter(pk=line.pk), covered=101, net=98)
        assert refused(ReconciliationProvider.objects.filter(pk=total.pk), covered=101, net=98)
        with pytest.raises(IntegrityError, match="adds_up"), transaction.atomic():
            ReconciliationLine.objects.create(
                insurer=insurer, reconciliation=header, provider_row=total, provider=practice, kind="carry", covered=1,
                retention=0, net=2,
            )  # fmt: skip


def test_one_identity_per_insurer_in_the_table_too(insurer) -> None:
    known, other = make_adherent(insurer), make_adherent(insurer)
    rows = Adherent.objects.filter(pk=other.pk)
    assert refused(rows, national_id_hash=known.national_id_hash)
    rows.update(deleted_at=NOW)
    assert not refused(rows, national_id_hash=known.national_id_hash)
