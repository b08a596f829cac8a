"""Many hands on one month: it is reconciled once, paid once, and never by half."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from apps.core.context import bind
from apps.insurance.models import Claim, Reconciliation, ReconciliationLine, ReconciliationProvider
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.verification import verify_insurer
from tests.concurrency.crowd import race
from tests.insurance.reconciliations.making import NOW, acting, generated, make_claim, make_network

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
HANDS = 16


def test_sixteen_generations_at_once_make_one() -> None:
    scene = make_network()
    for number in range(40):
        make_claim(scene, scene.doctor, 1_000 + number)
    answers = race(lambda _hand: generated(scene).pk, HANDS)
    assert {str(answer) for answer in answers} == {str(Reconciliation.objects.get().pk)}
    assert ReconciliationLine.objects.count() == 40
    assert verify_insurer(scene.insurer) == []


def test_a_claim_is_reconciled_or_withdrawn_never_both() -> None:
    scene = make_network()
    claims = [make_claim(scene, scene.doctor, 1_000 + number) for number in range(HANDS)]

    def work(hand: int) -> int:
        if hand == 0:
            return int(generated(scene).total_claims)
        with bind(actor_id=scene.doc.id, actor_role="doctor", action="test.void"):
            rows = Claim.objects.filter(pk=claims[hand].pk, status="approved", reconciliation__isnull=True)
            return int(rows.update(status="rejected"))

    answers = race(work, HANDS)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    taken = set(ReconciliationLine.objects.values_list("claim", flat=True))
    assert taken == set(Claim.objects.filter(reconciliation__isnull=False).values_list("pk", flat=True))
    assert taken.isdisjoint(Claim.objects.filter(status="rejected").values_list("pk", flat=True))
    assert len(taken) + Claim.objects.filter(status="rejected").count() == HANDS
    made = Reconciliation.objects.get()
    assert made.total_covered == sum(made.lines.values_list("covered", flat=True))


def test_sixteen_payments_at_once_pay_once() -> None:
    scene = make_network()
    make_claim(scene, scene.doctor, 1_000)
    row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)

    def pay(hand: int) -> Any:
        return pay_reconciliation(
            actor=scene.head, reconciliation=row, payment_date=NOW.date(), reference=f"VIR-{hand}", at=NOW
        ).payment_reference

    answers = race(pay, HANDS)
    paid = [answer for answer in answers if isinstance(answer, str)]
    refused = {getattr(answer, "code", answer) for answer in answers if not isinstance(answer, str)}
    assert (len(paid), refused) == (1, {"ILLEGAL_TRANSITION"})
    row.refresh_from_db()
    assert (row.payment_reference, row.paid_amount) == (paid[0], 970)


@pytest.mark.parametrize("step", ["totals", "lines", "hashing"])
def test_a_connection_killed_in_the_middle_leaves_nothing(step) -> None:
    scene = make_network()
    for number in range(5):
        make_claim(scene, scene.doctor, 1_000 + number)

    def kill(reached: str, _percent: int) -> None:
        if reached == step:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(OperationalError):
        generated(scene, progress=kill)
    connection.close()
    assert not Reconciliation.objects.exists()
    assert not ReconciliationLine.objects.exists()
    assert not ReconciliationProvider.objects.exists()
    assert not Claim.objects.filter(reconciliation__isnull=False).exists()
    with acting():
        assert generated(scene).total_claims == 5
