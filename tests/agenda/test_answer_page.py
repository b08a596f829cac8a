"""The link of a reminder: one visit, one time, one answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.agenda.links import link_of, token_of
from apps.agenda.models import Appointment
from apps.agenda.services import cancel_appointment, move_appointment
from apps.audit.models import AuditEntry
from apps.notifications.models import NotificationJob
from tests.agenda.scenes import PARIS, Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(desk: Desk) -> Appointment:
    """A visit at ten on a weekday to come."""
    day = timezone.now().astimezone(PARIS).replace(hour=10, minute=0, second=0, microsecond=0)
    day += timedelta(days=7)
    while day.isoweekday() > 5:
        day += timedelta(days=1)
    desk.at = timezone.now()
    return desk.book(day)


def state(visit: Appointment) -> str:
    visit.refresh_from_db()
    return visit.confirmation


class TestAnswerPage:
    def test_opening_it_changes_nothing(self, visit: Appointment) -> None:
        answer = Client().get(f"/r/{token_of(visit)}")

        assert (answer.status_code, state(visit)) == (200, "unconfirmed")
        assert "Cabinet des Lilas" in answer.content.decode()
        assert "10:00" in answer.content.decode()

    def test_says_nothing_of_patient_or_act(self, visit: Appointment) -> None:
        shown = Client().get(f"/r/{token_of(visit)}").content.decode()

        for secret in (visit.patient.first_name, visit.patient.last_name, visit.type.name, "Morel"):
            assert secret not in shown

    @pytest.mark.parametrize(("coming", "noted"), [("yes", "confirmed"), ("no", "declined")])
    def test_takes_the_answer(self, visit: Appointment, coming: str, noted: str) -> None:
        answer = Client().post(f"/r/{token_of(visit)}", {"coming": coming})

        assert (answer.status_code, state(visit)) == (200, noted)
        entry = AuditEntry.objects.filter(object_pk=str(visit.pk)).latest("id")
        assert (entry.event, entry.actor_role) == ("agenda.appointment.answer", "service:agenda-link")

    def test_works_once(self, visit: Appointment) -> None:
        client, url = Client(), f"/r/{token_of(visit)}"
        client.post(url, {"coming": "yes"})

        assert client.post(url, {"coming": "no"}).status_code == 409
        assert state(visit) == "confirmed"

    def test_a_move_makes_it_worthless(self, desk: Desk, visit: Appointment) -> None:
        former = token_of(visit)
        moved = move_appointment(
            actor=desk.actor,
            appointment=visit,
            version=1,
            starts_at=visit.starts_at + timedelta(hours=1),
            at=desk.at,
        )

        assert Client().post(f"/r/{former}", {"coming": "yes"}).status_code == 404
        assert state(moved) == "unconfirmed"

    def test_a_cancelled_visit_takes_no_answer(self, desk: Desk, visit: Appointment) -> None:
        cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at)

        assert Client().post(f"/r/{token_of(visit)}", {"coming": "yes"}).status_code == 409

    @pytest.mark.parametrize("token", ["x", "é", "A" * 43, "A" * 500])
    def test_a_forged_one_finds_nothing(self, visit: Appointment, token: str) -> None:
        assert Client().get(f"/r/{token}").status_code == 404

    def test_another_visit_s_signature_does_not_fit(self, desk: Desk, visit: Appointment) -> None:
        other = desk.book(visit.starts_at + timedelta(hours=2), patient=1)
        mixed = token_of(visit)[:21] + token_of(other)[21:]

        assert Client().get(f"/r/{mixed}").status_code == 404

    def test_needs_the_form_of_our_own_page(self, visit: Appointment) -> None:
        strict = Client(enforce_csrf_checks=True)

        assert strict.post(f"/r/{token_of(visit)}", {"coming": "yes"}).status_code == 403
        assert state(visit) == "unconfirmed"

    def test_is_limited_by_address(self, visit: Appointment) -> None:
        client = Client()
        codes = [client.get(f"/r/{token_of(visit)}").status_code for _call in range(21)]

        assert codes == [200] * 20 + [429]

    def test_stands_in_the_reminder(self, visit: Appointment) -> None:
        links = {job.context["link"] for job in NotificationJob.objects.filter(cause_id=visit.pk)}

        assert links == {link_of(visit)}
