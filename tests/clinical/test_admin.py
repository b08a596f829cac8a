"""Treatments in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.clinical.models import Treatment
from apps.clinical.services import record_treatment
from tests.admin.conftest import browser

__all__ = ["browser"]

LIST = "admin:clinical_treatment_changelist"


@pytest.fixture
def treatment(ana, patient, practitioner, acts, at):
    return record_treatment(actor=ana, patient=patient, act=acts["HBJD001"], practitioner=practitioner, at=at)


class TestTreatmentAdmin:
    def test_records(self, browser, ana, acts, patient, practitioner):
        form = {
            "patient": str(patient.pk),
            "act": str(acts["HBLD634"].pk),
            "practitioner": str(practitioner.pk),
            "tooth": "14",
            "amount": "500,00 €",
        }

        answer = browser(ana).post(reverse("admin:clinical_treatment_add"), form)

        assert answer.status_code == 302, answer.content.decode()[:2000]
        assert (Treatment.objects.get().tooth, Treatment.objects.get().price) == ("14", 50000)

    def test_shows_a_refusal(self, browser, ana, acts, patient, practitioner):
        form = {
            "patient": str(patient.pk),
            "act": str(acts["HBLD634"].pk),
            "practitioner": str(practitioner.pk),
            "tooth": "26",
        }

        assert browser(ana).post(reverse("admin:clinical_treatment_add"), form).status_code == 200
        assert not Treatment.objects.exists()

    def test_completes_and_cancels(self, browser, ana, treatment):
        client = browser(ana)
        for name, status in (("complete_chosen", "done"), ("cancel_chosen", "cancelled")):
            data = {
                "action": name,
                "_selected_action": [str(treatment.pk)],
                "confirmed": "yes",
                "reason": "Erreur",
            }
            client.post(reverse(LIST), data)
            treatment.refresh_from_db()
            assert treatment.status == status

        page = client.get(reverse("admin:clinical_treatment_change", args=[treatment.pk]))
        assert "Erreur" in page.content.decode()

    def test_is_closed_to_the_manager_and_empty_elsewhere(self, browser, cleo, dora, treatment):
        assert browser(dora).get(reverse(LIST)).status_code == 403
        assert "HBJD001" not in browser(cleo).get(reverse(LIST)).content.decode()
