"""Recalls: one computation of the date, own dates kept, calls noted, messages once, visits that answer them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.agenda.models import Recall, RecallAttempt, RecallType
from apps.agenda.services import cancel_appointment, change_appointment
from apps.agenda.services.recalls import (
    change_recall,
    change_recall_type,
    create_recall,
    create_recall_type,
    due_date,
    note_attempt,
    send_due_recalls,
)
from apps.agenda.tasks import RECALLS, send_recalls
from apps.core.errors import InvalidInput
from apps.notifications.models import NotificationJob
from apps.patients.services import merge_patients
from tests.agenda.scenes import Desk, clock, make_patient, make_type

pytestmark = pytest.mark.django_db
URL = "/api/v1/recalls"
TODAY = date(2026, 11, 23)


@pytest.fixture
def kind(desk: Desk, dora) -> RecallType:
    """A check-up every six months."""
    return create_recall_type(
        actor=dora, practice=desk.house.practice, name="Contrôle", appointment_type=desk.type
    )


def recall(desk: Desk, kind: RecallType, patient: int = 0, **fields) -> Recall:
    return create_recall(
        actor=desk.actor,
        practice=desk.house.practice,
        patient=desk.patients[patient],
        type=kind,
        at=desk.at,
        **fields,
    )


class TestDueDate:
    @pytest.mark.parametrize(
        ("months", "previous", "due"),
        [
            (6, date(2026, 5, 15), date(2026, 11, 15)),
            (6, date(2026, 8, 31), date(2027, 2, 28)),
            (12, date(2024, 2, 29), date(2025, 2, 28)),
            (3, None, date(2027, 2, 23)),
        ],
    )
    def test_counts_months(self, months: int, previous: date | None, due: date) -> None:
        assert due_date(RecallType(interval_months=months), previous, TODAY) == due

    def test_an_own_date_counts_and_is_kept(self, desk: Desk, kind: RecallType, dora) -> None:
        row = recall(desk, kind, previous_on=date(2026, 6, 1), override_on=date(2027, 1, 10))
        change_recall_type(actor=dora, recall_type=kind, at=desk.at, interval_months=3)
        row.refresh_from_db()
        assert (row.computed_on, row.due_on) == (date(2026, 9, 1), date(2027, 1, 10))
        change_recall(actor=desk.actor, recall=row, at=desk.at, override_on=None)
        row.refresh_from_db()
        assert row.due_on == date(2026, 9, 1)


class TestVisits:
    def test_a_booked_visit_answers_and_a_finished_one_starts_over(self, desk: Desk, kind) -> None:
        row = recall(desk, kind, previous_on=date(2026, 5, 1), override_on=date(2026, 11, 30))
        visit = desk.book(clock(9))
        row.refresh_from_db()
        assert (row.status, row.appointment) == ("booked", visit)

        for verb in ("arrive", "seat", "complete"):
            change_appointment(actor=desk.actor, appointment=visit, verb=verb, at=clock(9, 20))
        row.refresh_from_db()
        assert (row.status, row.appointment, row.override_on) == ("active", None, None)
        assert (row.previous_on, row.due_on) == (date(2026, 11, 24), date(2027, 5, 24))

    def test_a_cancelled_one_brings_back_to_the_list(self, desk: Desk, kind) -> None:
        row = recall(desk, kind)
        visit = desk.book(clock(9))
        cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at)
        row.refresh_from_db()
        assert (row.status, row.appointment) == ("active", None)
        change_appointment(actor=desk.actor, appointment=visit, verb="undo", at=desk.at)
        row.refresh_from_db()
        assert (row.status, row.appointment) == ("booked", visit)

    def test_of_another_kind_answers_nothing(self, desk: Desk, kind) -> None:
        row = recall(desk, kind)
        desk.book(clock(9), type=make_type(desk.house.practice, "Urgence"))
        row.refresh_from_db()
        assert row.status == "active"

    def test_for_any_visit_only_when_it_is_the_only_recall(self, desk: Desk, kind, dora) -> None:
        other = make_type(desk.house.practice, "Urgence")
        anything = create_recall_type(actor=dora, practice=desk.house.practice, name="À revoir")
        alone = recall(desk, anything, patient=0)
        both = [recall(desk, anything, patient=1), recall(desk, kind, patient=1)]
        desk.book(clock(9), patient=0, type=other)
        desk.book(clock(10), patient=1, type=other)
        assert Recall.objects.get(pk=alone.pk).status == "booked"
        assert {Recall.objects.get(pk=row.pk).status for row in both} == {"active"}


class TestAttempts:
    def test_are_kept_and_a_refusal_closes(self, desk: Desk, kind) -> None:
        row = recall(desk, kind)
        for outcome in ("no_answer", "refused"):
            note_attempt(actor=desk.actor, recall=row, at=desk.at, channel="phone", outcome=outcome)
        row.refresh_from_db()
        assert row.status == "closed"
        assert row.attempts.count() == 2
        assert {attempt.author_id for attempt in row.attempts.all()} == {desk.actor.pk}


class TestMessages:
    def due(self, desk: Desk, kind: RecallType, **more) -> Recall:
        return recall(desk, kind, override_on=TODAY + timedelta(days=14), **more)

    def test_go_out_once_for_a_date(self, desk: Desk, kind) -> None:
        row = self.due(desk, kind)
        assert [send_due_recalls(actor=RECALLS, at=desk.at) for _ in range(2)] == [1, 0]
        job = NotificationJob.objects.get(cause_id=row.pk)
        assert (job.channel, set(job.context)) == ("email", {"first_name"})
        assert row.attempts.get().outcome == "sent"
        later = TODAY + timedelta(days=7)
        change_recall(actor=desk.actor, recall=row, at=desk.at, override_on=later)
        assert send_due_recalls(actor=RECALLS, at=desk.at) == 1

    def test_wait_until_the_date_is_near(self, desk: Desk, kind) -> None:
        recall(desk, kind, override_on=TODAY + timedelta(days=15))
        assert send_due_recalls(actor=RECALLS, at=desk.at) == 0

    def test_do_not_go_to_who_put_it_off_is_booked_or_wants_none(
        self, desk: Desk, kind, dora, acting
    ) -> None:
        self.due(desk, kind, patient=0, snoozed_until=TODAY + timedelta(days=1))
        self.due(desk, kind, patient=1)
        desk.book(clock(9), patient=1)
        self.due(desk, kind, patient=2)
        with acting(desk.actor):
            desk.patients[2].do_not_contact = True
            desk.patients[2].save()
        assert send_due_recalls(actor=RECALLS, at=desk.at) == 0
        assert not RecallAttempt.objects.exists()

    def test_only_where_the_type_says_so(self, desk: Desk, kind, dora) -> None:
        self.due(desk, kind)
        change_recall_type(actor=dora, recall_type=kind, at=desk.at, sends_messages=False)
        assert send_due_recalls(actor=RECALLS, at=desk.at) == 0

    def test_the_task_runs(self, desk: Desk) -> None:
        assert send_recalls() == 0


class TestMerge:
    def test_moves_recalls_and_keeps_one_of_a_kind(self, desk: Desk, kind, dora) -> None:
        mine, theirs = recall(desk, kind, patient=0), recall(desk, kind, patient=1)
        note_attempt(actor=desk.actor, recall=theirs, at=desk.at, channel="phone", outcome="no_answer")
        merge_patients(actor=dora, kept=desk.patients[0], merged=desk.patients[1], at=desk.at)
        theirs.refresh_from_db()
        assert (theirs.patient, theirs.status) == (desk.patients[0], "closed")
        assert Recall.objects.get(pk=mine.pk).status == "active"


class TestService:
    def test_refuses_a_second_one_and_rows_of_another_practice(
        self, desk: Desk, kind, dora, other_practice, acting
    ) -> None:
        from django.core.exceptions import ValidationError

        recall(desk, kind)
        with pytest.raises(ValidationError):
            recall(desk, kind)
        foreign = create_recall_type(actor=dora, practice=other_practice, name="Ailleurs")
        with pytest.raises(InvalidInput):
            recall(desk, foreign, patient=1)
        with pytest.raises(InvalidInput):
            create_recall_type(actor=dora, practice=other_practice, name="Autre", appointment_type=desk.type)


class TestApi:
    def test_makes_lists_changes_and_calls(self, desk: Desk, kind, api, ben) -> None:
        client = api(ben)
        asked = {"patient": str(desk.patients[0].pk), "type": str(kind.pk), "previous_on": "2026-05-20"}
        made = client.post(URL, asked)
        assert made.status_code == 201, made.content
        assert (made.json()["due_on"], made.json()["status"]) == ("2026-11-20", "active")
        one = f"{URL}/{made.json()['id']}"
        assert client.patch(one, {"override_on": "2026-12-01"}).json()["due_on"] == "2026-12-01"
        call = client.post(f"{one}/attempts", {"channel": "phone", "outcome": "no_answer"})
        assert (call.status_code, call.json()["author"]["id"]) == (201, str(ben.pk))
        [row] = client.get(URL).json()["results"]
        assert [attempt["outcome"] for attempt in row["attempts"]] == ["no_answer"]
        assert client.patch(one, {"status": "booked"}).status_code == 400
        assert client.patch(one, {"status": "closed"}).status_code == 200
        assert client.get(URL).json()["count"] == 0

    def test_lists_who_is_due_and_not_put_off(self, desk: Desk, kind, api, ben) -> None:
        recall(desk, kind, patient=0, override_on=date(2026, 11, 1))
        recall(desk, kind, patient=1, override_on=date(2027, 11, 1))
        recall(desk, kind, patient=2, override_on=date(2026, 11, 1), snoozed_until=date(2999, 1, 1))
        client = api(ben)
        assert client.get(URL, {"due_until": "2026-11-30"}).json()["count"] == 1
        assert client.get(URL, {"due_until": "2026-11-30", "snoozed": "true"}).json()["count"] == 2
        assert client.get(URL, {"soon": 1}).status_code == 400

    def test_is_closed_to_another_practice(self, desk: Desk, kind, api, cleo) -> None:
        row, client = recall(desk, kind), api(cleo)
        assert client.get(URL).json()["count"] == 0
        assert client.patch(f"{URL}/{row.pk}", {}).status_code == 404
        assert client.post(f"{URL}/{row.pk}/attempts", {}).status_code == 404
        answer = client.post(URL, {"patient": str(desk.patients[0].pk), "type": str(kind.pk)})
        assert (answer.status_code, set(answer.json()["error"]["details"])) == (400, {"patient", "type"})

    def test_costs_the_same_however_many(self, desk: Desk, kind, api, ben) -> None:
        client, counts = api(ben), []
        for number in (60, 61, 62):
            desk.patients = [make_patient(desk.house.practice, number)]
            row = recall(desk, kind)
            note_attempt(actor=ben, recall=row, at=desk.at, channel="phone", outcome="no_answer")
            with CaptureQueriesContext(connection) as queries:
                client.get(URL)
            counts.append(len(queries))
        assert len(set(counts)) == 1
