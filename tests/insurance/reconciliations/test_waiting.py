"""How long providers wait for what was sent, and for the answer to a dispute."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.utils import translation

from apps.insurance.models import ReconciliationJob
from apps.insurance.reconciliation_selectors import (
    days_open,
    days_outstanding,
    is_overdue,
    left_out,
    payment_due_on,
    waiting_for_payment,
)
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.jobs import failure_of
from apps.insurance.services.settling import cancel_reconciliation, pay_reconciliation, send_reconciliation
from tests.insurance.reconciliations.making import NOW, Network, generated, make_network, worked_case

pytestmark = pytest.mark.django_db
# Half past eleven at night of 1 December in Tunis.
SENT = datetime(2026, 12, 1, 22, 30, tzinfo=UTC)


@pytest.fixture
def scene(db: None) -> Network:
    scene = make_network()
    worked_case(scene)
    return scene


def sent(scene: Network) -> object:
    return send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=SENT)


class TestDaysOutstanding:
    def test_are_the_insurers_calendar_days(self, scene) -> None:
        row = sent(scene)
        # An hour later it is the day after in Tunis.
        assert days_outstanding(row, datetime(2026, 12, 1, 23, 30, tzinfo=UTC)) == 1
        assert days_outstanding(row, datetime(2026, 12, 23, 9, tzinfo=UTC)) == 22

    def test_end_on_the_day_of_the_transfer(self, scene) -> None:
        row = sent(scene)
        at = datetime(2026, 12, 20, 9, tzinfo=UTC)
        paid = pay_reconciliation(
            actor=scene.head, reconciliation=row, payment_date=date(2026, 12, 4), reference="V", at=at
        )
        assert days_outstanding(paid, at) == 3

    def test_are_none_before_it_is_sent_and_after_it_is_cancelled(self, scene) -> None:
        row = generated(scene)
        assert days_outstanding(row, NOW) is None
        assert payment_due_on(row) is None
        cancelled = cancel_reconciliation(actor=scene.head, reconciliation=row, reason="Erreur", at=NOW)
        assert days_outstanding(cancelled, NOW) is None


class TestDue:
    def test_is_three_weeks_after_sending_unless_the_insurer_says_otherwise(self, scene) -> None:
        assert payment_due_on(sent(scene)) == date(2026, 12, 22)
        quick = make_network("VITE", reconciliation={"pay_within_days": 5})
        worked_case(quick)
        assert payment_due_on(sent(quick)) == date(2026, 12, 6)

    def test_is_over_from_the_next_day_on(self, scene) -> None:
        row = sent(scene)
        assert not is_overdue(row, datetime(2026, 12, 22, 22, 30, tzinfo=UTC))
        late = datetime(2026, 12, 22, 23, 30, tzinfo=UTC)
        assert is_overdue(row, late)
        paid = pay_reconciliation(
            actor=scene.head, reconciliation=row, payment_date=date(2026, 12, 22), reference="V", at=late
        )
        assert not is_overdue(paid, late)


class TestWaitingForPayment:
    def test_tells_each_house_its_own_amounts(self, scene) -> None:
        sent(scene)
        late = datetime(2026, 12, 30, 9, tzinfo=UTC)
        whole = waiting_for_payment(viewer=scene.head, at=late)
        assert (whole.count, whole.amounts, whole.oldest_days, whole.late) == (1, [("TND", 5_426_049)], 29, 1)
        own = waiting_for_payment(viewer=scene.paula, at=late)
        assert (own.count, own.amounts) == (1, [("TND", 1_234_567)])
        stranger = make_network("GAT")
        assert waiting_for_payment(viewer=stranger.head, at=late).count == 0


class TestOverHttp:
    def test_lists_what_waits_and_says_since_when(self, api, scene) -> None:
        row = sent(scene)
        url = "/api/v1/reconciliations"
        found = api(scene.paula).get(f"{url}?outstanding=true").json()["results"]
        assert [(r["id"], r["payment_due_on"]) for r in found] == [(str(row.pk), "2026-12-22")]
        assert api(scene.paula).get(f"{url}?outstanding=false").json()["results"] == []


class TestDisputes:
    def test_count_the_days_until_they_are_decided(self, scene) -> None:
        row = sent(scene)
        line = row.lines.filter(provider=scene.doctor).order_by("-net").first()
        at = datetime(2026, 12, 3, 9, tzinfo=UTC)
        dispute = open_dispute(actor=scene.doc, line=line, reason="Montant", amount=1_000, at=at)
        assert days_open(dispute, datetime(2026, 12, 13, 9, tzinfo=UTC)) == 10
        assert left_out(row) == {scene.doctor.pk: 1_000}
        decided = decide_dispute(
            actor=scene.head, line=line, verb="reject", reason="Vu", at=datetime(2026, 12, 8, 9, tzinfo=UTC)
        )
        assert days_open(decided, datetime(2026, 12, 13, 9, tzinfo=UTC)) == 5
        assert left_out(row) == {}


class TestFailure:
    @pytest.mark.parametrize(
        ("state", "error", "words"),
        [
            ("done", "OSError", ""),
            ("pending", "", ""),
            ("failed", "NOTHING_TO_RECONCILE", "No approved claim"),
            ("failed", "PERIOD_OVERLAPS", "Another reconciliation"),
            ("pending", "OSError", "tried again on its own"),
            ("dead", "OSError", "not tried again"),
        ],
    )
    def test_is_said_in_words(self, state, error, words) -> None:
        with translation.override("en"):
            said = failure_of(ReconciliationJob(state=state, last_error=error))
        assert words in said
        assert bool(said) == bool(words)
