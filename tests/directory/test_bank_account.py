"""Where a practice is paid: which accounts are valid, who keeps it, what is left of it at rest and in the trail."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse

from apps.accounts.roles import Role
from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.rotation import rotate_all
from apps.directory.identifiers import account_number, grouped, masked_account
from apps.directory.models import BankAccount
from apps.directory.services import set_bank_account
from tests.admin.conftest import browser
from tests.cast import make_user
from tests.insurance.making import make_practice

__all__ = ["browser"]
URL = "/api/v1/bank-account"
FRENCH = "FR7630006000011234567890189"
TUNISIAN = "TN5910006035183598478831"


class TestAnAccount:
    @pytest.mark.parametrize(
        ("written", "known"),
        [
            (FRENCH, FRENCH),
            ("fr76 3000 6000 0112 3456 7890 189", FRENCH),
            ("FR1420041010050500013M02606", "FR1420041010050500013M02606"),
            (TUNISIAN, TUNISIAN),
            ("10006035183598478831", TUNISIAN),
            ("10 006 0351835984788 31", TUNISIAN),
        ],
    )
    def test_is_an_iban_or_a_tunisian_rib(self, written, known):
        assert account_number(written) == known

    @pytest.mark.parametrize(
        ("written", "code"),
        [
            ("FR7630006000011234567890188", "iban"), ("FR76", "iban"), ("", "iban"), ("ZZ00", "iban"),
            ("10006035183598478832", "rib"), ("TN5810006035183598478831", "rib"), ("TN5910006035183598478832", "rib"),
            ("TN59100060351835984788", "rib"), ("1000603518359847883", "iban"),
        ],
    )  # fmt: skip
    def test_with_a_wrong_digit_is_refused(self, written, code):
        with pytest.raises(ValidationError) as refusal:
            account_number(written)
        assert refusal.value.code == code

    def test_refuses_every_exchange_of_two_digits_side_by_side(self):
        rib = TUNISIAN[4:]
        for at in range(19):
            swapped = rib[:at] + rib[at + 1] + rib[at] + rib[at + 2 :]
            if swapped != rib:
                with pytest.raises(ValidationError):
                    account_number(swapped)

    def test_is_shown_as_banks_print_it_or_masked(self):
        assert grouped(TUNISIAN) == "TN59 1000 6035 1835 9847 8831"
        assert masked_account(TUNISIAN) == "TN59 •••• 8831"
        assert masked_account("") == ""


@pytest.mark.django_db
class TestKeeping:
    def test_is_for_the_administrator_of_the_practice(self, practice, dora, ana, ben, cleo, root, ines):
        assert set_bank_account(actor=dora, practice=practice, iban=FRENCH).iban == FRENCH
        other = make_user("dina@elsewhere.test", Role.PRACTICE_ADMIN, "Dina", practice=cleo.practice)
        for stranger in (other, root, ines):
            with pytest.raises(PermissionRefused):
                set_bank_account(actor=stranger, practice=practice, iban=FRENCH)

    def test_of_a_clinic_is_not_for_its_doctors(self):
        clinic = make_practice("Clinique", "clinic", license_no="CL-1")
        doctor = make_user("doc@clinic.test", Role.DOCTOR, "Doc", practice=clinic)
        head = make_user("hugo@clinic.test", Role.CLINIC_ADMIN, "Hugo", practice=clinic)
        with pytest.raises(PermissionRefused):
            set_bank_account(actor=doctor, practice=clinic, iban=TUNISIAN)
        assert set_bank_account(actor=head, practice=clinic, iban=TUNISIAN).practice == clinic

    @pytest.mark.parametrize(
        ("kind", "role"),
        [("pharmacy", Role.PHARMACIST), ("laboratory", Role.LAB_MANAGER), ("medical", Role.DOCTOR)],
    )
    def test_of_other_houses_is_for_those_who_run_them(self, kind, role):
        house = make_practice(f"Maison {kind}", kind, license_no=f"L-{kind}")
        head = make_user(f"{kind}@house.test", role, "H", practice=house)
        assert set_bank_account(actor=head, practice=house, iban=TUNISIAN).iban == TUNISIAN

    def test_changes_one_row_and_leaves_an_entry_without_the_number(self, practice, dora):
        for iban in (FRENCH, FRENCH, TUNISIAN):
            set_bank_account(actor=dora, practice=practice, iban=iban)
        row = BankAccount.objects.get()
        assert row.iban == TUNISIAN
        entries = AuditEntry.objects.about(row).order_by("pk")
        assert [entry.event for entry in entries] == ["directory.bank_account.set"] * 2
        assert all(entry.actor_id == dora.pk for entry in entries)
        assert "iban" in entries[1].changes
        for number in (FRENCH, TUNISIAN):
            assert number[4:] not in str([entry.changes for entry in entries])

    def test_refuses_a_wrong_number_by_its_field(self, practice, dora):
        with pytest.raises(InvalidInput) as refusal:
            set_bank_account(actor=dora, practice=practice, iban="FR7630006000011234567890188")
        assert set(refusal.value.details) == {"iban"}

    def test_is_sealed_at_rest_and_follows_a_change_of_keys(self, practice, dora):
        row = set_bank_account(actor=dora, practice=practice, iban=FRENCH)

        def stored():
            with connection.cursor() as cursor:
                cursor.execute("SELECT iban FROM directory_bankaccount WHERE id = %s", [row.pk])
                return bytes(cursor.fetchone()[0])

        assert FRENCH.encode() not in stored()
        assert "directory_bankaccount" in {report.table for report in rotate_all()}
        assert BankAccount.objects.get(pk=row.pk).iban == FRENCH


@pytest.mark.django_db
class TestOverHttp:
    def test_is_missing_then_known(self, practice, dora, api):
        client = api(dora)
        assert client.get(URL).json() == {"iban": "", "masked": "", "rib": "", "is_missing": True}
        answer = client.post(URL, {"iban": "10 006 0351835984788 31"})
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "iban": "TN59 1000 6035 1835 9847 8831",
                "masked": "TN59 •••• 8831",
                "rib": "10006035183598478831",
                "is_missing": False,
            },
        )
        assert client.get(URL).json() == answer.json()

    def test_is_one_s_own(self, practice, dora, cleo, api):
        api(dora).post(URL, {"iban": FRENCH})
        other = make_user("dina@elsewhere.test", Role.PRACTICE_ADMIN, "Dina", practice=cleo.practice)
        assert api(other).get(URL).json()["is_missing"] is True

    def test_is_masked_for_a_doctor_of_a_clinic_who_changes_nothing(self, api):
        clinic = make_practice("Clinique", "clinic", license_no="CL-1")
        doctor = make_user("doc@clinic.test", Role.DOCTOR, "Doc", practice=clinic)
        head = make_user("hugo@clinic.test", Role.CLINIC_ADMIN, "Hugo", practice=clinic)
        set_bank_account(actor=head, practice=clinic, iban=TUNISIAN)
        seen = api(doctor).get(URL)
        assert seen.json()["iban"] == seen.json()["masked"] == "TN59 •••• 8831"
        assert "10006035" not in seen.content.decode()
        assert api(doctor).post(URL, {"iban": FRENCH}).status_code == 403

    def test_refuses_a_wrong_digit(self, dora, api):
        answer = api(dora).post(URL, {"iban": "FR7630006000011234567890188"})
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"iban"}


@pytest.mark.django_db
class TestInTheAdmin:
    def test_is_named_and_changed_by_the_administrator(self, practice, dora, browser):
        page = browser(dora)
        assert page.post(reverse("admin:directory_bankaccount_add"), {"iban": FRENCH}).status_code == 302
        row = BankAccount.objects.get()
        assert (row.practice_id, row.iban) == (practice.pk, FRENCH)
        assert page.get(reverse("admin:directory_bankaccount_add")).status_code == 403
        change = reverse("admin:directory_bankaccount_change", args=[row.pk])
        assert grouped(FRENCH) in page.get(change).content.decode()
        wrong = page.post(change, {"iban": "FR7630006000011234567890188"})
        assert wrong.status_code == 200
        assert wrong.context["adminform"].form.errors["iban"]
        assert page.post(change, {"iban": grouped(TUNISIAN)}).status_code == 302
        assert BankAccount.objects.get().iban == TUNISIAN
        listed = page.get(reverse("admin:directory_bankaccount_changelist")).content.decode()
        assert "TN59 •••• 8831" in listed
        assert TUNISIAN not in listed

    def test_shows_the_doctors_of_a_clinic_a_masked_number(self, browser):
        clinic = make_practice("Clinique", "clinic", license_no="CL-1")
        doctor = make_user("doc@clinic.test", Role.DOCTOR, "Doc", practice=clinic)
        head = make_user("hugo@clinic.test", Role.CLINIC_ADMIN, "Hugo", practice=clinic)
        row = set_bank_account(actor=head, practice=clinic, iban=TUNISIAN)
        answer = browser(doctor).get(reverse("admin:directory_bankaccount_change", args=[row.pk]))
        assert "TN59 •••• 8831" in answer.content.decode()
        assert "10006035" not in answer.content.decode().replace(" ", "")
        assert answer.context["has_change_permission"] is False
