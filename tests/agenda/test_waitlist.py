"""The waiting list: wishes, matches, offers one after the other, and the page behind the link."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.agenda.links import offer_link_of, offer_token_of
from apps.agenda.matching import ranked_matches
from apps.agenda.models import Appointment, FreedSlot, WaitlistEntry, WaitlistOffer
from apps.agenda.services import cancel_appointment, move_appointment
from apps.agenda.services.offers import OfferGone, accept_offer, decline_offer, tend_waitlist
from apps.agenda.services.waiting import NotWaiting, add_to_waitlist, change_waitlist
from apps.agenda.tasks import WAITLIST, tend
from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput
from apps.notifications.models import NotificationJob
from tests.agenda.scenes import Desk, clock, make_patient, make_type

pytestmark = pytest.mark.django_db
URL = "/api/v1/waitlist"
NOON = clock(12)


def wait(desk: Desk, patient: int = 1, minutes_later: int = 0, **wishes) -> WaitlistEntry:
    asked = {"type": desk.type, "at": desk.at + timedelta(minutes=minutes_later), **wishes}
    return add_to_waitlist(
        actor=desk.actor, practice=desk.house.practice, patient=desk.patients[patient], **asked
    )


def free(desk: Desk, starts_at: datetime = NOON, minutes: int = 30) -> FreedSlot:
    """Book a visit and cancel it."""
    visit = desk.book(starts_at, minutes)
    cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at, cancelled_by="patient")
    return FreedSlot.objects.latest("created_at")


def matched(slot: FreedSlot) -> list[int]:
    return [entry.patient.file_number for entry in ranked_matches(slot)]


class TestMatches:
    @pytest.mark.parametrize(
        "wish",
        [
            {"weekdays": [1, 5]},
            {"earliest": time(13)},
            {"latest": time(12, 15)},
            {"valid_from": clock(0).date() + timedelta(days=1)},
            {"valid_until": clock(0).date() - timedelta(days=1)},
            {"duration_minutes": 45},
        ],
    )
    def test_leave_out_who_wished_otherwise(self, desk: Desk, wish) -> None:
        wait(desk, **wish)
        assert matched(free(desk)) == []

    def test_keep_who_wished_just_this(self, desk: Desk) -> None:
        day = clock(0).date()
        wait(
            desk,
            weekdays=[2],
            earliest=time(12),
            latest=time(12, 30),
            valid_from=day,
            valid_until=day,
            practitioner=desk.house.practitioners[0],
        )
        assert matched(free(desk)) == [2]

    def test_leave_out_another_practitioner_s_and_another_room_s(self, desk: Desk) -> None:
        wait(desk, patient=1, practitioner=desk.house.practitioners[1])
        wait(desk, patient=2, type=make_type(desk.house.practice, "Implant", room_kind="surgery"))
        assert matched(free(desk)) == []

    def test_leave_out_who_is_busy_then_and_who_cannot_be_written_to(self, desk: Desk, acting) -> None:
        wait(desk, patient=1)
        desk.book(clock(12, 15), who=1, chair=1, patient=1)
        wait(desk, patient=2)
        with acting(desk.actor):
            desk.patients[2].do_not_contact = True
            desk.patients[2].save()
        assert matched(free(desk)) == []

    def test_are_ranked_by_priority_fit_and_patience(self, desk: Desk) -> None:
        patients = [make_patient(desk.house.practice, number) for number in (11, 12, 13, 14)]
        desk.patients = patients
        wait(desk, 0, minutes_later=3)
        wait(desk, 1, minutes_later=1)
        wait(desk, 2, minutes_later=0, duration_minutes=15)
        wait(desk, 3, minutes_later=5, priority=2)
        desk.patients = [make_patient(desk.house.practice, 15)]
        assert matched(free(desk)) == [14, 12, 11, 13]

    def test_cost_the_same_however_many_wait(self, desk: Desk) -> None:
        wait(desk)
        slot = FreedSlot.objects.select_related("practice").get(pk=free(desk).pk)
        counts = []
        for _round in range(2):
            with CaptureQueriesContext(connection) as queries:
                ranked_matches(slot)
            counts.append(len(queries))
            for number in range(10):
                patient = make_patient(desk.house.practice, 20 + 10 * len(counts) + number)
                add_to_waitlist(
                    actor=desk.actor,
                    practice=desk.house.practice,
                    patient=patient,
                    type=desk.type,
                    at=desk.at,
                )
        assert counts[0] == counts[1] <= 3


class TestFreedTime:
    def test_comes_of_a_cancellation_and_of_a_move(self, desk: Desk) -> None:
        free(desk)
        visit = desk.book(clock(9))
        move_appointment(actor=desk.actor, appointment=visit, version=1, starts_at=clock(10), at=desk.at)
        assert sorted(FreedSlot.objects.values_list("starts_at", flat=True)) == [clock(9), clock(12)]

    def test_is_not_offered_when_too_near(self, desk: Desk) -> None:
        visit = desk.book(clock(9))
        cancel_appointment(actor=desk.actor, appointment=visit, at=clock(8))
        assert not FreedSlot.objects.exists()


class TestOffers:
    def test_go_to_the_best_match_with_a_link(self, desk: Desk) -> None:
        entry = wait(desk)
        free(desk)

        assert tend_waitlist(actor=WAITLIST, at=desk.at) == 1

        offer = WaitlistOffer.objects.get()
        assert (offer.entry, offer.starts_at, offer.expires_at) == (
            entry,
            clock(12),
            desk.at + timedelta(minutes=45),
        )
        job = NotificationJob.objects.get(cause_id=offer.pk)
        assert job.context["link"] == offer_link_of(offer)
        assert (job.expires_at, job.channel) == (offer.expires_at, "sms")
        assert set(job.context) == {"starts_at", "until", "link"}

    def test_are_made_once_however_often_the_task_runs(self, desk: Desk) -> None:
        wait(desk)
        free(desk)
        assert [tend_waitlist(actor=WAITLIST, at=desk.at) for _ in range(3)] == [1, 0, 0]

    def test_go_to_the_next_when_the_first_lets_it_pass(self, desk: Desk) -> None:
        wait(desk, 1)
        wait(desk, 2, minutes_later=1)
        free(desk)
        tend_waitlist(actor=WAITLIST, at=desk.at)
        tend_waitlist(actor=WAITLIST, at=desk.at + timedelta(minutes=46))

        offers = WaitlistOffer.objects.order_by("offered_at")
        assert [(o.entry.patient.file_number, o.state) for o in offers] == [(2, "expired"), (3, "open")]
        decline_offer(actor=WAITLIST, offer=offers[1], at=desk.at + timedelta(minutes=47))
        assert tend_waitlist(actor=WAITLIST, at=desk.at + timedelta(minutes=48)) == 0
        assert FreedSlot.objects.get().closed_at is not None

    def test_wait_for_the_morning(self, desk: Desk) -> None:
        wait(desk)
        free(desk, clock(12) + timedelta(days=1))
        night = clock(3)
        tend_waitlist(actor=WAITLIST, at=night)

        offer = WaitlistOffer.objects.get()
        assert NotificationJob.objects.get(cause_id=offer.pk).due_at == clock(8)
        assert offer.expires_at == clock(8, 45)

    def test_are_not_made_for_time_booked_meanwhile(self, desk: Desk) -> None:
        wait(desk)
        free(desk)
        desk.book(clock(12), patient=2)
        assert tend_waitlist(actor=WAITLIST, at=desk.at) == 0

    def test_the_task_runs(self, desk: Desk) -> None:
        wait(desk)
        assert tend() == 0


class TestAccept:
    def offered(self, desk: Desk) -> WaitlistOffer:
        wait(desk)
        free(desk)
        tend_waitlist(actor=WAITLIST, at=desk.at)
        return WaitlistOffer.objects.get()

    def test_books_and_ends_the_wait(self, desk: Desk) -> None:
        offer = accept_offer(actor=WAITLIST, offer=self.offered(desk), at=desk.at)

        assert offer.state == "accepted"
        entry = WaitlistEntry.objects.get()
        assert (entry.status, entry.appointment_id) == ("booked", offer.appointment_id)
        visit = Appointment.objects.get(pk=offer.appointment_id)
        assert (visit.patient, visit.starts_at, visit.status) == (desk.patients[1], clock(12), "booked")
        assert AuditEntry.objects.about(offer).filter(event="agenda.waitlist.accept").exists()
        with pytest.raises(OfferGone):
            accept_offer(actor=WAITLIST, offer=offer, at=desk.at)

    def test_is_lost_when_the_desk_was_faster(self, desk: Desk) -> None:
        offer = self.offered(desk)
        desk.book(clock(12), patient=2)

        assert accept_offer(actor=WAITLIST, offer=offer, at=desk.at).state == "lost"
        assert WaitlistEntry.objects.get().status == "waiting"

    def test_is_too_late_after_its_time(self, desk: Desk) -> None:
        offer = self.offered(desk)
        with pytest.raises(OfferGone):
            accept_offer(actor=WAITLIST, offer=offer, at=offer.expires_at)


class TestPage:
    @pytest.fixture
    def offer(self, desk: Desk, acting) -> WaitlistOffer:
        """An offer that stands now."""
        now = timezone.now()
        entry = wait(desk)
        starts_at = clock(12)
        with acting(desk.actor):
            return WaitlistOffer.objects.create(
                practice=entry.practice,
                entry=entry,
                practitioner=desk.house.practitioners[0],
                room=desk.house.rooms[0],
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=30),
                offered_at=now,
                expires_at=now + timedelta(minutes=30),
            )

    def test_shows_time_and_no_name_and_changes_nothing(self, offer: WaitlistOffer) -> None:
        page = Client().get(f"/w/{offer_token_of(offer)}")
        text = page.content.decode()
        assert page.status_code == 200
        assert "12:00" in text
        assert "Durand" not in text
        assert "Contrôle" not in text
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert WaitlistOffer.objects.get().state == "open"

    def test_takes_a_yes_once(self, offer: WaitlistOffer) -> None:
        url = f"/w/{offer_token_of(offer)}"
        assert Client().post(url, {"take": "yes"}).status_code == 200
        assert WaitlistOffer.objects.get().state == "accepted"
        assert Client().post(url, {"take": "yes"}).status_code == 409

    def test_takes_a_no(self, offer: WaitlistOffer) -> None:
        assert Client().post(f"/w/{offer_token_of(offer)}", {"take": "no"}).status_code == 200
        assert WaitlistOffer.objects.get().state == "declined"

    def test_says_when_somebody_was_faster(self, desk: Desk, offer: WaitlistOffer) -> None:
        desk.book(clock(12), patient=2)
        assert Client().post(f"/w/{offer_token_of(offer)}", {"take": "yes"}).status_code == 409
        assert WaitlistOffer.objects.get().state == "lost"

    @pytest.mark.parametrize("token", ["x", "AAAA", "é", "A" * 43])
    def test_knows_no_forged_link(self, offer: WaitlistOffer, token: str) -> None:
        assert Client().get(f"/w/{token}").status_code == 404


class TestApi:
    def body(self, desk: Desk, **more) -> dict:
        return {"patient": str(desk.patients[0].pk), "type": str(desk.type.pk), **more}

    def test_adds_lists_changes_and_withdraws(self, desk: Desk, api, ben) -> None:
        client = api(ben)
        made = client.post(URL, self.body(desk, weekdays=[5, 1, 1], earliest="09:00", priority=1))
        assert made.status_code == 201, made.content
        assert (made.json()["weekdays"], made.json()["status"]) == ([1, 5], "waiting")
        one = f"{URL}/{made.json()['id']}"
        assert client.patch(one, {"note": "Appeler le matin"}).json()["note"] == "Appeler le matin"
        assert client.get(URL).json()["count"] == 1
        assert client.delete(one).status_code == 204
        assert client.get(URL).json()["count"] == 0
        assert client.get(URL, {"status": "withdrawn"}).json()["count"] == 1
        assert client.patch(one, {"note": "x"}).json()["error"]["code"] == "NOT_WAITING"

    def test_offers_a_time(self, desk: Desk, api, ben) -> None:
        entry = wait(desk)
        starts_at = (timezone.now() + timedelta(days=20)).replace(hour=10, minute=0, second=0, microsecond=0)
        answer = api(ben).post(
            f"{URL}/{entry.pk}/offer",
            {
                "practitioner": str(desk.house.practitioners[0].pk),
                "room": str(desk.house.rooms[0].pk),
                "starts_at": starts_at.isoformat(),
            },
        )
        assert answer.status_code == 201, answer.content
        assert (answer.json()["state"], answer.json()["entry"]) == ("open", str(entry.pk))
        assert api(ben).get(URL).json()["results"][0]["offers"][0]["id"] == answer.json()["id"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"weekdays": [8]},
            {"duration_minutes": 1},
            {"earliest": "10:00", "latest": "09:00"},
            {"valid_from": "2026-12-02", "valid_until": "2026-12-01"},
        ],
    )
    def test_refuses_wishes_that_cannot_be(self, desk: Desk, api, ben, wrong) -> None:
        assert api(ben).post(URL, self.body(desk, **wrong)).status_code == 400

    def test_is_closed_to_another_practice(self, desk: Desk, api, cleo, other_house) -> None:
        entry = wait(desk)
        client = api(cleo)
        assert client.get(URL).json()["count"] == 0
        assert client.patch(f"{URL}/{entry.pk}", {"note": "x"}).status_code == 404
        assert client.delete(f"{URL}/{entry.pk}").status_code == 404
        assert client.post(f"{URL}/{entry.pk}/offer", {}).status_code == 404
        answer = client.post(URL, self.body(desk))
        assert (answer.status_code, set(answer.json()["error"]["details"])) == (400, {"patient", "type"})

    def test_costs_the_same_for_one_and_for_ten(self, desk: Desk, api, ben) -> None:
        client, counts = api(ben), []
        for number in (40, 41, 42, 43):
            add_to_waitlist(
                actor=desk.actor,
                practice=desk.house.practice,
                patient=make_patient(desk.house.practice, number),
                type=desk.type,
                at=desk.at,
            )
            with CaptureQueriesContext(connection) as queries:
                client.get(URL)
            counts.append(len(queries))
        assert len(set(counts)) == 1


class TestService:
    def test_refuses_the_rows_of_another_practice(self, desk: Desk, other_practice) -> None:
        with pytest.raises(InvalidInput):
            wait(desk, type=make_type(other_practice))

    def test_refuses_to_change_who_is_booked(self, desk: Desk) -> None:
        entry = wait(desk)
        free(desk)
        tend_waitlist(actor=WAITLIST, at=desk.at)
        accept_offer(actor=WAITLIST, offer=WaitlistOffer.objects.get(), at=desk.at)
        with pytest.raises(NotWaiting):
            change_waitlist(actor=desk.actor, entry=entry, note="x")
