"""What is read of a restricted file under an emergency access stands in the access trail; its messages do not show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AccessEntry
from apps.notifications.models import NotificationJob
from apps.patients.models import EmergencyAccess, Patient
from apps.patients.services.emergencies import EMERGENCY_READ, break_glass
from tests.agenda.scenes import Desk, clock

pytestmark = pytest.mark.django_db
API = "/api/v1"


def restrict(patient: Patient, acting: Any, dora: Any) -> Patient:
    with acting(dora):
        Patient.objects.filter(pk=patient.pk).update(restricted_at=timezone.now())
    patient.refresh_from_db()
    return patient


@pytest.fixture
def restricted(patient: Patient, acting: Any, dora: Any) -> Patient:
    return restrict(patient, acting, dora)


@pytest.fixture
def opened(restricted: Patient, ana: Any) -> EmergencyAccess:
    return break_glass(
        actor=ana, patient=restricted, reason="Hémorragie, allergies inconnues", at=timezone.now()
    )


def reads(patient: Patient) -> Any:
    return AccessEntry.objects.filter(event=EMERGENCY_READ, object_pk=str(patient.pk)).order_by("pk")


class TestTrail:
    @pytest.mark.parametrize(
        "path", ["", "/alerts", "/contacts", "/consents", "/timeline", "/balance", "/treatments"]
    )
    def test_names_reader_file_and_access(self, api, ana, opened, path) -> None:
        answer = api(ana).get(f"{API}/patients/{opened.patient_id}{path}")
        assert answer.status_code == 200
        entry = reads(opened.patient).get()
        assert (entry.kind, entry.actor_id, entry.practice_id) == ("read", ana.pk, opened.practice_id)
        assert entry.detail == {"access": str(opened.pk)}

    def test_holds_one_entry_for_each_request(self, api, ana, opened) -> None:
        for count in (1, 2, 3):
            api(ana).get(f"{API}/patients/{opened.patient_id}")
            assert reads(opened.patient).count() == count

    def test_holds_lists_searches_and_exports(self, api, ana, opened) -> None:
        listed = api(ana).get(f"{API}/patients", {"search": opened.patient.last_name})
        assert str(opened.patient_id) in str(listed.json())
        exported = api(ana).get(f"{API}/patients/export.csv")
        assert opened.patient.last_name in exported.getvalue().decode()
        assert reads(opened.patient).count() == 2

    def test_holds_the_admin_s_pages(self, ana, acting, opened) -> None:
        client = Client()
        with acting(ana):
            client.force_login(ana)
        page = client.get(f"/admin/patients/patient/{opened.patient_id}/change/")
        assert page.status_code == 200
        assert reads(opened.patient).count() == 1
        client.get("/admin/patients/patient/")
        assert reads(opened.patient).count() == 2

    def test_holds_nothing_of_open_files_and_of_those_who_need_no_access(
        self, api, ana, dora, opened, register
    ) -> None:
        other = register("Marc", "Petit")
        api(ana).get(f"{API}/patients/{other.pk}")
        api(dora).get(f"{API}/patients/{opened.patient_id}")
        assert not AccessEntry.objects.filter(event=EMERGENCY_READ).exists()

    def test_ends_with_the_access(self, api, ana, acting, opened) -> None:
        with acting(ana):
            past = timezone.now() - timedelta(seconds=1)
            EmergencyAccess.objects.update(opened_at=past - timedelta(hours=1), expires_at=past)
        assert api(ana).get(f"{API}/patients/{opened.patient_id}").status_code == 404
        assert not reads(opened.patient).exists()

    def test_costs_an_open_file_nothing(self, api, ana, patient) -> None:
        client = api(ana)
        client.get(f"{API}/patients/{patient.pk}")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{API}/patients/{patient.pk}")
        # The file itself is asked with an EXISTS about emergency accesses; nothing else asks about them.
        assert sum("patients_emergencyaccess" in query["sql"] for query in queries) == 1


class TestMessages:
    @pytest.fixture
    def reminder(self, ben, house, at) -> NotificationJob:
        desk = Desk(ben, house, at)
        visit = desk.book(clock(9, day=clock(0).replace(month=12, day=15)))
        return NotificationJob.objects.filter(cause_id=visit.pk).first()

    def shown_to(self, client: Any, job: NotificationJob) -> list[bool]:
        pages = [client.get(f"{API}/notifications/{name}").json()["results"] for name in ("jobs", "logs")]
        return [str(job.pk) in str(rows) for rows in pages]

    def test_of_a_restricted_patient_are_the_administrator_s(
        self, api, ana, ben, dora, acting, reminder
    ) -> None:
        patient = Patient.objects.get(appointments=reminder.cause_id)
        assert self.shown_to(api(ben), reminder) == [True, True]
        restrict(patient, acting, dora)
        assert self.shown_to(api(ben), reminder) == [False, False]
        assert self.shown_to(api(ana), reminder) == [False, False]
        assert self.shown_to(api(dora), reminder) == [True, True]

    def test_show_again_to_who_broke_the_glass(self, api, ana, ben, dora, acting, reminder) -> None:
        patient = restrict(Patient.objects.get(appointments=reminder.cause_id), acting, dora)
        break_glass(actor=ana, patient=patient, reason="Hémorragie, allergies inconnues", at=timezone.now())
        assert self.shown_to(api(ana), reminder) == [True, True]
        assert self.shown_to(api(ben), reminder) == [False, False]

    def test_about_nobody_and_of_others_stay(self, api, ben, dora, acting, reminder, patient, at) -> None:
        restrict(patient, acting, dora)
        assert self.shown_to(api(ben), reminder) == [True, True]
        tested = api(dora).post(
            f"{API}/notifications/test", {"channel": "email", "recipient": "dora@demo.test"}
        )
        assert tested.status_code in {201, 202}
        shown = api(ben).get(f"{API}/notifications/jobs").json()["results"]
        assert "notifications.test" in str(shown) or tested.json()["job"]["id"] in str(shown)
