"""A paid error is taken back by a claim of negative amounts, once, and the next claim finds the room again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db.models import Sum

from apps.accounts.roles import Role
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.transitions import IllegalTransition
from apps.insurance.models import ContractBalance
from apps.insurance.services.deciding import review_claim
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.services.withdrawing import NoPaidClaim, ReversedBefore, reverse_claim, void_claim
from tests.cast import make_user
from tests.insurance.claims.asking import FILED, file, used

pytestmark = pytest.mark.django_db
AFTER = FILED + timedelta(days=40)


@pytest.fixture
def paid(doctor, network, insurer, ines):
    """A visit of June, filed in July and paid with July's reconciliation, which another head of the insurer pays."""
    claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000), ("C1", 1, 50_000))
    july = generate_reconciliation(
        actor=ines, insurer=insurer, period_start=date(2026, 7, 1), period_end=date(2026, 7, 31), at=AFTER
    )
    send_reconciliation(actor=ines, reconciliation=july, at=AFTER)
    payer = make_user("treasury@test.test", Role.INSURER_ADMIN, "Tarek", insurer=insurer)
    pay_reconciliation(
        actor=payer, reconciliation=july, payment_date=AFTER.date(), reference="VIR-1", at=AFTER
    )
    claim.refresh_from_db()
    assert claim.status == "paid"
    return claim


class TestReverseClaim:
    def test_takes_every_amount_back(self, paid, ines, network):
        reversal = reverse_claim(actor=ines, claim=paid, reason="Patient absent", at=AFTER)
        assert (reversal.status, reversal.reversal_of_id) == ("approved", paid.pk)
        assert (reversal.total_amount, reversal.covered_amount, reversal.copay_amount) == (
            -130_000,
            -84_000,
            -46_000,
        )
        assert list(reversal.items.order_by("sequence").values_list("line_total", "covered_amount")) == [
            (-80_000, -49_000),
            (-50_000, -35_000),
        ]
        assert used(network) == {"*": 0, "consultation": 0}
        assert all(b.used == b.booked for b in ContractBalance.objects.annotate(booked=Sum("entries__delta")))
        paid.refresh_from_db()
        assert (paid.status, paid.covered_amount) == ("paid", 84_000)

    def test_does_it_once_and_for_paid_claims_of_ones_own_only(self, paid, ines, nora, doctor, network):
        with pytest.raises(PermissionRefused):
            reverse_claim(actor=nora, claim=paid, reason="x", at=AFTER)
        reversal = reverse_claim(actor=ines, claim=paid, reason="x", at=AFTER)
        with pytest.raises(ReversedBefore):
            reverse_claim(actor=ines, claim=paid, reason="x", at=AFTER)
        for claim in (reversal, file(doctor, network, "consultation", "2026-06-29", ("C1", 1, 50_000))):
            with pytest.raises(NoPaidClaim):
                reverse_claim(actor=ines, claim=claim, reason="x", at=AFTER)

    def test_makes_room_for_a_corrected_claim_that_names_it(self, paid, ines, doctor, network):
        again = {"type_": "consultation", "day": "2026-06-30"}
        items = (("C2", 1, 80_000), ("C1", 1, 50_000))
        assert file(doctor, network, *again.values(), *items).reason_code == "DUPLICATE"
        reverse_claim(actor=ines, claim=paid, reason="x", at=AFTER)
        assert file(doctor, network, *again.values(), *items).reason_code == "DUPLICATE"
        corrected = file(doctor, network, *again.values(), *items, replaces=paid)
        assert (corrected.status, corrected.covered_amount) == ("approved", 84_000)
        assert used(network)["*"] == 84_000

    def test_is_nobodys_to_decide(self, paid, ines, doctor):
        reversal = reverse_claim(actor=ines, claim=paid, reason="x", at=AFTER)
        with pytest.raises(IllegalTransition):
            review_claim(actor=ines, claim=reversal, expected_status="approved", reason="x", at=AFTER)
        with pytest.raises(IllegalTransition):
            void_claim(actor=doctor, claim=reversal, expected_status="approved", at=AFTER)

    def test_comes_before_a_correction_of_what_was_paid(self, paid, ines, doctor, network):
        other = (("C2", 1, 75_000),)
        with pytest.raises(InvalidInput) as refused:
            file(doctor, network, "consultation", "2026-06-30", *other, replaces=paid)
        assert set(refused.value.details) == {"replaces"}
        reverse_claim(actor=ines, claim=paid, reason="x", at=AFTER)
        assert file(doctor, network, "consultation", "2026-06-30", *other, replaces=paid).status == "approved"

    def test_joins_the_next_reconciliation_as_a_credit(self, paid, ines, insurer, doctor, network):
        file(doctor, network, "consultation", "2026-07-20", ("C1", 1, 50_000), at=FILED + timedelta(days=30))
        reverse_claim(actor=ines, claim=paid, reason="x", at=AFTER)
        august = generate_reconciliation(
            actor=ines,
            insurer=insurer,
            period_start=date(2026, 8, 1),
            period_end=date(2026, 8, 31),
            at=AFTER + timedelta(days=30),
        )
        row = august.providers.get()
        assert (row.covered, row.credits, row.net, row.carried_out) == (35_000, 84_000, 0, 49_000)
