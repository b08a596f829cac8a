"""Where providers are paid: frozen with the reconciliation, in its hash, shown to those who pay, and in the bank's file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from pypdf import PdfReader

from apps.core.rotation import rotate_all
from apps.directory.services import set_bank_account
from apps.insurance.bordereau import content_now, sha256_of
from apps.insurance.models import ReconciliationProvider
from apps.insurance.services.disputes import open_dispute
from apps.insurance.services.settling import cancel_reconciliation, pay_reconciliation, send_reconciliation
from apps.insurance.verification import verify_insurer
from tests.insurance.reconciliations.making import NOW, generated, make_claim, make_network, worked_case

pytestmark = pytest.mark.django_db
DOCTOR, PHARMACY = "TN5910006035183598478831", "FR7630006000011234567890189"
URL = "/api/v1/reconciliations"


@pytest.fixture
def scene(db):
    """The specification's case; the doctor has said where they are paid, the pharmacy has not."""
    scene = make_network()
    set_bank_account(actor=scene.doc, practice=scene.doctor, iban=DOCTOR)
    worked_case(scene)
    return scene


def text_of(answer) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def rows_of(answer) -> list[dict[str, str]]:
    text = text_of(answer)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:]), delimiter=";"))


def pdf_text(answer) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)


def payments(api, reader, row, language="en"):
    return rows_of(api(reader).get(f"{URL}/{row.pk}/payments.csv", headers={"Accept-Language": language}))


class TestFreezing:
    def test_keeps_the_account_of_the_day_it_was_generated(self, scene):
        row = generated(scene)
        set_bank_account(actor=scene.doc, practice=scene.doctor, iban=PHARMACY)
        totals = {total.provider_id: total.account for total in row.providers.all()}
        assert totals == {scene.doctor.pk: DOCTOR, scene.pharmacy.pk: ""}

    def test_is_part_of_the_hash(self, scene):
        row = generated(scene)
        content = content_now(row)
        assert content["version"] == 2
        assert sha256_of(content) == row.content_sha256
        for provider in content["providers"]:
            provider["account"] = PHARMACY
        assert sha256_of(content) != row.content_sha256

    def test_leaves_the_hash_of_what_was_generated_before_as_it_was(self, scene):
        row = generated(scene)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE insurance_reconciliationprovider SET account = NULL")
        content = content_now(row)
        assert content["version"] == 1
        assert all("account" not in provider for provider in content["providers"])

    def test_is_proved_by_the_network_s_verification(self, scene):
        row = generated(scene)
        assert verify_insurer(scene.insurer) == []
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE insurance_reconciliationprovider SET account ="
                " (SELECT account FROM insurance_reconciliationprovider WHERE provider_id = %s)"
                " WHERE provider_id = %s",
                [scene.doctor.pk, scene.pharmacy.pk],
            )
        (finding,) = verify_insurer(scene.insurer)
        assert (finding.check, finding.ids) == ("content_is_its_hash", [str(row.pk)])

    def test_follows_a_change_of_keys_and_nothing_else(self, scene):
        row = generated(scene)
        assert "insurance_reconciliationprovider" in {report.table for report in rotate_all()}
        assert sha256_of(content_now(row)) == row.content_sha256
        total = ReconciliationProvider.objects.get(provider=scene.doctor)
        assert total.account == DOCTOR


class TestTheBordereau:
    def test_says_where_each_provider_is_paid_and_what_is_missing(self, scene, api):
        row = generated(scene)
        text = pdf_text(api(scene.head).get(f"{URL}/{row.pk}/pdf", headers={"Accept-Language": "en"}))
        assert "TN59 1000 6035 1835 9847 8831" in text
        assert "RIB 10006035183598478831" in text
        assert "missing: the provider has not said where it is paid" in text
        assert "Payments without an account" in text

    def test_gives_the_insurer_the_number_in_every_copy(self, scene, api):
        row = generated(scene)
        lines = rows_of(api(scene.head).get(f"{URL}/{row.pk}/csv", headers={"Accept-Language": "en"}))
        assert {(line["Provider"], line["Account"]) for line in lines} == {
            ("Cabinet Ben Salah", DOCTOR),
            ("Pharmacie El Amen", "MISSING"),
        }
        body = json.loads(text_of(api(scene.head).get(f"{URL}/{row.pk}/json")))
        assert sha256_of(body["content"]) == body["sha256"] == row.content_sha256
        assert {each["account"] for each in body["content"]["providers"]} == {DOCTOR, ""}

    def test_masks_it_in_the_provider_s_copies(self, scene, api):
        row = generated(scene)
        client = api(scene.doc)
        copies = [
            pdf_text(client.get(f"{URL}/{row.pk}/pdf")),
            *(text_of(client.get(f"{URL}/{row.pk}/{kind}")) for kind in ("csv", "json", "payments.csv")),
        ]
        for text in copies:
            assert "8831" in text
            assert DOCTOR[4:] not in text.replace(" ", "")


class TestTheBankFile:
    def test_has_a_line_per_payment_and_one_for_the_lot(self, scene, api):
        row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
        pay_reconciliation(
            actor=scene.head, reconciliation=row, payment_date=NOW.date(), reference="VIR-7", at=NOW
        )
        found = payments(api, scene.head, row)
        said = {
            line["Provider"]: (line["Account"], line["Account known"], line["Claims"], line["Amount"])
            for line in found
        }
        assert said == {
            "Cabinet Ben Salah": (DOCTOR, "yes", "2", "4191,482"),
            "Pharmacie El Amen": ("", "MISSING", "1", "1234,567"),
            "2 payments": ("", "MISSING: 1", "3", "5426,049"),
        }
        assert [line["Record"] for line in found] == ["payment", "payment", "lot"]
        assert {line["Payment reference"] for line in found} == {"VIR-7"}
        assert {line["Day of payment"] for line in found} == {NOW.date().isoformat()}
        assert {line["SHA-256"] for line in found} == {row.content_sha256}
        assert [line["Reference"] for line in found] == [f"{row.number}-0001", f"{row.number}-0002", ""]
        lot = found[-1]
        assert (lot["Covered"], lot["Retentions"]) == ("5555,682", "129,633")

    def test_gives_a_provider_its_own_line_under_the_same_reference(self, scene, api):
        row = generated(scene)
        whole = {line["Provider"]: line["Reference"] for line in payments(api, scene.head, row)}
        own = payments(api, scene.paula, row)
        assert [(line["Record"], line["Provider"]) for line in own] == [
            ("payment", "Pharmacie El Amen"),
            ("lot", "1 payment"),
        ]
        assert own[0]["Reference"] == whole["Pharmacie El Amen"]
        assert own[-1]["Amount"] == "1234,567"

    def test_pays_what_is_not_disputed(self, scene, api):
        row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
        line = row.lines.get(covered=1_234_567)
        open_dispute(actor=scene.second, line=line, reason="Contesté", amount=234_567, at=NOW)
        # Whoever pays by the file pays what the payment will then be recorded as.
        before = [
            (line["Provider"], line["Disputed"], line["Amount"]) for line in payments(api, scene.head, row)
        ]
        paid = pay_reconciliation(
            actor=scene.head, reconciliation=row, payment_date=NOW.date(), reference="VIR-7", at=NOW
        )
        found = payments(api, scene.head, row)
        pharmacy = next(line for line in found if line["Provider"] == "Pharmacie El Amen")
        assert (pharmacy["Disputed"], pharmacy["Amount"]) == ("234,567", "1000,000")
        assert before == [(line["Provider"], line["Disputed"], line["Amount"]) for line in found]
        assert found[-1]["Amount"] == f"{paid.paid_amount // 1000},{paid.paid_amount % 1000:03d}"

    def test_has_no_payment_for_a_provider_that_owes(self, scene, api):
        first = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
        pay_reconciliation(
            actor=scene.head, reconciliation=first, payment_date=NOW.date(), reference="VIR-7", at=NOW
        )
        later = datetime(2026, 12, 5, 9, tzinfo=UTC)
        claim = first.lines.get(covered=1_234_567).claim
        make_claim(scene, scene.pharmacy, -1_234_567, at=later, reversal_of=claim)
        make_claim(scene, scene.doctor, 100_000, at=later)
        row = generated(scene, date(2026, 12, 1), date(2026, 12, 31), at=later + timedelta(days=27))
        assert [line["Provider"] for line in payments(api, scene.head, row)] == [
            "Cabinet Ben Salah",
            "1 payment",
        ]
        (lot,) = payments(api, scene.paula, row)
        assert (lot["Record"], lot["Amount"]) == ("lot", "0,000")

    def test_of_a_cancelled_reconciliation_pays_nobody(self, scene, api):
        row = cancel_reconciliation(
            actor=scene.head, reconciliation=generated(scene), reason="Erreur", at=NOW
        )
        (lot,) = payments(api, scene.head, row)
        assert (lot["Record"], lot["Amount"]) == ("lot", "0,000")

    def test_speaks_french(self, scene, api):
        found = payments(api, scene.head, generated(scene), language="fr")
        assert "MANQUANT" in {line["Compte connu"] for line in found}

    def test_is_nobody_else_s(self, scene, api, nora, cleo):
        row = generated(scene)
        assert api(nora).get(f"{URL}/{row.pk}/payments.csv").status_code == 404
        assert api(cleo).get(f"{URL}/{row.pk}/payments.csv").status_code in {403, 404}
