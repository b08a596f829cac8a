"""The agenda's pages of the admin call the services."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.agenda.models import Absence, Appointment, AppointmentType
from apps.audit.models import AuditEntry
from tests.agenda.scenes import Desk, clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(acting):
    """Return a client with an admin session."""

    def logged_in(user) -> Client:
        client = Client()
        with acting(user):
            client.force_login(user)
        return client

    return logged_in


def page(model: str, name: str, *args) -> str:
    return reverse(f"admin:agenda_{model}_{name}", args=args)


def form(desk: Desk, hour: str = "09:00", **more) -> dict:
    return {
        "patient": str(desk.patients[0].pk),
        "practitioner": str(desk.house.practitioners[0].pk),
        "assistant": "",
        "room": str(desk.house.rooms[0].pk),
        "type": str(desk.type.pk),
        "starts_at_0": "24/11/2026",
        "starts_at_1": hour,
        "ends_at_0": "",
        "ends_at_1": "",
        "color": "",
        "override_reason": "",
        "note": "",
        **more,
    }


INLINE = {
    "notes-TOTAL_FORMS": "0", "notes-INITIAL_FORMS": "0",
    "notes-MIN_NUM_FORMS": "0", "notes-MAX_NUM_FORMS": "0",
}  # fmt: skip


class TestBook:
    def test_books_through_the_service(self, desk: Desk, browser) -> None:
        answer = browser(desk.actor).post(page("appointment", "add"), form(desk, note="Apporter la radio"))

        assert answer.status_code == 302, answer.context["adminform"].form.errors
        booked = Appointment.objects.get()
        assert (booked.starts_at, booked.ends_at) == (clock(9), clock(9, 30))
        assert (booked.practice_id, booked.notes.count()) == (desk.house.practice.pk, 1)
        assert AuditEntry.objects.filter(object_pk=str(booked.pk), event="agenda.appointment.book").exists()

    def test_shows_the_form_again_with_the_refusal(self, desk: Desk, browser) -> None:
        desk.book(clock(9))

        answer = browser(desk.actor).post(page("appointment", "add"), form(desk, "09:15"))
        assert answer.status_code == 200
        assert "Ana Morel" in answer.content.decode()
        assert Appointment.objects.count() == 1


class TestMove:
    def change(self, desk: Desk, browser, visit: Appointment, **more):
        data = {
            **form(desk),
            "ends_at_0": "24/11/2026",
            "ends_at_1": "09:30",
            "seen_version": str(visit.version),
            **INLINE,
            **more,
        }
        return browser(desk.actor).post(page("appointment", "change", visit.pk), data)

    def test_moves_through_the_service(self, desk: Desk, browser) -> None:
        visit = desk.book(clock(9))

        answer = self.change(desk, browser, visit, starts_at_1="14:00", ends_at_1="14:45")
        assert answer.status_code == 302
        visit.refresh_from_db()
        assert (visit.starts_at, visit.ends_at, visit.version) == (clock(14), clock(14, 45), 2)

    def test_refuses_a_page_opened_before_somebody_else_s_change(self, desk: Desk, browser) -> None:
        visit = desk.book(clock(9))

        answer = self.change(desk, browser, visit, starts_at_1="14:00", ends_at_1="14:30", seen_version="9")
        assert answer.status_code == 200
        visit.refresh_from_db()
        assert visit.starts_at == clock(9)


class TestActions:
    @pytest.mark.parametrize(
        ("actions", "status"),
        [
            (["arrive_visit"], "arrived"),
            (["arrive_visit", "seat_visit"], "in_chair"),
            (["arrive_visit", "seat_visit", "complete_visit"], "done"),
            (["no_show_visit"], "no_show"),
            (["arrive_visit", "undo_visit"], "booked"),
            (["cancel_for_patient"], "cancelled_by_patient"),
            (["cancel_for_practice"], "cancelled_by_practice"),
        ],
    )
    def test_run_the_verbs_on_the_rows_chosen(self, desk: Desk, browser, actions, status) -> None:
        visits = [desk.book(clock(9)), desk.book(clock(10))]
        client = browser(desk.actor)

        for action in actions:
            client.post(
                page("appointment", "changelist"),
                {
                    "action": action,
                    "_selected_action": [str(visit.pk) for visit in visits],
                    "confirmed": "yes",
                    "reason": "Grippe",
                },
            )
        assert {visit.status for visit in Appointment.objects.all()} == {status}

    @pytest.mark.parametrize(
        ("action", "answer"), [("confirm_visit", "confirmed"), ("decline_visit", "declined")]
    )
    def test_note_the_patient_s_answer_from_the_visit_s_page(
        self, desk: Desk, browser, action, answer
    ) -> None:
        visit = desk.book(clock(9))

        browser(desk.actor).post(page("appointment", f"{action}_do", visit.pk), {"confirmed": "yes"})
        visit.refresh_from_db()
        assert visit.confirmation == answer

    def test_add_a_note(self, desk: Desk, browser) -> None:
        visit = desk.book(clock(9))

        browser(desk.actor).post(
            page("appointment", "note_visit_do", visit.pk), {"confirmed": "yes", "reason": "Anxieuse"}
        )
        assert visit.notes.get().body == "Anxieuse"

    def test_offer_only_what_the_state_allows(self, desk: Desk, browser) -> None:
        visit = desk.book(clock(9))

        shown = browser(desk.actor).get(page("appointment", "change", visit.pk)).content.decode()
        assert page("appointment", "arrive_visit_do", visit.pk) in shown
        assert page("appointment", "complete_visit_do", visit.pk) not in shown


class TestList:
    def test_shows_the_chosen_day_and_practitioner(self, desk: Desk, browser) -> None:
        visit = desk.book(clock(9))
        client = browser(desk.actor)

        for day in ("today", "tomorrow", "week", "month", "yesterday"):
            assert client.get(page("appointment", "changelist"), {"day": day}).status_code == 200
        who = {"who": str(visit.practitioner_id)}
        assert str(visit.pk) in client.get(page("appointment", "changelist"), who).content.decode()
        other = {"who": str(desk.house.practitioners[1].pk)}
        assert str(visit.pk) not in client.get(page("appointment", "changelist"), other).content.decode()


class TestTypes:
    def test_are_added_changed_and_taken_out_of_use(self, desk: Desk, dora, browser) -> None:
        client = browser(dora)
        data = {
            "name": "Implant",
            "duration_minutes": "90",
            "color": "#112233",
            "position": "3",
            "is_active": "on",
            "room_kind": "",
            "buffer_before_minutes": "0",
            "buffer_after_minutes": "15",
            "pattern": "",
        }

        assert client.post(page("appointmenttype", "add"), data).status_code == 302
        made = AppointmentType.objects.get(name="Implant")
        client.post(page("appointmenttype", "change", made.pk), {**data, "duration_minutes": "60"})
        made.refresh_from_db()
        assert made.duration_minutes == 60
        client.post(page("appointmenttype", "delete", made.pk), {"post": "yes"})
        made.refresh_from_db()
        assert made.is_deleted


class TestAbsences:
    def test_are_added_changed_and_taken_back(self, desk: Desk, ana, browser) -> None:
        client = browser(ana)
        data = {
            "practitioner": str(desk.house.practitioners[0].pk),
            "kind": "leave",
            "starts_at_0": "24/11/2026",
            "starts_at_1": "10:00",
            "ends_at_0": "24/11/2026",
            "ends_at_1": "12:00",
            "reason": "",
        }

        assert client.post(page("absence", "add"), data).status_code == 302
        absence = Absence.objects.get()
        assert (absence.starts_at, absence.ends_at) == (clock(10), clock(12))
        client.post(page("absence", "change", absence.pk), {**data, "ends_at_1": "11:00"})
        absence.refresh_from_db()
        assert absence.ends_at == clock(11)
        client.post(page("absence", "delete", absence.pk), {"post": "yes"})
        assert not Absence.objects.exists()
