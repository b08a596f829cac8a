"""POST /patients."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.audit.models import AuditEntry
from apps.notifications.models import NotificationJob
from apps.patients.models import ConsentForm, Patient, PatientContact
from tests.patients.conftest import NIR, URL

FULL = {
    "first_name": "  Zoé ",
    "last_name": "Lefèvre",
    "birth_name": "Dupont",
    "birth_date": "1991-03-08",
    "sex": "female",
    "national_id": "2 91 03 2A 004 011 83",
    "email": "Zoe.Lefevre@Example.test",
    "phone": "06.12.34.56.78",
    "address": "3 rue des Lilas",
    "postal_code": "69003",
    "city": "Lyon",
    "language": "fr",
    "tags": ["VIP", "VIP", "anxious"],
    "contacts": [
        {
            "relation": "guardian",
            "name": "Marc Dupont",
            "phone": "+33 4 72 00 00 00",
            "is_legal_representative": True,
        }
    ],
    "consents": [{"kind": "data_notice"}, {"kind": "sms", "decision": "refused", "channel": "oral"}],
}


class TestSex:
    @pytest.mark.parametrize(
        ("sent", "kept"), [("F", "female"), ("m", "male"), ("female", "female"), ("unknown", "unknown")]
    )
    def test_may_be_a_letter_and_is_read_as_a_word(self, api, ben, sent, kept):
        answer = api(ben).post(URL, {"first_name": "Zoé", "last_name": "Faure", "sex": sent})
        assert (answer.status_code, answer.json()["sex"]) == (201, kept)
        assert api(ben).get(URL).json()["results"][0]["sex"] == kept
        changed = api(ben).patch(f"{URL}/{answer.json()['id']}", {"sex": "M"})
        assert changed.json()["sex"] == "male"

    @pytest.mark.parametrize("sent", ["X", "", None, 1, ["F"]])
    def test_is_nothing_else(self, api, ben, sent):
        answer = api(ben).post(URL, {"first_name": "Zoé", "last_name": "Faure", "sex": sent})
        assert answer.status_code == 400
        assert "sex" in answer.json()["error"]["details"]


class TestRegister:
    def test_opens_a_file_with_everything(self, api, ben, practice):
        answer = api(ben).post(URL, FULL)
        assert answer.status_code == 201
        body = answer.json()
        assert body["display_name"] == "Zoé LEFÈVRE"
        assert body["phone"] == "+33612345678"
        assert body["email"] == "zoe.lefevre@example.test"
        assert body["national_id"] == "2 91 ** ** *** *** **"
        assert (body["status"], body["language"], body["country"]) == ("active", "fr", "FR")
        assert body["tags"] == ["VIP", "anxious"]
        assert body["file_number"] == 1
        assert [c["relation"] for c in body["contacts"]] == ["guardian"]
        assert body["contacts"][0]["phone"] == "+33472000000"
        assert {c["kind"]: c["decision"] for c in body["consents"]} == {
            "data_notice": "given",
            "sms": "refused",
        }
        row = Patient.objects.get(pk=body["id"])
        assert row.practice_id == practice.pk
        assert row.national_id == "291032A00401183"

    def test_needs_a_name_only(self, api, ben):
        answer = api(ben).post(URL, {"first_name": "Luc", "last_name": "Petit"})
        assert answer.status_code == 201
        assert answer.json()["birth_date"] is None

    def test_keeps_the_national_id_sealed(self, api, ben):
        key = api(ben).post(URL, FULL).json()["id"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_jsonb(p)::text FROM patients_patient p WHERE id = %s", [key])
            stored = cursor.fetchone()[0]
        assert "291032A00401183" not in stored
        assert "2910" not in stored.replace('"search_text"', "")

    def test_leaves_an_audit_entry_without_names(self, api, ben, practice):
        key = api(ben).post(URL, FULL).json()["id"]
        entry = AuditEntry.objects.get(object_pk=key)
        assert (entry.event, entry.actor_id, entry.practice_id) == (
            "patients.patient.register",
            ben.pk,
            practice.pk,
        )
        assert entry.changes["status"] == [None, "active"]
        written = str(entry.changes)
        assert "Zo" not in written
        assert "291032A00401183" not in written
        assert "+336" not in written

    def test_numbers_files_one_after_the_other_in_each_practice(self, api, ben, carl):
        numbers = [
            api(user).post(URL, {"first_name": name, "last_name": "Petit"}).json()["file_number"]
            for user, name in [(ben, "Luc"), (ben, "Marie"), (carl, "Paul"), (ben, "Nadia")]
        ]
        assert numbers == [1, 2, 1, 3]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("first_name", ""),
            ("first_name", None),
            ("last_name", "   "),
            ("last_name", "x" * 81),
            ("birth_date", "1991-02-30"),
            ("birth_date", "12/03/1991"),
            ("birth_date", "2999-01-01"),
            ("birth_date", "1700-01-01"),
            ("sex", "x"),
            ("email", "nobody"),
            ("phone", "12"),
            ("phone", "+33 1"),
            ("national_id", "184051305510218"),
            ("national_id", "18405130551021"),
            ("national_id", "984051305510219"),
            ("language", "de"),
            ("country", "France"),
            ("status", "gone"),
            ("tags", ["x" * 41]),
            ("tags", "VIP"),
            ("contacts", [{"relation": "guardian"}]),
            ("contacts", [{"relation": "enemy", "name": "X"}]),
            ("consents", [{"kind": "everything"}]),
            ("consents", ["data_notice"]),
            ("household", "018f0000-0000-7000-8000-000000000000"),
            ("practitioner", "nobody"),
        ],
    )
    def test_refuses_what_is_not_valid_and_writes_nothing(self, api, ben, field, value):
        answer = api(ben).post(URL, {**FULL, field: value})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == "VALIDATION_ERROR"
        assert field in error["details"]
        assert not Patient.objects.exists()
        assert not NotificationJob.objects.exists()

    def test_writes_nothing_when_a_contact_inside_is_refused_late(self, api, ben):
        answer = api(ben).post(
            URL, {**FULL, "contacts": [{"relation": "guardian", "name": "X", "phone": "12"}]}
        )
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"contacts"}
        assert not Patient.objects.exists()
        assert not ConsentForm.objects.exists()
        assert not PatientContact.objects.exists()

    def test_refuses_another_practice_s_practitioner_as_one_that_does_not_exist(self, api, ben, other_house):
        stranger = str(other_house.practitioners[0].pk)
        answer = api(ben).post(URL, {**FULL, "practitioner": stranger})
        assert answer.status_code == 400
        unknown = api(ben).post(URL, {**FULL, "practitioner": "018f0000-0000-7000-8000-000000000000"})
        assert answer.json()["error"]["details"] == unknown.json()["error"]["details"]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"first_name": NaN}', b'"x"'])
    def test_refuses_a_body_that_is_no_object(self, api, ben, body):
        answer = api(ben).generic("POST", URL, body, content_type="application/json")
        assert answer.status_code == 400

    def test_is_for_those_who_care_for_teeth(self, api, ines, root, ana, dora):
        body = {"first_name": "Luc", "last_name": "Petit", "allow_duplicate": True}
        assert api().post(URL, body).status_code == 401
        assert api(ines).post(URL, body).status_code == 403
        assert api(root).post(URL, body).status_code == 403
        assert api(ana).post(URL, body).status_code == 201
        assert api(dora).post(URL, body).status_code == 201

    def test_is_done_once_when_sent_twice_with_one_key(self, api, ben):
        headers = {"idempotency-key": "register-1234"}
        first = api(ben).post(URL, FULL, headers=headers)
        second = api(ben).post(URL, FULL, headers=headers)
        assert first.json()["id"] == second.json()["id"]
        assert Patient.objects.count() == 1


class TestWelcome:
    def test_is_queued_where_there_is_an_address_and_consent(self, api, ben):
        key = api(ben).post(URL, FULL).json()["id"]
        job = NotificationJob.objects.get()
        assert (job.template_key, job.channel, job.recipient) == (
            "patient.welcome",
            "email",
            "zoe.lefevre@example.test",
        )
        assert (job.cause_type, str(job.cause_id)) == ("patients.patient", key)
        assert job.context["first_name"] == "Zoé"

    @pytest.mark.parametrize(
        "change",
        [
            {"email": ""},
            {"consents": []},
            {"consents": [{"kind": "treatment"}]},
            {"consents": [{"kind": "data_notice", "decision": "refused"}]},
            {"consents": [{"kind": "data_notice"}, {"kind": "email", "decision": "refused"}]},
            {"do_not_contact": True},
            {"status": "deceased"},
        ],
    )
    def test_is_not_sent_where_it_is_not_wanted(self, api, ben, change):
        assert api(ben).post(URL, {**FULL, **change}).status_code == 201
        assert not NotificationJob.objects.exists()

    def test_goes_with_the_consent_to_emails_alone(self, api, ben):
        api(ben).post(URL, {**FULL, "consents": [{"kind": "email"}]})
        assert NotificationJob.objects.count() == 1


class TestDuplicates:
    @pytest.mark.parametrize(
        ("fields", "reasons"),
        [
            (
                {"first_name": "Jeanne", "last_name": "Martin", "birth_date": "1984-05-12"},
                ["name", "birth_date"],
            ),
            (
                {"first_name": "jeanne", "last_name": "MARTÎN", "birth_date": "1984-05-12"},
                ["name", "birth_date"],
            ),
            (
                {"first_name": "Jeane", "last_name": "Marttin", "birth_date": "1984-05-12"},
                ["name", "birth_date"],
            ),
            (
                {"first_name": "Martin", "last_name": "Jeanne", "birth_date": "1984-05-12"},
                ["name", "birth_date"],
            ),
            (
                {
                    "first_name": "Jeanne",
                    "last_name": "Autre",
                    "birth_name": "Martin",
                    "birth_date": "1984-05-12",
                },
                ["name", "birth_date"],
            ),
            ({"first_name": "Jeanne", "last_name": "Martin", "phone": "+33612345678"}, ["name", "phone"]),
            (
                {"first_name": "Jeanne", "last_name": "Martin", "email": "JEANNE@example.test"},
                ["name", "email"],
            ),
            ({"first_name": "Jeanne", "last_name": "Martin"}, ["name"]),
        ],
    )
    def test_are_refused_with_the_candidates(self, api, ben, patient, fields, reasons):
        answer = api(ben).post(URL, fields)
        assert answer.status_code == 409
        error = answer.json()["error"]
        assert error["code"] == "POSSIBLE_DUPLICATE"
        assert error["details"]["candidates"][0]["id"] == str(patient.pk)
        assert error["details"]["candidates"][0]["reasons"] == reasons
        assert Patient.objects.count() == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {"first_name": "Paul", "last_name": "Martin", "birth_date": "1984-05-12"},
            {"first_name": "Jeanne", "last_name": "Durand", "phone": "0612345678"},
            {
                "first_name": "Jeanne",
                "last_name": "Martin",
                "birth_date": "2014-05-12",
                "phone": "0612345678",
            },
        ],
    )
    def test_are_not_seen_in_a_twin_a_colleague_or_a_child(self, api, ben, patient, fields):
        assert api(ben).post(URL, fields).status_code == 201

    def test_are_found_by_the_national_id_alone(self, api, ben, register):
        register(national_id=NIR)
        answer = api(ben).post(
            URL, {"first_name": "X", "last_name": "Y", "national_id": "1 84 05 13 055 102 19"}
        )
        assert answer.json()["error"]["details"]["candidates"][0]["reasons"] == ["national_id"]

    def test_may_be_registered_all_the_same(self, api, ben, patient):
        body = {"first_name": "Jeanne", "last_name": "Martin", "allow_duplicate": True}
        assert api(ben).post(URL, body).status_code == 201

    def test_of_another_practice_are_nobody_s_business(self, api, ben, elsewhere):
        body = {"first_name": "Jeanne", "last_name": "Martin", "birth_date": "1984-05-12", "national_id": NIR}
        assert api(ben).post(URL, body).status_code == 201
