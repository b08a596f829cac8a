"""Insured people: registered once, found by exact key, told to providers sparingly and on record."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AccessEntry, AuditEntry
from apps.insurance.models import Adherent
from tests.insurance.making import make_adherent, make_contract, make_member

pytestmark = pytest.mark.django_db
URL = "/api/v1/adherents"
PERSON = {
    "national_id": "0912 34.56", "first_name": "Salma", "last_name": "Trabelsi", "date_of_birth": "1985-04-12",
    "gender": "F", "phone": "98 123 456", "email": "salma@example.test", "address": "4 rue de Marseille",
    "city": "Tunis", "lat": 36.80649512, "lng": 10.18153198,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _tunisian(insurer, ines, acting) -> None:
    with acting(ines):
        insurer.currency = "TND"
        insurer.save()


class TestRegistering:
    def test_answers_the_whole_card_with_the_identifier_masked(self, api, ines, insurer) -> None:
        answer = api(ines).post(URL, PERSON)
        assert answer.status_code == 201, answer.content
        body = answer.json()
        assert body | {"id": "", "created_at": ""} == {
            "id": "", "created_at": "", "insurer": str(insurer.pk), "national_id": "******56", "first_name": "Salma",
            "last_name": "Trabelsi", "date_of_birth": "1985-04-12", "gender": "F", "phone": "+21698123456",
            "email": "salma@example.test", "address": "4 rue de Marseille", "city": "Tunis", "lat": 36.806495,
            "lng": 10.181532,
        }  # fmt: skip
        row = Adherent.objects.get(pk=body["id"])
        assert (row.national_id, row.phone) == ("09123456", "+21698123456")

    def test_leaves_nothing_readable_in_the_table_nor_in_the_trail(self, api, ines) -> None:
        api(ines).post(URL, PERSON)
        with connection.cursor() as cursor:
            cursor.execute("SELECT national_id, phone, national_id_hash FROM insurance_adherent", [])
            national_id, phone, index = cursor.fetchone()
        assert b"09123456" not in bytes(national_id)
        assert b"98123456" not in bytes(phone)
        assert index.startswith("h1:")
        entry = AuditEntry.objects.get(event="insurance.adherent.register")
        text = str(entry.changes)
        assert not any(
            word in text for word in ("Salma", "Trabelsi", "09123456", "98123456", "salma@", "1985")
        )

    @pytest.mark.parametrize("again", ["09123456", "09-12-34-56", " 0912 3456 "])
    def test_refuses_a_person_the_insurer_knows(self, api, ines, again) -> None:
        first = api(ines).post(URL, PERSON).json()
        answer = api(ines).post(URL, {**PERSON, "national_id": again})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ADHERENT_EXISTS")
        assert answer.json()["error"]["details"] == {"adherent": first["id"]}
        assert Adherent.objects.count() == 1

    def test_one_person_may_be_insured_twice(self, api, ines, nora) -> None:
        assert api(ines).post(URL, PERSON).status_code == 201
        assert api(nora).post(URL, {**PERSON, "phone": ""}).status_code == 201
        one, two = Adherent.objects.all()
        assert one.national_id_hash == two.national_id_hash

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("national_id", "12"), ("national_id", "1234/5678!"), ("national_id", "x" * 30), ("national_id", ""),
            ("gender", "X"), ("date_of_birth", "2031-01-01"), ("date_of_birth", "1850-01-01"),
            ("date_of_birth", "hier"), ("phone", "12"), ("email", "salma"), ("lat", 91), ("lng", -181), ("lat", "NaN"),
            ("lat", None), ("first_name", ""), ("last_name", "x" * 81),
        ],
    )  # fmt: skip
    def test_bad_input_is_named_and_writes_nothing(self, api, ines, field, value) -> None:
        answer = api(ines).post(URL, {**PERSON, field: value})
        assert answer.status_code == 400, answer.content
        assert field in answer.json()["error"]["details"]
        assert Adherent.objects.count() == 0

    def test_another_insurer_is_refused(self, api, ines, other_insurer) -> None:
        answer = api(ines).post(URL, {**PERSON, "insurer": str(other_insurer.pk)})
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["insurer"])


class TestChanging:
    def test_changes_what_is_sent_only(self, api, ines, insurer) -> None:
        adherent = make_adherent(insurer, phone="98123456", city="Tunis")
        answer = api(ines).patch(f"{URL}/{adherent.pk}", {"city": "Sfax"})
        assert answer.status_code == 200
        assert (answer.json()["city"], answer.json()["phone"]) == ("Sfax", "+21698123456")

    def test_refuses_somebody_elses_identifier(self, api, ines, insurer) -> None:
        known, other = make_adherent(insurer), make_adherent(insurer)
        answer = api(ines).patch(f"{URL}/{other.pk}", {"national_id": known.national_id})
        assert answer.json()["error"]["code"] == "ADHERENT_EXISTS"

    def test_another_insurers_person_does_not_exist(self, api, nora, insurer) -> None:
        adherent = make_adherent(insurer)
        assert api(nora).patch(f"{URL}/{adherent.pk}", {"city": "Sfax"}).status_code == 404
        assert api(nora).get(f"{URL}/{adherent.pk}").status_code == 404


class TestFinding:
    def test_an_insurer_lists_its_own(self, api, omar, insurer, other_insurer) -> None:
        mine, foreign = make_adherent(insurer), make_adherent(other_insurer)
        body = api(omar).get(URL).json()
        assert [row["id"] for row in body["results"]] == [str(mine.pk)]
        for key in (foreign.national_id, str(foreign.pk)):
            name = "id" if "-" in key else "national_id"
            assert api(omar).get(URL, {name: key}).json()["count"] == 0

    def test_an_insurer_finds_by_the_beginning_of_a_name(self, api, omar, insurer) -> None:
        found = make_adherent(insurer, last_name="Zouari")
        make_adherent(insurer)
        assert [row["id"] for row in api(omar).get(URL, {"search": "zoua"}).json()["results"]] == [
            str(found.pk)
        ]

    @pytest.mark.parametrize("query", [{}, {"search": "Trab"}, {"national_id": ""}, {"page_size": "200"}])
    def test_a_provider_lists_nobody(self, api, ana, insurer, query) -> None:
        make_adherent(insurer)
        answer = api(ana).get(URL, query)
        assert (answer.status_code, answer.json()["count"]) == (200, 0)

    def test_a_provider_finds_by_exact_key_whichever_insurer(self, api, ana, insurer, other_insurer) -> None:
        adherent = make_adherent(other_insurer, national_id="07654321", phone="+33612345678")
        contract = make_contract(other_insurer, adherent)
        keys = {
            "national_id": "0765-4321",
            "contract_number": contract.contract_number,
            "id": str(adherent.pk),
        }
        for name, value in keys.items():
            (row,) = api(ana).get(URL, {name: value}).json()["results"]
            assert set(row) == {
                "id", "insurer", "national_id", "first_name", "last_name", "date_of_birth", "gender",
            }  # fmt: skip
            assert row["id"] == str(adherent.pk)
        assert api(ana).get(f"{URL}/{adherent.pk}").json() == row
        assert api(ana).get(URL, {"national_id": "0765432"}).json()["count"] == 0
        assert api(ana).get(URL, {"national_id": "%"}).json()["count"] == 0

    def test_a_lookup_is_on_record_for_the_insurer(self, api, ana, insurer) -> None:
        adherent = make_adherent(insurer)
        api(ana).get(URL, {"national_id": adherent.national_id})
        entry = AccessEntry.objects.get(event="insurance.adherent.resolve")
        assert (entry.object_pk, entry.actor_id, entry.insurer_id) == (str(adherent.pk), ana.pk, insurer.pk)

    def test_who_tries_numbers_is_stopped(self, api, ana, insurer, settings) -> None:
        settings.LOOKUPS_PER_USER_PER_MINUTE = 3
        client = api(ana)
        answers = [client.get(URL, {"national_id": f"0000000{n}"}).status_code for n in range(4)]
        assert answers == [200, 200, 200, 429]

    def test_reads_the_same_statements_for_one_row_and_for_fifty(self, api, omar, insurer) -> None:
        make_adherent(insurer)
        client, counts = api(omar), []
        for _round in range(2):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                body = client.get(URL, {"page_size": 200}).json()
            counts.append(len(queries))
            for _n in range(49):
                make_adherent(insurer)
        assert len(body["results"]) == 50
        assert counts[0] == counts[1]

    def test_contracts_of_a_dependant_are_found_by_their_own_identifier(self, api, ana, insurer) -> None:
        contract = make_contract(insurer)
        child = make_member(contract).adherent
        (row,) = api(ana).get("/api/v1/contracts", {"national_id": child.national_id}).json()["results"]
        assert row["id"] == str(contract.pk)
