"""GET /patients, GET and PATCH /patients/{id}."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.patients.models import Patient
from apps.patients.services import add_alert
from tests.patients.conftest import HUGE_KEY, NIR, URL


class TestRetrieve:
    def test_shows_a_file(self, api, ben, patient):
        body = api(ben).get(f"{URL}/{patient.pk}").json()
        assert body["display_name"] == "Jeanne MARTIN"
        assert body["birth_date"] == "1984-05-12"
        assert body["national_id"] == ""
        assert body["reminder_sms"] is True

    def test_is_404_for_what_the_caller_cannot_see(self, api, ben, cleo, patient, elsewhere):
        assert api(cleo).get(f"{URL}/{patient.pk}").status_code == 404
        assert api(ben).get(f"{URL}/{elsewhere.pk}").status_code == 404
        assert api(ben).get(f"{URL}/{HUGE_KEY}").status_code == 404
        assert api(ben).get(f"{URL}/nobody").status_code == 404

    def test_a_restricted_file_is_left_to_the_administrator(self, api, ana, ben, dora, patient, at, acting):
        with acting(dora):
            Patient.objects.filter(pk=patient.pk).update(restricted_at=at, status="archived")
        for user in (ana, ben):
            assert api(user).get(f"{URL}/{patient.pk}").status_code == 404
            assert api(user).get(URL).json()["count"] == 0
            assert api(user).get(URL, {"search": "martin"}).json()["count"] == 0
            assert api(user).get(f"{URL}/{patient.pk}/contacts").status_code == 404
        assert api(dora).get(f"{URL}/{patient.pk}").status_code == 200
        assert api(dora).get(URL).json()["count"] == 1


class TestUpdate:
    def test_changes_the_fields_given_and_no_other(self, api, ben, patient):
        body = api(ben).patch(f"{URL}/{patient.pk}", {"last_name": "Durand", "national_id": NIR}).json()
        assert body["display_name"] == "Jeanne DURAND"
        assert body["national_id"] == "1 84 ** ** *** *** **"
        assert body["email"] == "jeanne@example.test"
        assert api(ben).get(URL, {"search": "durand"}).json()["count"] == 1
        assert api(ben).get(URL, {"search": "1840513 055102 19"}).json()["count"] == 1

    def test_takes_a_national_id_back(self, api, ben, register):
        patient = register(national_id=NIR)
        assert api(ben).patch(f"{URL}/{patient.pk}", {"national_id": ""}).json()["national_id"] == ""
        assert Patient.objects.get(pk=patient.pk).national_id_hash is None

    @pytest.mark.parametrize(
        "change", [{"last_name": ""}, {"status": "gone"}, {"phone": "abc"}, {"birth_date": "2999-01-01"}]
    )
    def test_refuses_what_is_not_valid(self, api, ben, patient, change):
        answer = api(ben).patch(f"{URL}/{patient.pk}", change)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == set(change)

    def test_leaves_an_audit_entry_of_what_changed(self, api, ben, patient):
        api(ben).patch(f"{URL}/{patient.pk}", {"do_not_contact": True, "city": "Lyon"})
        entry = AuditEntry.objects.filter(object_pk=str(patient.pk)).order_by("pk").last()
        assert entry.event == "patients.patient.update"
        assert entry.changes["do_not_contact"] == [False, True]
        assert entry.changes["city"][1].startswith("h1:")
        assert set(entry.changes) == {"do_not_contact", "city"}

    def test_is_not_for_another_practice(self, api, cleo, patient):
        assert api(cleo).patch(f"{URL}/{patient.pk}", {"city": "Lyon"}).status_code == 404

    def test_has_no_put(self, api, ben, patient):
        assert api(ben).put(f"{URL}/{patient.pk}", {}).status_code == 405


class TestList:
    def test_is_in_name_order_without_other_practices(self, api, ben, register, elsewhere):
        for first, last in [("Zoé", "Abadie"), ("Éric", "Dupont"), ("Alice", "Dupont"), ("Bo", "Ávila")]:
            register(first, last)
        body = api(ben).get(URL).json()
        assert [row["display_name"] for row in body["results"]] == [
            "Zoé ABADIE",
            "Bo ÁVILA",
            "Alice DUPONT",
            "Éric DUPONT",
        ]
        assert body["count"] == 4

    def test_filters(self, api, ben, register, practitioner):
        register("A", "One", status="inactive", tags=["vip"], birth_date=date(2000, 1, 2))
        register("B", "Two", practitioner=practitioner, do_not_contact=True)
        for query, name in [
            ({"status": "inactive,deceased"}, "A"),
            ({"tag": "vip"}, "A"),
            ({"birth_date": "2000-01-02"}, "A"),
            ({"practitioner": str(practitioner.pk)}, "B"),
            ({"do_not_contact": "true"}, "B"),
            ({"search": "two", "status": "active"}, "B"),
        ]:
            rows = api(ben).get(URL, query).json()["results"]
            assert [row["first_name"] for row in rows] == [name], query
        assert api(ben).get(URL, {"search": "one", "status": "active"}).json()["count"] == 0

    @pytest.mark.parametrize(
        "query",
        [
            {"name": "x"},
            {"status": "gone"},
            {"birth_date": "yesterday"},
            {"do_not_contact": "maybe"},
            {"household": "x"},
            {"search": "x" * 121},
        ],
    )
    def test_refuses_parameters_it_does_not_know(self, api, ben, query):
        answer = api(ben).get(URL, query)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == set(query)

    @pytest.mark.parametrize("query", [{}, {"search": "martin"}, {"search": "martim"}])
    def test_needs_as_many_queries_for_50_patients_as_for_one(self, api, ben, ana, register, at, query):
        client = api(ben)
        people = [register(f"P{n}", "Martin", national_id=NIR) for n in range(50)]
        for patient in people:
            add_alert(actor=ana, patient=patient, at=at, kind="allergy", label="Latex")
        counts = []
        for size in (1, 50):
            client.get(URL, {**query, "page_size": size})
            with CaptureQueriesContext(connection) as queries:
                rows = client.get(URL, {**query, "page_size": size}).json()["results"]
            assert len(rows) == size
            assert rows[0]["alerts"][0]["label"] == "Latex"
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 10

    def test_is_for_those_who_care_for_teeth(self, api, ines, root):
        assert api().get(URL).status_code == 401
        assert api(ines).get(URL).status_code == 403
        assert api(root).get(URL).status_code == 403
