"""The pinboard: visits without a time, taken off the agenda and put back."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.text import capfirst
from django.utils.translation import gettext

from apps.agenda.models import AgendaChange, Appointment, FreedSlot, Occupancy, PinnedVisit
from apps.agenda.services import add_note, change_appointment
from apps.agenda.services.pinboard import (
    NotPinned,
    change_pinned,
    pin_visit,
    place_pinned,
    remove_pinned,
    unschedule,
)
from apps.agenda.services.resources import SlotTaken
from apps.audit.models import AccessEntry, AuditEntry
from apps.core.errors import InvalidInput
from apps.core.transitions import IllegalTransition
from apps.notifications.models import NotificationJob
from tests.agenda.scenes import Desk, clock, make_type
from tests.billing.making import make_acts

pytestmark = pytest.mark.django_db
URL = "/api/v1/pinboard"


def pin(desk: Desk, patient: int = 1, **wishes) -> PinnedVisit:
    asked = {"type": desk.type, "at": desk.at, **wishes}
    return pin_visit(actor=desk.actor, practice=desk.house.practice, patient=desk.patients[patient], **asked)


def place(desk: Desk, row: PinnedVisit, **asked) -> Appointment:
    where = {"room": desk.house.rooms[0], "starts_at": clock(15), "at": desk.at, **asked}
    return place_pinned(actor=desk.actor, pin=row, **where)


class TestUnschedule:
    def test_frees_the_time_and_keeps_the_visit(self, desk: Desk) -> None:
        visit = desk.book(clock(12), 45)
        row = unschedule(actor=desk.actor, appointment=visit, reason="Ana malade", at=desk.at)

        visit.refresh_from_db()
        assert visit.status == "cancelled_by_practice"
        assert not Occupancy.objects.filter(appointment=visit).exists()
        assert FreedSlot.objects.filter(starts_at=clock(12)).exists()
        assert (row.patient_id, row.type_id, row.minutes) == (visit.patient_id, visit.type_id, 45)
        assert (row.practitioner_id, row.former_id, row.reason) == (
            visit.practitioner_id,
            visit.pk,
            "Ana malade",
        )
        desk.book(clock(12), 45, patient=2)

    def test_drops_the_reminders_and_tells_open_agendas(self, desk: Desk) -> None:
        visit = desk.book(clock(12, day=clock(0).replace(month=12, day=15)))
        jobs = NotificationJob.objects.filter(cause_id=visit.pk)
        assert jobs.filter(state="pending").exists()
        unschedule(actor=desk.actor, appointment=visit, at=desk.at)
        assert not jobs.filter(state="pending").exists()
        assert AgendaChange.objects.filter(appointment=visit, event="appointment.cancelled").exists()

    def test_leaves_its_history(self, desk: Desk) -> None:
        visit = desk.book(clock(12))
        row = unschedule(actor=desk.actor, appointment=visit, at=desk.at)
        told = set(AuditEntry.objects.about(visit).values_list("event", flat=True))
        assert {"agenda.appointment.book", "agenda.appointment.cancel"} <= told
        assert AuditEntry.objects.about(row).get().event == "agenda.pinned_visit.unschedule"

    def test_refuses_a_visit_that_has_begun_or_ended(self, desk: Desk) -> None:
        visit = desk.book(clock(12))
        for verb in ("arrive", "seat"):
            change_appointment(actor=desk.actor, appointment=visit, verb=verb, at=desk.at)
        with pytest.raises(IllegalTransition):
            unschedule(actor=desk.actor, appointment=visit, at=desk.at)
        assert not PinnedVisit.objects.exists()

    def test_taken_back_takes_the_pin_down(self, desk: Desk) -> None:
        visit = desk.book(clock(12))
        row = unschedule(actor=desk.actor, appointment=visit, at=desk.at)
        change_appointment(actor=desk.actor, appointment=visit, verb="undo", at=desk.at)
        row.refresh_from_db()
        assert row.status == "removed"
        with pytest.raises(NotPinned):
            place(desk, row)
        again = unschedule(actor=desk.actor, appointment=visit, at=desk.at)
        assert again.status == "pinned"


class TestPlace:
    def test_books_what_was_wanted(self, desk: Desk) -> None:
        row = pin(desk, practitioner=desk.house.practitioners[1], duration_minutes=50, note="Avec sa mère")
        visit = place(desk, row)
        assert (visit.starts_at, visit.duration_minutes) == (clock(15), 50)
        assert visit.practitioner_id == desk.house.practitioners[1].pk
        assert [note.body for note in visit.notes.all()] == ["Avec sa mère"]
        row.refresh_from_db()
        assert (row.status, row.appointment_id) == ("placed", visit.pk)

    def test_carries_the_remarks_and_acts_of_the_former_visit(self, desk: Desk) -> None:
        act = make_acts()["HBJD001"]
        visit = desk.book(clock(12), acts=[act])
        add_note(actor=desk.actor, appointment=visit, body="Sonner deux fois", at=desk.at)
        row = unschedule(actor=desk.actor, appointment=visit, note="Rappeler le soir", at=desk.at)
        booked = place(desk, row)
        told = [(note.body, note.author_id) for note in booked.notes.order_by("pk")]
        assert told == [("Rappeler le soir", desk.actor.pk), ("Sonner deux fois", desk.actor.pk)]
        assert [row.pk for row in booked.acts.all()] == [act.pk]

    def test_refused_by_booking_it_stays_pinned(self, desk: Desk) -> None:
        desk.book(clock(15))
        row = pin(desk)
        with pytest.raises(SlotTaken):
            place(desk, row, practitioner=desk.house.practitioners[0], room=desk.house.rooms[1])
        row.refresh_from_db()
        assert (row.status, row.appointment_id) == ("pinned", None)

    def test_happens_once(self, desk: Desk) -> None:
        row = pin(desk, practitioner=desk.house.practitioners[0])
        place(desk, row)
        with pytest.raises(NotPinned):
            place(desk, row, starts_at=clock(16))
        assert Appointment.objects.count() == 1

    def test_needs_a_practitioner(self, desk: Desk) -> None:
        with pytest.raises(InvalidInput) as refusal:
            place(desk, pin(desk))
        assert "practitioner" in refusal.value.details


class TestPin:
    def test_refuses_what_is_of_another_practice(self, desk: Desk, other_house) -> None:
        with pytest.raises(InvalidInput):
            pin(desk, practitioner=other_house.practitioners[0])
        with pytest.raises(InvalidInput):
            pin(desk, type=make_type(other_house.practice))

    def test_refuses_a_closed_file(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            desk.patients[1].status = "archived"
            desk.patients[1].save()
        with pytest.raises(InvalidInput):
            pin(desk)

    def test_keeps_its_note_sealed(self, desk: Desk) -> None:
        row = pin(desk, note="Kyste à surveiller")
        with connection.cursor() as cursor:
            cursor.execute("SELECT note FROM agenda_pinnedvisit WHERE id = %s", [row.pk])
            stored = bytes(cursor.fetchone()[0])
        assert b"Kyste" not in stored
        assert "Kyste" not in str(AuditEntry.objects.about(row).get().changes)

    def test_is_removed_for_a_reason(self, desk: Desk) -> None:
        row = pin(desk)
        with pytest.raises(InvalidInput):
            remove_pinned(actor=desk.actor, pin=row, reason=" ", at=desk.at)
        gone = remove_pinned(actor=desk.actor, pin=row, reason="Soigné ailleurs", at=desk.at)
        assert (gone.status, gone.closed_reason) == ("removed", "Soigné ailleurs")
        with pytest.raises(NotPinned):
            change_pinned(actor=desk.actor, pin=row, priority=2)


class TestApi:
    def body(self, desk: Desk, **more) -> dict:
        return {"patient": str(desk.patients[1].pk), "type": str(desk.type.pk), **more}

    def test_pins_lists_changes_places(self, desk: Desk, api) -> None:
        client = api(desk.actor)
        made = client.post(URL, self.body(desk, note="Kyste", reason="Attend un accord", priority=1))
        assert made.status_code == 201, made.content
        row = made.json()
        assert (row["note"], row["has_note"], row["minutes"], row["status"]) == ("Kyste", True, 30, "pinned")
        listed = client.get(URL).json()
        assert [entry["id"] for entry in listed["results"]] == [row["id"]]
        assert "note" not in listed["results"][0]

        wish = {"practitioner": str(desk.house.practitioners[0].pk), "duration_minutes": 60}
        assert client.patch(f"{URL}/{row['id']}", wish).json()["minutes"] == 60
        placed = client.post(
            f"{URL}/{row['id']}/place",
            {"room": str(desk.house.rooms[0].pk), "starts_at": "2026-11-24T15:00:00"},
        )
        assert placed.status_code == 201, placed.content
        assert placed.json()["ends_at"] == "2026-11-24T16:00:00+01:00"
        assert client.get(URL).json()["count"] == 0
        done = client.get(URL, {"status": "placed"}).json()["results"][0]
        assert done["appointment"] == placed.json()["id"]
        again = client.post(
            f"{URL}/{row['id']}/place",
            {"room": str(desk.house.rooms[0].pk), "starts_at": "2026-11-24T17:00:00"},
        )
        assert (again.status_code, again.json()["error"]["code"]) == (409, "NOT_PINNED")

    def test_unschedules_a_visit(self, desk: Desk, api) -> None:
        visit = desk.book(clock(12), 45)
        answer = api(desk.actor).post(
            f"/api/v1/appointments/{visit.pk}/unschedule", {"reason": "Ana malade", "priority": 2}
        )
        assert answer.status_code == 201, answer.content
        assert (answer.json()["former"], answer.json()["priority"]) == (str(visit.pk), 2)
        again = api(desk.actor).post(f"/api/v1/appointments/{visit.pk}/unschedule", {})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ILLEGAL_TRANSITION")

    def test_records_who_read_a_note(self, desk: Desk, api) -> None:
        row = pin(desk, note="Kyste")
        api(desk.actor).get(URL)
        read = AccessEntry.objects.filter(event="agenda.pinned_visit.read", object_pk=str(row.pk))
        assert not read.exists()
        api(desk.actor).get(f"{URL}/{row.pk}")
        assert read.get().actor_id == desk.actor.pk

    def test_is_removed_with_a_reason(self, desk: Desk, api) -> None:
        row = pin(desk)
        assert api(desk.actor).post(f"{URL}/{row.pk}/remove", {}).status_code == 400
        gone = api(desk.actor).post(f"{URL}/{row.pk}/remove", {"reason": "Soigné ailleurs"}).json()
        assert (gone["status"], gone["closed_reason"]) == ("removed", "Soigné ailleurs")

    def test_another_practice_sees_nothing(self, desk: Desk, api, cleo) -> None:
        row = pin(desk)
        assert api(cleo).get(URL).json()["count"] == 0
        assert api(cleo).get(f"{URL}/{row.pk}").status_code == 404
        assert api(cleo).patch(f"{URL}/{row.pk}", {"priority": 2}).status_code == 404
        assert api(cleo).post(URL, self.body(desk)).status_code == 400

    def test_a_restricted_patient_s_is_the_administrator_s(self, desk: Desk, api, dora, acting) -> None:
        row = pin(desk)
        with acting(dora):
            type(row.patient).objects.filter(pk=row.patient_id).update(restricted_at=timezone.now())
        assert api(desk.actor).get(URL).json()["count"] == 0
        assert api(desk.actor).get(f"{URL}/{row.pk}").status_code == 404
        assert api(dora).get(URL).json()["count"] == 1

    def test_costs_the_same_for_one_and_for_many(self, desk: Desk, api) -> None:
        client = api(desk.actor)
        counts = []
        for _round in range(2):
            pin(desk, note="Kyste")
            with CaptureQueriesContext(connection) as queries:
                client.get(URL)
            counts.append(len(queries))
            for _n in range(10):
                pin(desk)
        assert counts[0] == counts[1]


class TestAdmin:
    @pytest.fixture
    def browser(self, desk: Desk, acting) -> Client:
        client = Client()
        with acting(desk.actor):
            client.force_login(desk.actor)
        return client

    def test_places_from_a_page_with_free_times(self, desk: Desk, browser) -> None:
        row = pin(desk, practitioner=desk.house.practitioners[0])
        url = reverse("admin:agenda_pinnedvisit_place", args=(row.pk,))
        page = browser.get(url)
        assert len(page.context["free"]) > 2
        # The button says what it does; a theme's component once took the word for a switch of its own.
        said = page.content.decode().partition("<form method")[2].partition("</form>")[0]
        assert said.count(escape(capfirst(gettext("Put on the agenda")))) == 2
        chosen = page.context["free"][-1]["query"]
        shown = browser.get(url, chosen).context["form"]
        assert shown["starts_at"].value() is not None
        start = timezone.localtime(page.context["free"][-1]["starts_at"], desk.house.practice.zone)
        answer = browser.post(
            url,
            {
                "practitioner": str(chosen["practitioner"]),
                "room": str(chosen["room"]),
                "starts_at_0": f"{start:%d/%m/%Y}",
                "starts_at_1": f"{start:%H:%M}",
                "duration_minutes": "30",
            },
        )
        assert answer.status_code == 302, answer.context["form"].errors
        assert Appointment.objects.get().starts_at == start

    def test_shows_why_it_cannot_be_placed(self, desk: Desk, browser) -> None:
        desk.book(clock(15))
        row = pin(desk)
        answer = browser.post(
            reverse("admin:agenda_pinnedvisit_place", args=(row.pk,)),
            {
                "practitioner": str(desk.house.practitioners[0].pk),
                "room": str(desk.house.rooms[0].pk),
                "starts_at_0": "24/11/2026",
                "starts_at_1": "15:00",
                "duration_minutes": "30",
            },
        )
        assert answer.status_code == 200
        assert "Ana Morel" in str(answer.context["form"].non_field_errors())

    def test_takes_a_visit_off_the_agenda(self, desk: Desk, browser) -> None:
        visit = desk.book(clock(12))
        url = reverse("admin:agenda_appointment_unschedule_visit_do", args=(visit.pk,))
        browser.post(url, {"confirmed": "yes", "reason": "Ana malade"})
        assert PinnedVisit.objects.get().reason == "Ana malade"

    def test_records_who_read_a_note(self, desk: Desk, browser) -> None:
        row = pin(desk, note="Kyste")
        page = browser.get(reverse("admin:agenda_pinnedvisit_change", args=(row.pk,)))
        assert "Kyste" in page.content.decode()
        assert AccessEntry.objects.filter(
            event="agenda.pinned_visit.read", object_pk=str(row.pk), actor_id=desk.actor.pk
        ).exists()
