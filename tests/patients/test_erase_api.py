"""DELETE /patients/{id}."""

from __future__ import annotations

import pytest

from apps.agenda.models import Appointment
from apps.audit.models import AuditEntry
from apps.compliance.models import DataRequest
from apps.core.errors import DependencyDown
from apps.patients.hooks import erasure_requested
from apps.patients.models import Patient
from apps.patients.services import merge_patients, request_erasure
from tests.agenda.scenes import Desk, clock
from tests.patients.conftest import URL


class TestErase:
    def test_opens_a_request_and_restricts_the_file(self, api, dora, patient):
        answer = api(dora).delete(f"{URL}/{patient.pk}")
        assert answer.status_code == 202
        request = DataRequest.objects.get()
        assert answer.json() == {"data_request": str(request.pk), "status": "open", "appointments": "kept"}
        assert (request.kind, request.patient_id, request.requested_by) == ("erasure", patient.pk, dora)
        patient.refresh_from_db()
        assert patient.status == "archived"
        assert patient.restricted_at is not None
        listed = api(dora).get("/api/v1/data-requests").json()["results"]
        assert [row["id"] for row in listed] == [str(request.pk)]

    def test_leaves_the_file_to_the_administrator(self, api, dora, ana, ben, patient):
        api(dora).delete(f"{URL}/{patient.pk}")
        body = api(dora).get(f"{URL}/{patient.pk}").json()
        assert (body["status"], body["first_name"]) == ("archived", "Jeanne")
        for user in (ana, ben):
            client = api(user)
            assert client.get(f"{URL}/{patient.pk}").status_code == 404
            assert client.patch(f"{URL}/{patient.pk}", {"city": "Lyon"}).status_code == 404
            assert client.get(URL, {"search": "Martin"}).json()["count"] == 0

    def test_answers_the_same_request_when_asked_again(self, api, dora, patient):
        first = api(dora).delete(f"{URL}/{patient.pk}").json()
        assert api(dora).delete(f"{URL}/{patient.pk}").json() == first
        assert DataRequest.objects.count() == 1
        assert AuditEntry.objects.about(patient).filter(event="patients.patient.request_erasure").count() == 1

    def test_opens_another_once_the_first_was_answered(self, api, dora, patient, acting):
        first = api(dora).delete(f"{URL}/{patient.pk}").json()
        with acting(dora):
            DataRequest.objects.update(status="refused")
        assert api(dora).delete(f"{URL}/{patient.pk}").json()["data_request"] != first["data_request"]

    def test_leaves_visits_in_the_agenda_and_says_so(self, api, dora, ben, house, at):
        desk = Desk(ben, house, at)
        patient, visit = desk.patients[0], desk.book(clock(9), patient=0)
        assert api(dora).delete(f"{URL}/{patient.pk}").json()["appointments"] == "kept"
        assert Appointment.objects.get(pk=visit.pk).status == visit.status
        events = api(dora).get(f"{URL}/{patient.pk}/timeline").json()["results"]
        told = [event for event in events if event["kind"] == "compliance.data_request"]
        assert told[0]["facts"]["kind"] == "erasure"
        english = api(dora).get(f"{URL}/{patient.pk}/timeline", headers={"accept-language": "en"}).json()
        assert any("visits already booked stay" in event["title"] for event in english["results"])

    def test_is_in_the_audit_trail(self, api, dora, patient):
        api(dora).delete(f"{URL}/{patient.pk}")
        entries = AuditEntry.objects.about(patient).filter(event="patients.patient.request_erasure")
        assert [set(entry.changes) for entry in entries] == [{"status", "restricted_at"}]
        opened = AuditEntry.objects.about(DataRequest.objects.get()).get()
        assert (opened.event, opened.actor_id) == ("compliance.data_request.open", dora.pk)

    def test_leaves_the_dead_dead(self, api, dora, register):
        late = register(status="deceased")
        assert api(dora).delete(f"{URL}/{late.pk}").status_code == 202
        late.refresh_from_db()
        assert late.status == "deceased"
        assert late.restricted_at is not None

    def test_refuses_a_file_merged_into_another(self, api, dora, patient, register, at):
        other = register("Jeane")
        merge_patients(actor=dora, kept=patient, merged=other, at=at)
        answer = api(dora).delete(f"{URL}/{other.pk}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PATIENT_MERGED")

    def test_does_not_know_a_patient_elsewhere(self, api, dora, elsewhere):
        assert api(dora).delete(f"{URL}/{elsewhere.pk}").status_code == 404
        assert not DataRequest.objects.exists()

    def test_is_the_administrator_s(self, api, ana, ben, cleo, patient):
        for user in (ana, ben, cleo):
            assert api(user).delete(f"{URL}/{patient.pk}").status_code == 403

    def test_changes_nothing_when_nobody_takes_the_request(self, dora, patient, at, monkeypatch):
        monkeypatch.setattr(erasure_requested, "_callables", [])
        with pytest.raises(DependencyDown):
            request_erasure(actor=dora, patient=patient, at=at)
        assert Patient.objects.get(pk=patient.pk).restricted_at is None
