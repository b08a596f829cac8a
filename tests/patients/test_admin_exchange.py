"""Lists in and out of the admin, and the merge of two files there."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.audit.models import AuditEntry
from apps.directory.models import Practice
from apps.patients.admin.exchange import SealedStorage
from apps.patients.models import Patient
from apps.patients.services import create_household, merge_patients
from tests.patients.test_admin import browser
from tests.patients.test_import import LIST, book

__all__ = ["browser"]
LIST_PAGE = "admin:patients_patient_changelist"
IMPORT = "admin:patients_patient_import"
CONFIRM = "admin:patients_patient_process_import"
EXPORT = "admin:patients_patient_export"
CSV, XLSX = "0", "1"


def upload(client, content: str | bytes, kind: str = CSV):
    data = content.encode() if isinstance(content, str) else content
    return client.post(
        reverse(IMPORT), {"resource": "0", "format": kind, "import_file": SimpleUploadedFile("list", data)}
    )


def confirm(client, page):
    form = page.context["confirm_form"]
    return client.post(reverse(CONFIRM), form.initial, follow=True)


class TestImportPage:
    @pytest.mark.parametrize(
        ("kind", "content"), [(CSV, LIST), (XLSX, book(("Nom", "Prénom"), ("Durand", "Zoé")))]
    )
    def test_previews_then_imports(self, browser, dora, practice, kind, content):
        client = browser(dora)
        page = upload(client, content, kind)
        assert page.status_code == 200
        assert "Durand" in page.content.decode()
        assert not Patient.objects.exists()
        answer = confirm(client, page)
        assert answer.redirect_chain[0][1] == 302
        assert Patient.objects.filter(practice=practice).count() == (3 if kind == CSV else 1)
        entries = AuditEntry.objects.filter(event="patients.patient.register")
        assert {entry.actor_id for entry in entries} == {dora.pk}

    def test_shows_what_is_wrong_and_asks_for_no_confirmation(self, browser, dora):
        page = upload(browser(dora), LIST + "Roy;Ada;31/02/1990;;;;;;;\n")
        assert "confirm_form" not in page.context
        assert [(row.number, list(row.error_dict)) for row in page.context["result"].invalid_rows] == [
            (6, ["birth_date"])
        ]

    @pytest.mark.parametrize("content", ["nonsense", b"PK\x03\x04broken"])
    def test_refuses_what_is_no_list(self, browser, dora, content):
        page = upload(browser(dora), content)
        assert page.context["form"].errors["import_file"]
        assert "confirm_form" not in page.context

    def test_imports_nothing_when_the_files_changed_meanwhile(self, browser, dora, register):
        client = browser(dora)
        page = upload(client, LIST)
        register("Zoé", "Durand")
        assert confirm(client, page).redirect_chain[0][0].endswith("import/")
        assert Patient.objects.count() == 1

    def test_keeps_the_file_sealed_and_not_for_long(self, browser, dora):
        client = browser(dora)
        page = upload(client, LIST)
        storage = SealedStorage(name=page.context["confirm_form"].initial["import_file_name"])
        assert b"Durand" not in cache.get(storage.key)
        assert storage.read() == LIST.encode()
        storage.remove()
        assert confirm(client, page).redirect_chain[0][0].endswith("import/")
        assert not Patient.objects.exists()

    def test_is_the_administrator_s(self, browser, ana, ben, ines):
        for user in (ana, ben, ines):
            assert browser(user).get(reverse(IMPORT)).status_code == 403
            assert upload(browser(user), LIST).status_code == 403
            assert browser(user).post(reverse(CONFIRM), {}).status_code == 403


class TestExportPage:
    def test_writes_no_formula_and_records_it(self, browser, ana, practice, register, elsewhere):
        register("=cmd()", "Durand", phone="0612345679")
        answer = browser(ana).post(reverse(EXPORT), {"resource": "0", "format": CSV})
        assert answer["Content-Type"].startswith("text/csv")
        lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert [(line["last_name"], line["first_name"], line["phone"]) for line in lines] == [
            ("Durand", "'=cmd()", "'+33612345679")
        ]
        entry = AuditEntry.objects.about(Practice.objects.get(pk=practice.pk)).get(
            event="patients.patient.export"
        )
        assert entry.actor_id == ana.pk

    def test_writes_a_workbook(self, browser, ana, patient):
        answer = browser(ana).post(reverse(EXPORT), {"resource": "0", "format": XLSX})
        assert answer.content.startswith(b"PK")

    def test_stops_at_ten_an_hour(self, browser, ana, patient):
        client = browser(ana)
        for _n in range(10):
            client.post(reverse(EXPORT), {"resource": "0", "format": CSV})
        answer = client.post(reverse(EXPORT), {"resource": "0", "format": CSV})
        assert answer["Content-Type"].startswith("text/html")

    def test_is_not_the_front_desk_s(self, browser, ben, ines):
        for user in (ben, ines):
            assert browser(user).get(reverse(EXPORT)).status_code == 403


class TestMerge:
    def act(self, client, *patients, **more):
        body = {"action": "merge", "_selected_action": [str(patient.pk) for patient in patients], **more}
        return client.post(reverse(LIST_PAGE), body)

    def test_asks_then_merges(self, browser, dora, patient, register):
        other = register("Jeane", city="Lyon")
        client = browser(dora)
        page = self.act(client, patient, other)
        assert page.status_code == 200
        assert [row.pk for row in page.context["patients"]] == [patient.pk, other.pk]
        answer = self.act(client, patient, other, kept=str(patient.pk))
        assert answer["Location"] == reverse("admin:patients_patient_change", args=[patient.pk])
        other.refresh_from_db()
        patient.refresh_from_db()
        assert (other.merged_into_id, patient.city) == (patient.pk, "Lyon")
        assert (
            AuditEntry.objects.about(other).filter(event="patients.patient.merge", actor_id=dora.pk).exists()
        )

    def test_takes_two_files(self, browser, dora, patient, register):
        assert self.act(browser(dora), patient).status_code == 302
        assert self.act(browser(dora), patient, register("A"), register("B")).status_code == 302
        assert not Patient.objects.filter(merged_into__isnull=False).exists()

    def test_says_why_not(self, browser, dora, patient, register, at):
        other = register("Jeane")
        merge_patients(actor=dora, kept=patient, merged=other, at=at)
        answer = browser(dora).post(
            reverse(LIST_PAGE),
            {"action": "merge", "_selected_action": [patient.pk, other.pk], "kept": str(other.pk)},
            follow=True,
        )
        assert answer.status_code == 200
        assert Patient.objects.filter(merged_into__isnull=False).count() == 1

    def test_is_the_administrator_s(self, browser, ana, ben, patient, register):
        other = register("Jeane")
        for user in (ana, ben):
            self.act(browser(user), patient, other, kept=str(patient.pk))
        assert not Patient.objects.filter(merged_into__isnull=False).exists()


class TestHouseholdBalance:
    def test_stands_on_both_pages(self, browser, ben, patient, register, practice, at, monkeypatch):
        from apps.patients.hooks import PatientBalance, patient_balance

        other = register("Paul")
        household = create_household(
            actor=ben, practice=practice, name="Martin", at=at, members=[patient, other]
        )
        monkeypatch.setattr(
            patient_balance,
            "_callables",
            [lambda _practice, keys: {key: PatientBalance("EUR", patient_due=1250) for key in keys}],
        )
        client = browser(ben)
        page = client.get(reverse("admin:patients_household_change", args=[household.pk])).content.decode()
        assert "25,00" in page
        page = client.get(reverse("admin:patients_patient_change", args=[patient.pk])).content.decode()
        assert "12,50" in page
        assert "25,00" in page
