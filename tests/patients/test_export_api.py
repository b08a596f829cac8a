"""GET /patients/export.csv."""

from __future__ import annotations

import csv
import io

import pytest

from apps.audit.models import AuditEntry
from apps.patients.models import Patient
from apps.patients.services.exporting import CHUNK, cell
from tests.patients.conftest import URL

EXPORT = f"{URL}/export.csv"


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


class TestExport:
    def test_streams_the_list_in_name_order(self, api, dora, register, elsewhere):
        register("Zoé", "Lefèvre", phone="0612345678", tags=["a", "b"])
        register("Ana", "Abadie")
        answer = api(dora).get(EXPORT)
        assert answer.status_code == 200
        assert answer.streaming
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="patients.csv"'
        rows = rows_of(answer)
        assert [row["last_name"] for row in rows] == ["Abadie", "Lefèvre"]
        assert rows[1]["tags"] == "a, b"
        assert rows[1]["phone"] == "'+33612345678"
        assert "national_id" not in rows[0]

    def test_filters_as_the_list_does(self, api, dora, register):
        register("Zoé", "Lefèvre", status="inactive")
        register("Ana", "Abadie")
        assert [row["last_name"] for row in rows_of(api(dora).get(EXPORT, {"status": "inactive"}))] == [
            "Lefèvre"
        ]
        assert [row["last_name"] for row in rows_of(api(dora).get(EXPORT, {"search": "abadi"}))] == ["Abadie"]
        assert api(dora).get(EXPORT, {"nothing": "1"}).status_code == 400

    def test_holds_everybody_once_across_chunks(self, api, dora, practice, acting):
        with acting(dora):
            Patient.objects.bulk_create(
                Patient(
                    practice=practice, first_name="X", last_name="Y", file_number=n, sort_name=f"y {n % 7}"
                )
                for n in range(CHUNK * 2 + 3)
            )
        numbers = [row["file_number"] for row in rows_of(api(dora).get(EXPORT))]
        assert len(numbers) == len(set(numbers)) == CHUNK * 2 + 3

    def test_is_recorded_without_what_was_searched(self, api, dora, practice):
        api(dora).get(EXPORT, {"search": "lefevre", "status": "active"})
        entry = AuditEntry.objects.get(event="patients.patient.export")
        assert (entry.actor_id, entry.object_pk, entry.practice_id) == (
            dora.pk,
            str(practice.pk),
            practice.pk,
        )
        assert entry.changes["filters"] == [None, ["search", "status"]]
        assert "lefevre" not in str(entry.changes)

    @pytest.mark.parametrize("accept", ["text/csv", "*/*", "application/json"])
    def test_answers_refusals_as_json_whatever_is_accepted(self, api, ben, dora, accept):
        answer = api(ben).get(EXPORT, headers={"accept": accept})
        assert answer.status_code == 403
        assert answer["Content-Type"].startswith("application/json")
        assert answer.json()["error"]["code"] == "FORBIDDEN"
        assert api(dora).get(EXPORT, headers={"accept": accept}).status_code == 200

    def test_is_given_ten_times_an_hour(self, api, dora):
        client = api(dora)
        for _n in range(10):
            assert client.get(EXPORT).status_code == 200
        answer = client.get(EXPORT)
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0

    def test_is_for_those_who_bill(self, api, ana, ben, ines):
        assert api().get(EXPORT).status_code == 401
        assert api(ben).get(EXPORT).status_code == 403
        assert api(ines).get(EXPORT).status_code == 403
        assert api(ana).get(EXPORT).status_code == 200


class TestCell:
    @pytest.mark.parametrize("text", ["=1+1", "+33", "-1", "@x", "\tx", "\rx"])
    def test_disarms_formulas(self, text):
        assert cell(text) == f"'{text}"

    def test_leaves_the_rest(self):
        assert (cell("Zoé"), cell(None), cell(True), cell(["=a", "b"])) == ("Zoé", "", "yes", "'=a, b")
