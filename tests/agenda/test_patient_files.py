"""What the agenda does with a patient's file: timeline, merge, another phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.agenda.files import timeline_of
from apps.agenda.models import Appointment, Occupancy
from apps.agenda.services import cancel_appointment, change_appointment, move_appointment
from apps.audit.models import AuditEntry
from apps.core.errors import DomainError
from apps.core.scope import SystemActor
from apps.notifications.models import NotificationJob, NotificationLog
from apps.patients.services import merge_patients, update_patient
from tests.agenda.scenes import Desk, clock, make_patient

pytestmark = pytest.mark.django_db
IN_TEN_DAYS = clock(9, day=clock(0) + timedelta(days=9))


def pending(visit: Appointment) -> list[NotificationJob]:
    return list(NotificationJob.objects.filter(cause_id=visit.pk, state="pending").order_by("due_at"))


class TestMerge:
    def test_moves_visits_and_the_time_they_hold(self, desk: Desk, dora) -> None:
        kept, merged = desk.patients[:2]
        visit = desk.book(clock(9), patient=1)

        merge_patients(actor=dora, kept=kept, merged=merged, at=desk.at)

        visit.refresh_from_db()
        assert (visit.patient, visit.version) == (kept, 2)
        assert not Occupancy.objects.filter(resource_id=merged.pk).exists()
        with pytest.raises(DomainError) as refused:
            desk.book(clock(9), who=1, chair=1, patient=0)
        assert refused.value.code == "PATIENT_BUSY"

    def test_shares_time_both_files_had(self, desk: Desk, dora) -> None:
        kept, merged = desk.patients[:2]
        desk.book(clock(9), patient=0)
        double = desk.book(clock(9, 15), who=1, chair=1, patient=1)

        merge_patients(actor=dora, kept=kept, merged=merged, at=desk.at)

        assert not double.occupancies.get(kind="patient").blocking
        with pytest.raises(DomainError) as refused:
            move_appointment(
                actor=desk.actor, appointment=double, version=2, starts_at=clock(9, 5), at=desk.at
            )
        assert refused.value.code == "PATIENT_BUSY"

    def test_writes_to_the_kept_files_phone(self, desk: Desk, dora, acting) -> None:
        kept = make_patient(desk.house.practice, 50, phone="+33699999999", email="")
        visit = desk.book(IN_TEN_DAYS, patient=1)

        merge_patients(actor=dora, kept=kept, merged=desk.patients[1], at=desk.at)

        assert {job.recipient for job in pending(visit) if job.channel == "sms"} == {"+33699999999"}

    def test_is_audited(self, desk: Desk, dora) -> None:
        visit = desk.book(clock(9), patient=1)
        merge_patients(actor=dora, kept=desk.patients[0], merged=desk.patients[1], at=desk.at)

        entries = AuditEntry.objects.about(visit).filter(event="patients.patient.merge")
        assert [entry.actor_id for entry in entries] == [dora.pk]


class TestAnotherPhone:
    def test_reminders_go_where_the_patient_is_now(self, desk: Desk) -> None:
        visit = desk.book(IN_TEN_DAYS)
        former = [job.due_at for job in pending(visit)]

        update_patient(actor=desk.actor, patient=desk.patients[0], at=desk.at, phone="0698765432")

        jobs = pending(visit)
        assert [job.due_at for job in jobs] == former
        assert {job.recipient for job in jobs if job.channel == "sms"} == {"+33698765432"}

    def test_back_to_the_former_phone_is_planned_again(self, desk: Desk) -> None:
        visit = desk.book(IN_TEN_DAYS)
        for minute, phone in enumerate(("0698765432", "0612345678"), start=1):
            at = desk.at + timedelta(minutes=minute)
            update_patient(actor=desk.actor, patient=desk.patients[0], at=at, phone=phone)

        jobs = pending(visit)
        assert len(jobs) == 3
        assert {job.recipient for job in jobs if job.channel == "sms"} == {"+33612345678"}

    @pytest.mark.parametrize("change", [{"do_not_contact": True}, {"status": "archived"}])
    def test_nothing_goes_to_whom_nobody_may_write(self, desk: Desk, change) -> None:
        visit = desk.book(IN_TEN_DAYS)
        update_patient(actor=desk.actor, patient=desk.patients[0], at=desk.at, **change)

        assert pending(visit) == []

    def test_another_profession_changes_nothing(self, desk: Desk) -> None:
        visit = desk.book(IN_TEN_DAYS)
        former = pending(visit)
        update_patient(actor=desk.actor, patient=desk.patients[0], at=desk.at, profession="Luthier")

        assert pending(visit) == former


class TestTimeline:
    def test_tells_of_visits_cancellations_and_reminders(self, desk: Desk, api) -> None:
        came = desk.book(clock(9))
        lost = desk.book(clock(11))
        cancel_appointment(actor=desk.actor, appointment=lost, at=desk.at, cancelled_by="patient")
        job = pending(desk.book(IN_TEN_DAYS))[0]
        NotificationLog.objects.create(
            job=job, practice=job.practice, at=desk.at, step="sent", channel="email", recipient_masked="c***"
        )
        after = IN_TEN_DAYS + timedelta(days=30)

        told = {event.kind: event for event in timeline_of(desk.patients[0], desk.actor, after, 50)}

        assert set(told) == {"agenda.appointment", "agenda.cancellation", "agenda.reminder"}
        assert told["agenda.cancellation"].object_id == lost.pk
        assert told["agenda.cancellation"].at == desk.at
        assert came.pk in {e.object_id for e in timeline_of(desk.patients[0], desk.actor, after, 50)}

    def test_leaves_out_what_is_still_to_come(self, desk: Desk) -> None:
        desk.book(timezone.now() + timedelta(days=400), override_reason="Essai")

        assert timeline_of(desk.patients[0], desk.actor, None, 50) == []

    def test_says_who_did_not_come(self, desk: Desk) -> None:
        visit = desk.book(clock(9))
        change_appointment(actor=desk.actor, appointment=visit, verb="no-show", at=clock(10))

        [event] = timeline_of(desk.patients[0], desk.actor, clock(12), 50)
        assert event.facts["status"] == "no_show"

    def test_costs_three_queries(self, desk: Desk) -> None:
        for hour in (9, 10, 11):
            desk.book(clock(hour))
        with CaptureQueriesContext(connection) as queries:
            timeline_of(desk.patients[0], desk.actor, clock(12), 50)
        assert len(queries) <= 3

    def test_shows_nothing_to_another_practice_and_to_who_may_not_read_the_agenda(
        self, desk: Desk, cleo, ines
    ) -> None:
        desk.book(clock(9))

        assert timeline_of(desk.patients[0], cleo, clock(12), 50) == []
        assert timeline_of(desk.patients[0], ines, clock(12), 50) == []
        assert timeline_of(desk.patients[0], SystemActor("nobody"), clock(12), 50) == []
