"""Reminders: planned with the visit, moved with it, dropped with it, never doubled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.agenda.models import Appointment
from apps.agenda.news import note_reminder
from apps.agenda.services import cancel_appointment, change_appointment, move_appointment
from apps.agenda.services.reminders import plan, plan_unplanned
from apps.agenda.tasks import PLANNER, plan_reminders
from apps.notifications.models import NotificationJob
from tests.agenda.scenes import PARIS, Desk, clock

pytestmark = pytest.mark.django_db
IN_TEN_DAYS = clock(9, day=clock(0) + timedelta(days=9))  # Thursday 3 December 2026


def waiting(appointment: Appointment) -> list[tuple[str, str]]:
    """Return channel and local due time of what is still to be sent."""
    jobs = NotificationJob.objects.filter(cause_id=appointment.pk, state="pending").order_by("due_at")
    return [(job.channel, job.due_at.astimezone(PARIS).strftime("%d/%m %H:%M")) for job in jobs]


ALL_THREE = [("email", "26/11 09:00"), ("sms", "01/12 09:00"), ("sms", "02/12 09:00")]


class TestPlan:
    def test_an_email_a_week_before_and_two_messages_in_the_last_days(self, desk: Desk) -> None:
        assert waiting(desk.book(IN_TEN_DAYS)) == ALL_THREE

    def test_leaves_out_what_has_passed(self, desk: Desk) -> None:
        booked = desk.book(clock(9, day=clock(0) + timedelta(days=2)))  # Thursday, in three days

        assert waiting(booked) == [("sms", "24/11 09:00"), ("sms", "25/11 09:00")]

    def test_says_nothing_about_a_visit_within_a_day(self, desk: Desk) -> None:
        assert waiting(desk.book(clock(8))) == []

    def test_uses_the_other_channel_when_one_is_unwanted(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            desk.patients[0].reminder_sms = False
            desk.patients[0].save()

        assert {channel for channel, _due in waiting(desk.book(IN_TEN_DAYS))} == {"email"}

    def test_respects_do_not_contact(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            desk.patients[0].do_not_contact = True
            desk.patients[0].save()

        assert waiting(desk.book(IN_TEN_DAYS)) == []

    def test_a_number_nobody_can_write_to_does_not_stop_a_booking(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            desk.patients[0].phone = "12"
            desk.patients[0].save()

        assert waiting(desk.book(IN_TEN_DAYS)) == [("email", "26/11 09:00")]

    def test_twice_is_once(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        plan(actor=PLANNER, appointment=booked, at=desk.at)

        assert waiting(booked) == ALL_THREE

    def test_holds_no_word_of_the_act(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS, note="Extraction 38")

        for job in NotificationJob.objects.filter(cause_id=booked.pk):
            assert set(job.context) <= {"starts_at", "link"}

    def test_is_pointless_after_the_visit_began(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)

        expiries = NotificationJob.objects.filter(cause_id=booked.pk).values_list("expires_at", flat=True)
        assert set(expiries) == {booked.starts_at}


class TestFollow:
    def test_a_move_drops_the_former_and_plans_the_new(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        moved = move_appointment(
            actor=desk.actor,
            appointment=booked,
            version=1,
            starts_at=IN_TEN_DAYS + timedelta(days=1),
            at=desk.at,
        )

        assert waiting(moved) == [("email", "27/11 09:00"), ("sms", "02/12 09:00"), ("sms", "03/12 09:00")]

    def test_moving_there_and_back_keeps_one_of_each(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        for version, days, minute in ((1, 1, 1), (2, 0, 2)):
            booked = move_appointment(
                actor=desk.actor,
                appointment=booked,
                version=version,
                starts_at=IN_TEN_DAYS + timedelta(days=days),
                at=desk.at + timedelta(minutes=minute),
            )

        assert waiting(booked) == ALL_THREE

    def test_a_resize_leaves_them_alone(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        move_appointment(actor=desk.actor, appointment=booked, version=1, duration_minutes=60, at=desk.at)

        assert waiting(booked) == ALL_THREE
        assert NotificationJob.objects.filter(cause_id=booked.pk).count() == 3

    def test_a_cancellation_drops_them(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        cancel_appointment(actor=desk.actor, appointment=booked, at=desk.at)

        assert waiting(booked) == []

    def test_undoing_a_cancellation_plans_them_again(self, desk: Desk) -> None:
        gone = cancel_appointment(actor=desk.actor, appointment=desk.book(IN_TEN_DAYS), at=desk.at)
        later = desk.at + timedelta(minutes=1)
        back = change_appointment(actor=desk.actor, appointment=gone, verb="undo", at=later)

        assert waiting(back) == ALL_THREE

    def test_who_confirmed_is_spared_the_last_one(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        change_appointment(actor=desk.actor, appointment=booked, verb="confirm", at=desk.at)

        assert waiting(booked) == ALL_THREE[:2]

    def test_who_declined_is_left_alone(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        change_appointment(actor=desk.actor, appointment=booked, verb="decline", at=desk.at)

        assert waiting(booked) == []


class TestPlanReminders:
    def test_far_visits_wait_for_the_task(self, desk: Desk) -> None:
        booked = desk.book(clock(9, day=clock(0) + timedelta(days=100)))
        assert waiting(booked) == []

        near = booked.starts_at - timedelta(days=8)
        assert plan_unplanned(actor=PLANNER, at=near) == 1
        assert len(waiting(booked)) == 3
        assert plan_unplanned(actor=PLANNER, at=near) == 0

    def test_runs_as_a_task_and_takes_unknown_keywords(self, desk: Desk) -> None:
        assert plan_reminders(later="whatever") == 0


class TestNews:
    def test_a_reminder_that_left_marks_the_visit(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        job = NotificationJob.objects.filter(cause_id=booked.pk)[0]

        note_reminder(job, "sent", desk.at)
        note_reminder(job, "delivered", desk.at)
        booked.refresh_from_db()
        assert (booked.confirmation, booked.version) == ("reminded", 1)

    def test_an_answer_stays(self, desk: Desk) -> None:
        booked = desk.book(IN_TEN_DAYS)
        job = NotificationJob.objects.filter(cause_id=booked.pk)[0]
        change_appointment(actor=desk.actor, appointment=booked, verb="confirm", at=desk.at)

        note_reminder(job, "sent", desk.at)
        booked.refresh_from_db()
        assert booked.confirmation == "confirmed"
