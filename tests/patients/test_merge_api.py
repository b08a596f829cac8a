"""POST /patients/{id}/merge."""

from __future__ import annotations

from datetime import date

import pytest

from apps.audit.models import AuditEntry
from apps.patients.hooks import patient_merge
from apps.patients.models import Patient
from apps.patients.services import add_alert, add_contact, create_household, record_consent
from tests.patients.conftest import HUGE_KEY, NIR, URL


@pytest.fixture
def duplicate(register, ben, ana, practice, at):
    """Jeanne once more, with things of her own."""
    other = register(
        "Jeane", "Martin", national_id=NIR, phone="0472000000", city="Lyon", tags=["vip"], do_not_contact=True,
        birth_date=date(1984, 5, 12),
    )  # fmt: skip
    add_contact(actor=ben, patient=other, at=at, relation="spouse", name="Marc")
    record_consent(actor=ben, patient=other, at=at, kind="sms")
    add_alert(actor=ana, patient=other, at=at, kind="allergy", label="Latex")
    create_household(actor=ben, practice=practice, name="Martin", at=at, guarantor=other)
    return other


class TestMerge:
    def test_moves_everything_and_points_to_the_kept_file(self, api, dora, patient, duplicate):
        answer = api(dora).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
        assert answer.status_code == 200
        body = answer.json()
        assert (body["contacts"][0]["name"], body["consents"][0]["kind"]) == ("Marc", "sms")
        assert body["alerts"][0]["label"] == "Latex"
        assert body["national_id"] == "1 84 ** ** *** *** **"
        assert (body["phone"], body["phone_secondary"]) == ("+33612345678", "+33472000000")
        assert (body["city"], body["tags"], body["do_not_contact"]) == ("Lyon", ["vip"], True)
        assert body["email"] == "jeanne@example.test"
        gone = api(dora).get(f"{URL}/{duplicate.pk}").json()
        assert (gone["status"], gone["merged_into"]) == ("archived", str(patient.pk))
        assert api(dora).get(URL).json()["count"] == 1
        assert api(dora).get(URL, {"search": NIR}).json()["results"][0]["id"] == str(patient.pk)

    def test_is_in_the_audit_trail(self, api, dora, patient, duplicate):
        api(dora).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
        entries = AuditEntry.objects.filter(event="patients.patient.merge")
        assert {entry.actor_id for entry in entries} == {dora.pk}
        moved = entries.get(object_pk=str(duplicate.pk))
        assert moved.changes["merged_into"] == [None, str(patient.pk)]

    def test_tells_the_apps_above_and_is_undone_when_one_refuses(self, api, dora, patient, duplicate):
        def refuse(actor, kept, merged, at):
            raise RuntimeError

        patient_merge.register(refuse)
        try:
            with pytest.raises(RuntimeError):
                api(dora).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
        finally:
            patient_merge.unregister(refuse)
        duplicate.refresh_from_db()
        assert duplicate.merged_into_id is None
        assert duplicate.contacts.count() == 1

    def test_leaves_a_merged_file_alone(self, api, dora, patient, duplicate, register):
        api(dora).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
        third = register("Jeanne", "Martine")
        again = api(dora).post(f"{URL}/{third.pk}/merge", {"duplicate": str(duplicate.pk)})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "NOT_MERGEABLE")
        changed = api(dora).patch(f"{URL}/{duplicate.pk}", {"city": "Paris"})
        assert (changed.status_code, changed.json()["error"]["code"]) == (409, "PATIENT_MERGED")

    def test_keeps_earlier_merges_one_step_away(self, api, dora, patient, duplicate, register):
        third = register("Jeanne", "Martine")
        api(dora).post(f"{URL}/{duplicate.pk}/merge", {"duplicate": str(third.pk)})
        api(dora).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
        assert Patient.objects.get(pk=third.pk).merged_into_id == patient.pk

    def test_refuses_a_file_with_itself_and_files_out_of_sight(self, api, dora, patient, elsewhere):
        url = f"{URL}/{patient.pk}/merge"
        assert api(dora).post(url, {"duplicate": str(patient.pk)}).json()["error"]["code"] == "NOT_MERGEABLE"
        for key in (str(elsewhere.pk), HUGE_KEY, "x"):
            answer = api(dora).post(url, {"duplicate": key})
            assert answer.status_code == 400
            assert set(answer.json()["error"]["details"]) == {"duplicate"}
        assert (
            api(dora).post(f"{URL}/{elsewhere.pk}/merge", {"duplicate": str(patient.pk)}).status_code == 404
        )

    def test_refuses_a_restricted_file(self, api, dora, patient, duplicate, acting, at):
        with acting(dora):
            Patient.objects.filter(pk=duplicate.pk).update(restricted_at=at)
        answer = api(dora).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
        assert answer.json()["error"]["code"] == "NOT_MERGEABLE"

    def test_is_the_administrator_s(self, api, ana, ben, patient, duplicate):
        for user in (ana, ben):
            answer = api(user).post(f"{URL}/{patient.pk}/merge", {"duplicate": str(duplicate.pk)})
            assert answer.status_code == 403
