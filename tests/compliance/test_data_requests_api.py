"""GET /data-requests."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.compliance.models import DataRequest
from apps.compliance.services import ANSWER_WITHIN, open_request

URL = "/api/v1/data-requests"


@pytest.fixture
def asked(dora, patient, at):
    """Jeanne asked to see what is kept about her."""
    return open_request(actor=dora, patient=patient, kind="access", at=at, note="  Par  courrier ")


class TestList:
    def test_shows_the_practice_s_requests(self, api, dora, patient, asked):
        body = api(dora).get(URL).json()
        assert body["count"] == 1
        assert body["results"][0] == {
            "id": str(asked.pk),
            "kind": "access",
            "status": "open",
            "patient": {
                "id": str(patient.pk),
                "display_name": "Jeanne MARTIN",
                "file_number": patient.file_number,
            },
            "requested_at": "2026-11-23T09:00:00+01:00",
            "due_at": "2026-12-23T09:00:00+01:00",
            "requested_by": str(dora.pk),
            "note": "Par courrier",
        }

    def test_is_filtered(self, api, dora, patient, asked):
        for name, value, count in (
            ("kind", "access", 1),
            ("kind", "erasure", 0),
            ("status", "open", 1),
            ("status", "done", 0),
            ("patient", str(patient.pk), 1),
        ):
            assert api(dora).get(URL, {name: value}).json()["count"] == count, (name, value)
        assert api(dora).get(URL, {"kind": "nonsense"}).status_code == 400

    def test_shows_nothing_of_another_practice(self, api, dora, elsewhere, carl, at):
        open_request(actor=carl, patient=elsewhere, kind="access", at=at)
        assert api(dora).get(URL).json()["count"] == 0

    def test_is_the_administrator_s(self, api, ana, ben, cleo, asked):
        for user in (ana, ben, cleo):
            assert api(user).get(URL).status_code == 403

    def test_costs_the_same_for_one_request_and_for_fifty(self, api, dora, register, at):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert api(dora).get(URL).status_code == 200
            return len(captured)

        open_request(actor=dora, patient=register(), kind="access", at=at)
        one = queries()
        for _n in range(49):
            open_request(actor=dora, patient=register(), kind="access", at=at)
        assert queries() == one


class TestRequest:
    def test_is_due_in_thirty_days(self, asked):
        assert asked.due_at - asked.requested_at == ANSWER_WITHIN == timedelta(days=30)

    def test_is_overdue_until_it_is_answered(self, asked, dora, acting, at):
        later = at + timedelta(days=31)
        assert list(DataRequest.objects.overdue(later)) == [asked]
        assert list(DataRequest.objects.overdue(at)) == []
        with acting(dora):
            DataRequest.objects.filter(pk=asked.pk).update(status="done")
        assert list(DataRequest.objects.overdue(later)) == []

    def test_is_never_deleted_nor_rewritten(self, asked, dora, acting):
        with acting(dora):
            with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
                asked.delete()
            with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
                DataRequest.objects.filter(pk=asked.pk).update(kind="erasure")

    def test_moves_with_a_merge(self, api, dora, patient, register, asked):
        kept = register("Jeanne", "Martin")
        answer = api(dora).post(f"/api/v1/patients/{kept.pk}/merge", {"duplicate": str(patient.pk)})
        assert answer.status_code == 200, answer.content
        asked.refresh_from_db()
        assert asked.patient_id == kept.pk

    def test_stands_in_the_timeline_of_those_who_handle_it(self, api, dora, ana, patient, asked):
        url = f"/api/v1/patients/{patient.pk}/timeline"
        kinds = [event["kind"] for event in api(dora).get(url).json()["results"]]
        assert "compliance.data_request" in kinds
        kinds = [event["kind"] for event in api(ana).get(url).json()["results"]]
        assert "compliance.data_request" not in kinds
