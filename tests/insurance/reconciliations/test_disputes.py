"""Disputes over lines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from apps.core.errors import InvalidInput
from apps.insurance.models import Claim, Dispute, Reconciliation, ReconciliationLine
from apps.insurance.services.disputes import (
    AlreadyDisputed,
    ClaimTakenBack,
    NoDispute,
    NotDisputable,
    OpenerMayNotDecide,
    decide_dispute,
    open_dispute,
)
from apps.insurance.services.settling import cancel_reconciliation, pay_reconciliation, send_reconciliation
from apps.insurance.services.withdrawing import CorrectedByDispute, reverse_claim
from tests.insurance.reconciliations.making import NOW, Network, generated, make_claim, make_network

pytestmark = pytest.mark.django_db
LATER = datetime(2026, 12, 31, 9, tzinfo=UTC)


@pytest.fixture
def scene(db: None) -> Network:
    """A doctor's claims of 1,000 (of 1,400 asked) and 500, at three hundredths of tax: 1,455 net."""
    scene = make_network()
    make_claim(scene, scene.doctor, 1_000, total=1_400)
    make_claim(scene, scene.doctor, 500)
    return scene


def sent(scene: Network) -> Reconciliation:
    return send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)


def pay(scene: Network, row: Reconciliation, reference: str = "VIR-1", at: datetime = NOW) -> Reconciliation:
    return pay_reconciliation(
        actor=scene.head, reconciliation=row, payment_date=at.date(), reference=reference, at=at
    )


def line_of(row: Reconciliation, covered: int) -> ReconciliationLine:
    return row.lines.get(covered=covered)


def dispute(user: Any, line: ReconciliationLine, **more: Any) -> Dispute:
    return open_dispute(actor=user, line=line, reason="Montant contesté", **({"at": NOW} | more))


def decide(user: Any, line: ReconciliationLine, verb: str, **more: Any) -> Dispute:
    return decide_dispute(actor=user, line=line, verb=verb, reason="Vu", **({"at": NOW} | more))


def december(scene: Network) -> Reconciliation:
    return generated(scene, date(2026, 12, 1), date(2026, 12, 31), at=LATER)


class TestOpen:
    def test_takes_the_side_and_the_whole_line(self, scene) -> None:
        line = line_of(sent(scene), 1_000)
        opened = dispute(scene.doc, line)
        assert (opened.side, opened.amount, opened.status, opened.insurer) == (
            "provider",
            970,
            "open",
            scene.insurer,
        )
        assert opened.reason == "Montant contesté"

    def test_is_one_at_a_time(self, scene) -> None:
        line = line_of(sent(scene), 1_000)
        dispute(scene.doc, line)
        with pytest.raises(AlreadyDisputed):
            dispute(scene.head, line)

    def test_waits_until_the_line_was_sent(self, scene) -> None:
        with pytest.raises(NotDisputable):
            dispute(scene.doc, line_of(generated(scene), 1_000))

    def test_ends_sixty_days_after_the_payment(self, scene) -> None:
        line = line_of(pay(scene, sent(scene)), 1_000)
        with pytest.raises(NotDisputable):
            dispute(scene.doc, line, at=NOW + timedelta(days=61))
        assert dispute(scene.doc, line, at=NOW + timedelta(days=60)).side == "provider"

    @pytest.mark.parametrize("amount", [0, -1, 1_401])
    def test_refuses_amounts_nobody_asked(self, scene, amount) -> None:
        with pytest.raises(InvalidInput):
            dispute(scene.doc, line_of(sent(scene), 1_000), amount=amount)


class TestBeforePayment:
    def test_is_left_out_of_the_payment_and_carried_over_when_rejected(self, scene) -> None:
        row = sent(scene)
        line = line_of(row, 1_000)
        dispute(scene.head, line)
        paid = pay(scene, row)
        assert (paid.total_net_payable, paid.disputed_amount, paid.paid_amount) == (1_455, 970, 485)
        assert line.claim.__class__.objects.get(pk=line.claim_id).status == "approved"
        decide(scene.second, line, "reject")
        following = december(scene)
        carried = following.lines.get()
        assert (carried.kind, carried.net, carried.claim_id, carried.carried_from_id) == (
            "carry",
            970,
            line.claim_id,
            line.pk,
        )
        assert (following.total_releases, following.total_net_payable) == (970, 970)
        pay(scene, send_reconciliation(actor=scene.head, reconciliation=following, at=LATER), "VIR-2", LATER)
        assert set(Claim.objects.values_list("status", flat=True)) == {"paid"}

    def test_is_lowered_by_the_outcome_when_accepted(self, scene) -> None:
        row = sent(scene)
        line = line_of(row, 1_000)
        dispute(scene.head, line, amount=970)
        pay(scene, row)
        decide(scene.second, line, "accept", outcome_amount=300)
        carried = december(scene).lines.get()
        assert (carried.kind, carried.net) == ("dispute_outcome", 670)

    def test_waits_while_it_is_open(self, scene) -> None:
        row = sent(scene)
        dispute(scene.doc, line_of(row, 1_000))
        pay(scene, row)
        make_claim(scene, scene.doctor, 100, at=datetime(2026, 12, 5, tzinfo=UTC))
        assert december(scene).total_releases == 0

    def test_never_leaves_a_provider_with_less_than_nothing(self, scene) -> None:
        """A debt of before leaves 455: no more than that can be withheld."""
        debt = make_network("GAT")
        first = make_claim(debt, debt.doctor, 2_000)
        pay(debt, send_reconciliation(
            actor=debt.head, reconciliation=generated(debt, date(2026, 11, 1), date(2026, 11, 10)), at=NOW
        ))  # fmt: skip
        at = datetime(2026, 11, 12, 9, tzinfo=UTC)
        make_claim(debt, debt.doctor, -1_000, at=at, reversal_of=first)
        make_claim(debt, debt.doctor, 1_500, at=at)
        row = send_reconciliation(actor=debt.head, reconciliation=generated(debt, date(2026, 11, 11)), at=NOW)
        assert row.total_net_payable == 455
        dispute(debt.head, line_of(row, 1_500))
        paid = pay(debt, row, "VIR-9")
        assert (paid.disputed_amount, paid.paid_amount) == (455, 0)


class TestAfterPayment:
    @pytest.mark.parametrize(("side", "net"), [("doc", 200), ("head", -200)])
    def test_is_a_credit_or_a_debit_of_the_next_period(self, scene, side, net) -> None:
        row = pay(scene, sent(scene))
        line = line_of(row, 1_000)
        dispute(getattr(scene, side), line, amount=200)
        decide(scene.second, line, "accept")
        make_claim(scene, scene.doctor, 1_000, at=datetime(2026, 12, 5, tzinfo=UTC))
        following = december(scene)
        outcome = following.lines.get(kind="dispute_outcome")
        assert outcome.net == net
        assert following.total_net_payable == 970 + net

    def test_is_settled_again_after_a_cancellation(self, scene) -> None:
        row = pay(scene, sent(scene))
        line = line_of(row, 1_000)
        dispute(scene.doc, line, amount=200)
        decide(scene.second, line, "accept")
        first = december(scene)
        cancel_reconciliation(actor=scene.head, reconciliation=first, reason="Erreur", at=LATER)
        assert december(scene).lines.get().net == 200

    def test_leaves_nothing_when_it_was_rejected(self, scene) -> None:
        row = pay(scene, sent(scene))
        line = line_of(row, 1_000)
        dispute(scene.doc, line)
        decide(scene.head, line, "reject")
        make_claim(scene, scene.doctor, 100, at=datetime(2026, 12, 5, tzinfo=UTC))
        assert december(scene).total_claims == 1
        with pytest.raises(NoDispute):
            decide(scene.head, line, "accept")

    def test_is_decided_by_somebody_else(self, scene) -> None:
        line = line_of(sent(scene), 1_000)
        dispute(scene.head, line)
        with pytest.raises(OpenerMayNotDecide):
            decide(scene.head, line, "accept")

    def test_refuses_outcomes_beyond_what_is_disputed(self, scene) -> None:
        line = line_of(sent(scene), 1_000)
        dispute(scene.doc, line, amount=100)
        for verb, outcome in (("accept", 101), ("accept", -1), ("reject", 1)):
            with pytest.raises(InvalidInput):
                decide(scene.head, line, verb, outcome_amount=outcome)


class TestLeftOfALine:
    """970 net of 1,400 asked: no outcome gives more than the 430 between them, or takes more than the 970."""

    def test_gives_at_most_what_was_asked(self, scene) -> None:
        line = line_of(pay(scene, sent(scene)), 1_000)
        dispute(scene.doc, line)
        with pytest.raises(InvalidInput):
            decide(scene.head, line, "accept", outcome_amount=431)
        assert decide(scene.head, line, "accept").outcome_amount == 430

    def test_takes_at_most_what_was_paid_however_often(self, scene) -> None:
        line = line_of(pay(scene, sent(scene)), 1_000)
        dispute(scene.head, line, amount=600)
        decide(scene.second, line, "accept")
        dispute(scene.head, line, amount=600)
        with pytest.raises(InvalidInput):
            decide(scene.second, line, "accept", outcome_amount=371)
        assert decide(scene.second, line, "accept").outcome_amount == -370
        dispute(scene.head, line, amount=1)
        assert decide(scene.second, line, "accept").outcome_amount == 0

    def test_what_a_dispute_corrects_is_not_taken_back_as_a_whole(self, scene) -> None:
        line = line_of(pay(scene, sent(scene)), 1_000)
        dispute(scene.head, line, amount=600)
        with pytest.raises(CorrectedByDispute):
            reverse_claim(actor=scene.head, claim=line.claim, reason="Erreur", at=NOW)
        decide(scene.second, line, "accept")
        with pytest.raises(CorrectedByDispute):
            reverse_claim(actor=scene.head, claim=line.claim, reason="Erreur", at=NOW)

    def test_what_was_taken_back_is_not_disputed(self, scene) -> None:
        line = line_of(pay(scene, sent(scene)), 1_000)
        make_claim(scene, scene.doctor, -1_000, reversal_of=line.claim)
        with pytest.raises(ClaimTakenBack):
            dispute(scene.head, line)
