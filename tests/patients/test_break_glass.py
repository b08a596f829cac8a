"""POST /patients/{id}/break-glass: a restricted file opened for an hour, with a reason somebody reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.patients.models import EmergencyAccess, Patient

REASON = {"reason": "Hémorragie, allergies inconnues"}


@pytest.fixture
def restricted(patient: Patient, acting: Any, dora: Any) -> Patient:
    with acting(dora):
        Patient.objects.filter(pk=patient.pk).update(restricted_at=timezone.now())
    patient.refresh_from_db()
    return patient


def path(patient: Patient, more: str = "") -> str:
    return f"/api/v1/patients/{patient.pk}{more}"


class TestBreakGlass:
    def test_opens_the_file_to_who_asked_and_to_nobody_else(self, api, ana, ben, restricted) -> None:
        assert api(ana).get(path(restricted)).status_code == 404
        answer = api(ana).post(path(restricted, "/break-glass"), REASON)
        assert answer.status_code == 201
        assert api(ana).get(path(restricted)).status_code == 200
        assert api(ana).get(path(restricted, "/alerts")).status_code == 200
        assert api(ben).get(path(restricted)).status_code == 404

    def test_closes_again_after_an_hour(self, api, ana, acting, restricted) -> None:
        api(ana).post(path(restricted, "/break-glass"), REASON)
        with acting(ana):
            past = timezone.now() - timedelta(seconds=1)
            EmergencyAccess.objects.update(opened_at=past - timedelta(hours=1), expires_at=past)
        assert api(ana).get(path(restricted)).status_code == 404

    def test_is_remembered_and_shown_to_the_administrator(
        self, api, ana, dora, client, acting, restricted
    ) -> None:
        api(ana).post(path(restricted, "/break-glass"), REASON)
        access = EmergencyAccess.objects.get()
        entry = AuditEntry.objects.about(access).get()
        assert (entry.actor_id, entry.event) == (ana.pk, "patients.emergency_access.open")
        assert "Hémorragie" not in str(entry.changes)
        with acting(dora):
            client.force_login(dora)
        page = client.get("/admin/patients/emergencyaccess/").content.decode()
        assert "Hémorragie" in page
        assert "Ana" in page

    def test_refuses_without_a_reason(self, api, ana, restricted) -> None:
        answer = api(ana).post(path(restricted, "/break-glass"), {"reason": "vite"})
        assert answer.status_code == 400
        assert not EmergencyAccess.objects.exists()

    def test_refuses_a_file_that_is_open(self, api, ana, patient) -> None:
        answer = api(ana).post(path(patient, "/break-glass"), REASON)
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "NOT_RESTRICTED"

    def test_is_for_practitioners_only(self, api, ben, dora, restricted) -> None:
        for user in (ben, dora):
            assert api(user).post(path(restricted, "/break-glass"), REASON).status_code == 403

    def test_does_not_reach_another_practice(self, api, cleo, restricted) -> None:
        assert api(cleo).post(path(restricted, "/break-glass"), REASON).status_code == 404
        assert api(cleo).get(path(restricted)).status_code == 404
