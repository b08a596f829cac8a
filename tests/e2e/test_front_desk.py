"""The front desk's morning in the admin, in Chromium."""

from __future__ import annotations

import pytest

from apps.audit.models import AuditEntry
from apps.patients.models import Patient
from tests.cast import House
from tests.e2e.conftest import Desk

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]


class TestFrontDesk:
    def test_registers_a_patient_and_finds_her_again(self, desk: Desk, stage: House, ben) -> None:
        desk.log_in("ben@test.test")
        desk.open("/admin/patients/patient/add/")
        page = desk.page
        page.fill("input[name=first_name]", "Élise")
        page.fill("input[name=last_name]", "Guérin")
        page.fill("input[name=phone]", "06 39 98 11 22")
        desk.save()
        page.wait_for_url("**/admin/patients/patient/")
        patient = Patient.objects.get(last_name="Guérin")
        assert patient.phone == "+33639981122"
        assert patient.practice_id == stage.practice.pk
        entry = AuditEntry.objects.about(patient).get()
        assert (entry.actor_id, entry.event) == (ben.pk, "patients.patient.register")
        desk.open("/admin/patients/patient/?q=guerin+elize")
        assert "GUÉRIN" in page.locator("#result_list").inner_text().upper()

    def test_says_what_is_wrong_beside_the_field(self, desk: Desk, stage: House) -> None:
        desk.log_in("ben@test.test")
        desk.open("/admin/patients/patient/add/")
        desk.page.fill("input[name=first_name]", "Paul")
        desk.page.fill("input[name=last_name]", "Roux")
        desk.page.fill("input[name=phone]", "12")
        desk.save()
        desk.page.wait_for_selector(
            ".errorlist, .errornote, [id$=_error], ul.errorlist, [role=alert]", state="attached"
        )
        assert "téléphone" in desk.page.inner_text("main, #main, body").lower()
        assert not Patient.objects.filter(last_name="Roux").exists()

    @pytest.mark.parametrize(
        "path",
        [
            "/admin/",
            "/admin/patients/patient/",
            "/admin/patients/patient/add/",
            "/admin/agenda/appointment/",
            "/admin/agenda/appointment/add/",
            "/admin/billing/invoice/",
            "/admin/notifications/notificationjob/",
        ],
    )
    def test_pages_have_no_serious_accessibility_fault(self, desk: Desk, stage: House, path: str) -> None:
        desk.log_in("ana@test.test")
        desk.open(path)
        assert desk.accessibility_faults() == []


class TestPublicPages:
    def test_a_forgotten_password_is_asked_for_without_saying_who_exists(
        self, desk: Desk, stage: House
    ) -> None:
        desk.open("/account/password")
        desk.page.fill("#email", "nobody@test.test")
        desk.page.click("#forgot button")
        desk.page.wait_for_selector("#outcome:not(:empty)")
        assert "adresse" in desk.page.inner_text("#outcome")
        assert desk.accessibility_faults() == []
