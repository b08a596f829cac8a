"""Treatments: recorded, carried out, cancelled."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.catalog.models import PracticeFee
from apps.catalog.teeth import ToothNotAllowed, ToothRequired
from apps.clinical.models import Treatment
from apps.clinical.services import (
    ActOutOfUse,
    NotATreater,
    cancel_treatment,
    complete_treatment,
    record_treatment,
)
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.transitions import IllegalTransition
from tests.billing.making import make_draft


@pytest.fixture
def record(ana, patient, practitioner, acts, at):
    """Record a treatment by the code of its act."""

    def write(code="HBJD001", actor=ana, **fields):
        values = {"practitioner": practitioner, "at": at} | fields
        return record_treatment(actor=actor, patient=patient, act=acts[code], **values)

    return write


class TestRecordTreatment:
    def test_is_planned_at_the_tariff_s_price(self, record):
        treatment = record()

        assert (treatment.status, treatment.price, treatment.currency) == ("planned", 4338, "EUR")

    def test_prefers_the_practice_fee_and_then_the_given_price(self, record, acts, practice, acting, ana):
        with acting(ana):
            PracticeFee.objects.create(practice=practice, act=acts["HBJD001"], price=4900)

        assert record().price == 4900
        assert record(price=0).price == 0

    def test_can_be_done_already(self, record, at):
        assert (record(done=True).status, record(done=True).performed_at) == ("done", at)

    def test_is_not_done_by_somebody_who_only_plans(self, record, ben):
        with pytest.raises(PermissionRefused):
            record(actor=ben, done=True)

    def test_refuses_a_missing_tooth(self, record):
        with pytest.raises(ToothRequired):
            record("HBLD634")

    def test_refuses_a_tooth_the_act_is_not_done_on(self, record):
        with pytest.raises(ToothNotAllowed):
            record("HBLD634", tooth="26")

    def test_refuses_an_act_out_of_use(self, record, acts, acting, ana):
        acts["HBJD001"].is_active = False

        with pytest.raises(ActOutOfUse):
            record()

    def test_refuses_an_assistant_as_practitioner(self, record, house):
        with pytest.raises(NotATreater):
            record(practitioner=house.practitioners[2])

    def test_refuses_a_negative_price(self, record):
        with pytest.raises(InvalidInput):
            record(price=-1)


class TestVerbs:
    def test_completes_once(self, record, ana, at):
        treatment = complete_treatment(actor=ana, treatment=record(), at=at)

        assert (treatment.status, treatment.performed_at) == ("done", at)
        with pytest.raises(IllegalTransition):
            complete_treatment(actor=ana, treatment=treatment, at=at)

    def test_cancels_with_a_sealed_reason(self, record, ana, at):
        treatment = cancel_treatment(actor=ana, treatment=record(), reason="Change d'avis", at=at)

        treatment.refresh_from_db()
        assert (treatment.status, treatment.cancel_reason) == ("cancelled", "Change d'avis")
        with connection.cursor() as cursor:
            cursor.execute("SELECT cancel_reason FROM clinical_treatment")
            assert b"avis" not in bytes(cursor.fetchone()[0])

    def test_keeps_what_is_billed(self, record, ana, patient, practitioner, at):
        from apps.billing.services import LineInput, update_draft
        from apps.billing.services.guards import TreatmentBilled

        treatment = complete_treatment(actor=ana, treatment=record(), at=at)
        draft = make_draft(practitioner, patient, at)
        update_draft(actor=ana, invoice=draft, lines=[LineInput(treatment=treatment)], at=at)

        with pytest.raises(TreatmentBilled):
            cancel_treatment(actor=ana, treatment=treatment, at=at)

        treatment.refresh_from_db()
        assert treatment.status == "done"


class TestApi:
    @pytest.fixture
    def url(self, patient):
        return f"/api/v1/patients/{patient.pk}/treatments"

    def test_records_and_lists(self, api, ana, ben, acts, url, practitioner):
        body = {"act": str(acts["HBLD634"].pk), "tooth": "14"}

        made = api(ana).post(url, body)
        listed = api(ben).get(url).json()

        assert made.status_code == 201
        assert (made.json()["code"], made.json()["tooth"], made.json()["price"]) == ("HBLD634", "14", 51500)
        assert made.json()["practitioner"] == str(practitioner.pk)
        assert [row["id"] for row in listed["results"]] == [made.json()["id"]]

    def test_completes_and_cancels(self, api, ana, ben, acts, url):
        body = {"act": str(acts["HBJD001"].pk)}
        first, second = (api(ana).post(url, body).json()["id"] for _ in range(2))

        done = api(ana).post(f"/api/v1/treatments/{first}/complete")
        gone = api(ben).post(f"/api/v1/treatments/{second}/cancel", {"reason": "Erreur"})
        again = api(ana).post(f"/api/v1/treatments/{first}/complete")

        assert (done.status_code, done.json()["status"]) == (200, "done")
        assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ILLEGAL_TRANSITION")
        assert again.json()["error"]["details"]["allowed"] == ["cancel"]

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({}, 400, "VALIDATION_ERROR"),
            ({"act": "nonsense"}, 400, "VALIDATION_ERROR"),
            ({"act": "HBLD634"}, 400, "TOOTH_REQUIRED"),
            ({"act": "HBLD634", "tooth": "26"}, 409, "TOOTH_NOT_ALLOWED"),
            ({"act": "HBLD634", "tooth": "99"}, 400, "TOOTH_UNKNOWN"),
            ({"act": "HBJD001", "price": -1}, 400, "VALIDATION_ERROR"),
            ({"act": "HBJD001", "status": "cancelled"}, 400, "VALIDATION_ERROR"),
        ],
    )
    def test_refuses_bad_input_and_writes_nothing(self, api, ana, acts, url, body, status, code):
        if body.get("act") in acts:
            body = {**body, "act": str(acts[body["act"]].pk)}

        answer = api(ana).post(url, body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert not Treatment.objects.exists()

    def test_is_for_those_who_care(self, api, ben, dora, acts, url):
        body = {"act": str(acts["HBJD001"].pk), "status": "done"}

        assert api(dora).get(url).status_code == 403
        assert api(ben).post(url, body).status_code == 400  # the front desk names who treats

    def test_hides_another_practice_s_patients_and_treatments(self, api, cleo, acts, url, record):
        treatment = record()
        client = api(cleo)

        assert client.get(url).status_code == 404
        assert client.post(url, {"act": str(acts["HBJD001"].pk)}).status_code == 404
        for verb in ("complete", "cancel"):
            assert client.post(f"/api/v1/treatments/{treatment.pk}/{verb}", {}).status_code == 404

    def test_does_not_know_another_practice_s_people(self, api, ana, acts, url, other_house):
        body = {"act": str(acts["HBJD001"].pk), "practitioner": str(other_house.practitioners[0].pk)}

        answer = api(ana).post(url, body)

        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"practitioner"}
