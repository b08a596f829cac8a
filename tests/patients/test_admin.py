"""The patient file in the admin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEntry
from apps.patients.models import Alert, Household, Patient
from apps.patients.services import add_alert, add_contact, merge_patients, record_consent
from tests.patients.conftest import NIR

ADD = "admin:patients_patient_add"
CHANGE = "admin:patients_patient_change"


@pytest.fixture
def browser(acting):
    """Return a client with an admin session of the user."""

    def logged_in(user) -> Client:
        client = Client()
        with acting(user):
            client.force_login(user)
        return client

    return logged_in


def rows(prefix: str, *filled: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    """The management form and the rows of an inline."""
    body: dict[str, Any] = {
        f"{prefix}-TOTAL_FORMS": len(filled),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for n, row in enumerate(filled):
        body |= {f"{prefix}-{n}-{name}": value for name, value in row.items()}
    return body


BLANK = {
    "last_name": "Lefèvre",
    "first_name": "Zoé",
    "birth_name": "",
    "birth_date": "08/03/1991",
    "sex": "female",
    "status": "active",
    "identity_status": "provisional",
    "new_national_id": "",
    "phone": "06 12 34 56 78",
    "phone_secondary": "",
    "email": "",
    "address": "",
    "postal_code": "",
    "city": "",
    "country": "",
    "language": "fr",
    "reminder_sms": "on",
    "reminder_email": "on",
    "practitioner": "",
    "referred_by": "",
    "household": "",
    "profession": "",
    "tags": "vip, anxious",
    "comment": "",
    **rows("alerts"),
    **rows("contacts"),
    **rows("consents"),
}


@pytest.mark.django_db
class TestAdd:
    def test_registers_with_contacts_and_consents(self, browser, ben):
        body = {
            **BLANK,
            "new_national_id": "2 91 03 2A 004 011 83",
            **rows(
                "contacts", {"relation": "guardian", "name": "Marc", "phone": "04 72 00 00 00", "email": ""}
            ),
            **rows("consents", {"kind": "data_notice", "decision": "given", "channel": "paper"}),
        }
        answer = browser(ben).post(reverse(ADD), body)
        assert answer.status_code == 302, answer.context["errors"]
        patient = Patient.objects.get()
        assert (patient.phone, patient.national_id, patient.tags) == (
            "+33612345678",
            "291032A00401183",
            ["vip", "anxious"],
        )
        assert patient.contacts.get().phone == "+33472000000"
        assert patient.consents.get().signer_name == "Zoé LEFÈVRE"
        entry = AuditEntry.objects.get(object_pk=str(patient.pk))
        assert (entry.event, entry.actor_id) == ("patients.patient.register", ben.pk)

    def test_shows_what_the_service_refuses_and_writes_nothing(self, browser, ben, register):
        register("Zoé", "Lefèvre")
        answer = browser(ben).post(reverse(ADD), BLANK)
        assert answer.status_code == 200
        assert Patient.objects.count() == 1
        again = browser(ben).post(reverse(ADD), {**BLANK, "allow_duplicate": "on"})
        assert again.status_code == 302
        assert Patient.objects.count() == 2

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("phone", "12"),
            ("new_national_id", "184051305510218"),
            ("birth_date", "01/01/2999"),
            ("last_name", ""),
        ],
    )
    def test_names_the_field_that_is_wrong(self, browser, ben, field, value):
        answer = browser(ben).post(reverse(ADD), {**BLANK, field: value})
        assert answer.status_code == 200
        errors = answer.context["adminform"].form.errors
        assert field in errors or (field == "new_national_id" and errors)
        assert not Patient.objects.exists()


@pytest.mark.django_db
class TestChange:
    def body(self, patient: Patient, **changes: Any) -> dict[str, Any]:
        return {
            **BLANK,
            "last_name": patient.last_name,
            "first_name": patient.first_name,
            "birth_date": "12/05/1984",
            "country": "FR",
            "email": patient.email,
            "tags": "",
            "sex": "unknown",
            **changes,
        }

    def test_never_shows_the_national_identifier(self, browser, ben, register):
        patient = register(national_id=NIR)
        page = browser(ben).get(reverse(CHANGE, args=[patient.pk])).content.decode()
        assert NIR not in page
        assert "1 84 ** ** *** *** **" in page

    def test_keeps_the_national_identifier_that_is_not_typed_again(self, browser, ben, register):
        patient = register(
            national_id=NIR, birth_date=datetime(1984, 5, 12, tzinfo=UTC).date(), email="a@b.test"
        )
        answer = browser(ben).post(reverse(CHANGE, args=[patient.pk]), self.body(patient, city="Lyon"))
        assert answer.status_code == 302, answer.context["errors"]
        stored = Patient.objects.get(pk=patient.pk)
        assert (stored.city, stored.national_id) == ("Lyon", NIR)

    def test_changes_what_stands_around_the_patient(self, browser, ana, patient, at):
        contact = add_contact(actor=ana, patient=patient, at=at, relation="spouse", name="Marc")
        gone = add_contact(actor=ana, patient=patient, at=at, relation="other", name="Luc")
        alert = add_alert(actor=ana, patient=patient, at=at, kind="allergy", label="Latex")
        consent = record_consent(actor=ana, patient=patient, at=at, kind="sms")
        body = self.body(
            patient,
            **rows(
                "contacts",
                {
                    "id": contact.pk,
                    "patient": patient.pk,
                    "relation": "spouse",
                    "name": "Marc Durand",
                    "phone": "",
                    "email": "",
                },
                {
                    "id": gone.pk,
                    "patient": patient.pk,
                    "relation": "other",
                    "name": "Luc",
                    "phone": "",
                    "email": "",
                    "DELETE": "on",
                },
                initial=2,
            ),
            **rows(
                "alerts",
                {
                    "id": alert.pk,
                    "patient": patient.pk,
                    "kind": "allergy",
                    "label": "Latex",
                    "severity": 3,
                    "substance_class": "latex",
                    "noted_on": "",
                },
                {
                    "patient": patient.pk,
                    "kind": "medication",
                    "label": "Aspirine",
                    "severity": 2,
                    "substance_class": "",
                    "noted_on": "",
                },
                initial=1,
            ),
            **rows(
                "consents",
                {"id": consent.pk, "patient": patient.pk},
                {
                    "patient": patient.pk,
                    "kind": "sms",
                    "decision": "withdrawn",
                    "channel": "oral",
                    "text_version": "",
                    "signer_name": "",
                },
                initial=1,
            ),
        )
        answer = browser(ana).post(reverse(CHANGE, args=[patient.pk]), body)
        assert answer.status_code == 302, answer.context["errors"]
        contact.refresh_from_db()
        gone.refresh_from_db()
        assert contact.name == "Marc Durand"
        assert contact.ended_at is None
        assert gone.ended_at is not None
        assert {(a.label, a.severity) for a in Alert.objects.all()} == {("Latex", 3), ("Aspirine", 2)}
        assert patient.consents.get(decision="withdrawn").withdraws_id == consent.pk
        events = set(AuditEntry.objects.filter(actor=ana).values_list("event", flat=True))
        assert {"patients.contact.update", "patients.contact.end", "patients.alert.add"} <= events

    def test_refuses_all_when_one_part_is_refused(self, browser, ben, patient):
        withdrawn = {"patient": patient.pk, "kind": "sms", "decision": "withdrawn", "channel": "oral"}
        answer = browser(ben).post(
            reverse(CHANGE, args=[patient.pk]), self.body(patient, city="Lyon", **rows("consents", withdrawn))
        )
        assert answer.status_code == 200
        patient.refresh_from_db()
        assert patient.city == ""

    def test_leaves_a_merged_file_alone(self, browser, dora, patient, register):
        other = register("Jeanne", "Martine")
        merge_patients(actor=dora, kept=patient, merged=other, at=datetime.now(UTC))
        answer = browser(dora).post(reverse(CHANGE, args=[other.pk]), self.body(other, city="Lyon"))
        assert answer.status_code == 403

    def test_is_not_there_for_another_practice(self, browser, cleo, patient):
        assert browser(cleo).get(reverse(CHANGE, args=[patient.pk])).status_code == 404


@pytest.mark.django_db
class TestActions:
    def test_archive_and_restore(self, browser, ben, patient):
        client = browser(ben)
        url = reverse("admin:patients_patient_archive_do", args=[patient.pk])
        client.post(url, {"confirmed": "yes"})
        asked = client.get(url)
        patient.refresh_from_db()
        assert asked.status_code in {200, 302}
        assert patient.status == "archived"
        client.post(reverse("admin:patients_patient_restore_do", args=[patient.pk]), {"confirmed": "yes"})
        patient.refresh_from_db()
        assert patient.status == "active"

    def test_end_an_alert(self, browser, ana, patient, at):
        alert = add_alert(actor=ana, patient=patient, at=at, kind="allergy", label="Latex")
        browser(ana).post(reverse("admin:patients_alert_end_do", args=[alert.pk]), {"confirmed": "yes"})
        alert.refresh_from_db()
        assert alert.ended_at is not None

    def test_change_an_alert(self, browser, ana, patient, at):
        alert = add_alert(actor=ana, patient=patient, at=at, kind="allergy", label="Latex")
        body = {
            "kind": "allergy",
            "severity": 3,
            "label": "Latex",
            "substance": "",
            "substance_class": "latex",
            "note": "gants",
            "noted_on": "",
        }
        answer = browser(ana).post(reverse("admin:patients_alert_change", args=[alert.pk]), body)
        assert answer.status_code == 302, answer.context["errors"]
        alert.refresh_from_db()
        assert (alert.severity, alert.note) == (3, "gants")


@pytest.mark.django_db
class TestLists:
    @pytest.mark.parametrize("text", ["lefevre zoe", "06 12 34 56 78", "lefebvre"])
    def test_find_as_the_api_does(self, browser, ben, register, text):
        register("Zoé", "Lefèvre", phone="0612345678")
        register("Paul", "Durand")
        page = browser(ben).get(reverse("admin:patients_patient_changelist"), {"q": text})
        assert [row.last_name for row in page.context["cl"].result_list] == ["Lefèvre"]

    def test_find_consents_and_alerts_by_the_patient_s_name(self, browser, ben, ana, patient, at):
        record_consent(actor=ben, patient=patient, at=at, kind="sms")
        add_alert(actor=ana, patient=patient, at=at, kind="allergy", label="Latex")
        for name in ("consentform", "alert"):
            page = browser(ben).get(reverse(f"admin:patients_{name}_changelist"), {"q": "Jeanne"})
            assert len(page.context["cl"].result_list) == 1
            page = browser(ben).get(reverse(f"admin:patients_{name}_changelist"), {"q": "Paul"})
            assert len(page.context["cl"].result_list) == 0

    def test_offer_only_this_practice_s_rows_to_choose_from(self, browser, ben, patient, elsewhere):
        query = {
            "app_label": "patients",
            "model_name": "household",
            "field_name": "guarantor",
            "term": "martin",
        }
        found = browser(ben).get(reverse("admin:autocomplete"), query).json()["results"]
        assert [row["id"] for row in found] == [str(patient.pk)]


@pytest.mark.django_db
class TestHouseholds:
    def test_are_made_and_renamed(self, browser, ben, patient):
        answer = browser(ben).post(
            reverse("admin:patients_household_add"), {"name": "Martin", "guarantor": str(patient.pk)}
        )
        assert answer.status_code == 302, answer.context["errors"]
        household = Household.objects.get()
        patient.refresh_from_db()
        assert patient.household_id == household.pk
        url = reverse("admin:patients_household_change", args=[household.pk])
        browser(ben).post(url, {"name": "Martin-Durand", "guarantor": str(patient.pk)})
        household.refresh_from_db()
        assert household.name == "Martin-Durand"
