"""Contacts, consents and alerts of a patient."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.patients.models import Alert, ConsentForm
from apps.patients.services import (
    add_alert,
    add_contact,
    end_contact,
    record_consent,
    state_of,
    update_contact,
)
from tests.patients.conftest import HUGE_KEY, URL

PARTS = ["contacts", "consents", "alerts"]
BODIES = {
    "contacts": {"relation": "emergency", "name": "Marc Martin", "phone": "0472000000"},
    "consents": {"kind": "treatment"},
    "alerts": {"kind": "allergy", "label": "Pénicilline"},
}


@pytest.mark.parametrize("part", PARTS)
class TestEveryPart:
    def test_is_added_and_listed(self, api, ana, patient, part):
        url = f"{URL}/{patient.pk}/{part}"
        created = api(ana).post(url, BODIES[part])
        assert created.status_code == 201
        body = api(ana).get(url).json()
        assert body["count"] == 1
        assert body["results"][0]["id"] == created.json()["id"]

    def test_is_404_for_another_practice(self, api, cleo, patient, part):
        assert api(cleo).get(f"{URL}/{patient.pk}/{part}").status_code == 404
        assert api(cleo).post(f"{URL}/{patient.pk}/{part}", BODIES[part]).status_code == 404
        assert api(cleo).get(f"{URL}/{HUGE_KEY}/{part}").status_code == 404

    def test_is_for_those_who_may(self, api, ines, root, patient, part):
        url = f"{URL}/{patient.pk}/{part}"
        assert api().get(url).status_code == 401
        assert api(ines).get(url).status_code == 403
        assert api(root).post(url, BODIES[part]).status_code == 403

    def test_refuses_an_empty_body(self, api, ana, patient, part):
        answer = api(ana).post(f"{URL}/{patient.pk}/{part}", {})
        assert answer.status_code == 400
        assert "kind" in answer.json()["error"]["details"] or "relation" in answer.json()["error"]["details"]

    def test_needs_as_many_queries_for_50_rows_as_for_one(self, api, ana, patient, at, part):
        add = {"contacts": add_contact, "consents": record_consent, "alerts": add_alert}[part]
        for _n in range(50):
            add(actor=ana, patient=patient, at=at, **BODIES[part])
        client, counts = api(ana), []
        for size in (1, 50):
            client.get(f"{URL}/{patient.pk}/{part}", {"page_size": size})
            with CaptureQueriesContext(connection) as queries:
                rows = client.get(f"{URL}/{patient.pk}/{part}", {"page_size": size}).json()["results"]
            assert len(rows) == size
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 6


class TestContacts:
    def test_are_stored_one_way(self, api, ben, patient):
        body = (
            api(ben).post(f"{URL}/{patient.pk}/contacts", {**BODIES["contacts"], "email": "M@X.test"}).json()
        )
        assert (body["phone"], body["email"], body["is_legal_representative"]) == (
            "+33472000000",
            "m@x.test",
            False,
        )

    def test_refuse_a_phone_that_is_none(self, api, ben, patient):
        answer = api(ben).post(f"{URL}/{patient.pk}/contacts", {**BODIES["contacts"], "phone": "12"})
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"phone"}

    def test_may_change_and_end(self, api, ben, patient, at):
        contact = add_contact(actor=ben, patient=patient, at=at, **BODIES["contacts"])
        assert update_contact(actor=ben, contact=contact, at=at, name="Marc  Durand").name == "Marc Durand"
        assert end_contact(actor=ben, contact=contact, at=at).ended_at == at
        assert end_contact(actor=ben, contact=contact, at=at + timedelta(days=1)).ended_at == at
        assert api(ben).get(f"{URL}/{patient.pk}/contacts").json()["count"] == 0


class TestConsents:
    def test_the_last_decision_of_a_kind_counts(self, api, ben, patient):
        url = f"{URL}/{patient.pk}/consents"
        for decision in ("given", "withdrawn", "refused"):
            assert api(ben).post(url, {"kind": "image_use", "decision": decision}).status_code == 201
        rows = api(ben).get(url).json()["results"]
        assert [(row["decision"], row["is_current"]) for row in rows] == [
            ("refused", True),
            ("withdrawn", False),
            ("given", False),
        ]
        assert rows[1]["withdraws"] == rows[2]["id"]
        assert api(ben).get(f"{URL}/{patient.pk}").json()["consents"][0]["decision"] == "refused"

    def test_a_decision_of_the_past_does_not_undo_a_later_one(self, ben, patient, at):
        record_consent(actor=ben, patient=patient, at=at, kind="sms", decision="refused")
        record_consent(actor=ben, patient=patient, at=at, kind="sms", decided_at=at - timedelta(days=9))
        assert state_of(patient) == {"sms": "refused"}

    def test_a_withdrawal_needs_a_consent(self, api, ben, patient):
        answer = api(ben).post(f"{URL}/{patient.pk}/consents", {"kind": "sms", "decision": "withdrawn"})
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "CONSENT_NOT_GIVEN"

    @pytest.mark.parametrize(
        "change",
        [
            {"decided_at": "2999-01-01T00:00:00Z"},
            {"decision": "maybe"},
            {"channel": "pigeon"},
            {"decided_at": "soon"},
        ],
    )
    def test_refuses_what_is_not_valid(self, api, ben, patient, change):
        answer = api(ben).post(f"{URL}/{patient.pk}/consents", {**BODIES["consents"], **change})
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == set(change)

    def test_the_signer_is_a_contact_of_this_patient(self, api, ben, patient, elsewhere, carl, register, at):
        url = f"{URL}/{patient.pk}/consents"
        guardian = add_contact(actor=ben, patient=patient, at=at, relation="guardian", name="Marc Martin")
        body = api(ben).post(url, {"kind": "minor_one_parent", "signer_contact": str(guardian.pk)}).json()
        assert (body["signer_name"], body["signer_contact"]) == ("Marc Martin", str(guardian.pk))
        stranger = add_contact(actor=carl, patient=elsewhere, at=at, relation="guardian", name="X")
        neighbour = add_contact(actor=ben, patient=register("A", "B"), at=at, relation="guardian", name="Y")
        for contact in (stranger, neighbour):
            answer = api(ben).post(url, {"kind": "minor_one_parent", "signer_contact": str(contact.pk)})
            assert answer.status_code == 400
            assert set(answer.json()["error"]["details"]) == {"signer_contact"}

    def test_the_proof_depends_on_every_fact(self, ben, patient):
        facts = {
            "kind": "sms",
            "text": "Texte",
            "text_version": "2026-01",
            "channel": "paper",
            "signer_name": "Jeanne",
        }
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        proofs = set()
        for change in (
            {},
            {"text": "Autre"},
            {"text_version": "2"},
            {"channel": "web"},
            {"signer_name": "X"},
            {"kind": "email"},
        ):
            consent = record_consent(actor=ben, patient=patient, at=moment, **{**facts, **change})
            proofs.add(consent.proof_sha256)
        again = record_consent(actor=ben, patient=patient, at=moment, **facts)
        assert len(proofs) == 6
        assert again.proof_sha256 in proofs

    def test_is_never_changed_or_deleted(self, ben, patient, at, acting):
        consent = record_consent(actor=ben, patient=patient, at=at, kind="sms")
        for attempt in (
            lambda: ConsentForm.objects.filter(pk=consent.pk).update(decision="refused"),
            lambda: ConsentForm.objects.filter(pk=consent.pk).delete(),
        ):
            with acting(ben), pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
                attempt()


class TestAlerts:
    def test_stand_beside_the_name_wherever_the_patient_is(self, api, ana, ben, patient):
        body = {
            **BODIES["alerts"],
            "substance": "amoxicilline",
            "substance_class": "penicillin",
            "severity": 3,
        }
        api(ana).post(f"{URL}/{patient.pk}/alerts", body)
        for seen in (api(ben).get(URL).json()["results"][0], api(ben).get(f"{URL}/{patient.pk}").json()):
            assert seen["alerts"][0]["label"] == "Pénicilline"
            assert (seen["alerts"][0]["severity"], seen["alerts"][0]["substance_class"]) == (3, "penicillin")

    def test_are_sealed_in_the_database_and_in_the_trail(self, ana, patient, at):
        alert = add_alert(
            actor=ana, patient=patient, at=at, kind="condition", label="Hémophilie", note="type A"
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_jsonb(a)::text FROM patients_alert a")
            stored = cursor.fetchone()[0]
        assert "mophilie" not in stored
        assert "type A" not in stored
        assert "mophilie" not in str(AuditEntry.objects.get(object_pk=str(alert.pk)).changes)

    def test_end_and_come_back(self, api, ana, patient):
        key = api(ana).post(f"{URL}/{patient.pk}/alerts", BODIES["alerts"]).json()["id"]
        ended = api(ana).patch(f"/api/v1/alerts/{key}", {"ended": True, "label": "Latex"}).json()
        assert ended["ended_at"] is not None
        assert ended["label"] == "Latex"
        assert api(ana).get(f"{URL}/{patient.pk}").json()["alerts"] == []
        assert api(ana).get(f"{URL}/{patient.pk}/alerts").json()["count"] == 1
        assert api(ana).patch(f"/api/v1/alerts/{key}", {"ended": False}).json()["ended_at"] is None

    def test_are_changed_by_those_who_care_and_only_here(self, api, ana, ben, dora, cleo, patient):
        key = api(ana).post(f"{URL}/{patient.pk}/alerts", BODIES["alerts"]).json()["id"]
        assert api(cleo).patch(f"/api/v1/alerts/{key}", {"ended": True}).status_code == 404
        assert api(dora).patch(f"/api/v1/alerts/{key}", {"ended": True}).status_code == 403
        assert api(dora).post(f"{URL}/{patient.pk}/alerts", BODIES["alerts"]).status_code == 403
        assert api(ben).patch(f"/api/v1/alerts/{key}", {"severity": 1}).status_code == 200

    @pytest.mark.parametrize(
        "change",
        [{"kind": "x"}, {"label": ""}, {"severity": 4}, {"substance_class": "x"}, {"noted_on": "2999-01-01"}],
    )
    def test_refuse_what_is_not_valid(self, api, ana, patient, change):
        answer = api(ana).post(f"{URL}/{patient.pk}/alerts", {**BODIES["alerts"], **change})
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == set(change)
        assert not Alert.objects.exists()

    def test_show_the_gravest_first_and_those_that_ended_last(self, api, ana, patient, at):
        for label, severity in [("a", 1), ("b", 3), ("c", 2)]:
            add_alert(actor=ana, patient=patient, at=at, kind="allergy", label=label, severity=severity)
        gone = api(ana).get(f"{URL}/{patient.pk}/alerts").json()["results"][0]["id"]
        api(ana).patch(f"/api/v1/alerts/{gone}", {"ended": True})
        rows = api(ana).get(f"{URL}/{patient.pk}/alerts").json()["results"]
        assert [row["label"] for row in rows] == ["c", "a", "b"]
