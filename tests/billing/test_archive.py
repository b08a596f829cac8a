"""Archives verify themselves without the product; whatever is changed in one is found, and named."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from apps.audit.models import AuditEntry
from apps.billing.archive import verifier
from apps.billing.models import BillingDocument
from apps.billing.services import (
    archive_ledger,
    close_period,
    credit_invoice,
    record_payment,
    refund_payment,
    render_documents,
)
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_issued

__all__ = ["browser"]

KEY = "t1:dGVzdC1sZWRnZXIta2V5LXRlc3QtbGVkZ2VyLTEyMzQ="
DAY = timedelta(days=1)


@pytest.fixture
def closings(practice, patient, practitioner, at):
    """Three days: invoices, payments, a refund and a credit note, each closed on the next day."""
    made = []
    for n in range(3):
        moment = at + n * DAY
        invoice = make_issued(practitioner, patient, moment, 5000 + n, 100)
        payment = record_payment(
            actor=MAKER, invoice=invoice, payer="patient", method=("cash", "card", "cheque")[n], amount=3000, at=moment
        )  # fmt: skip
        if n == 1:
            refund_payment(actor=MAKER, payment=payment, amount=1000, reason="Trop", at=moment)
            credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=moment)
        made.append(
            close_period(actor=MAKER, practice=practice, period="day", day=moment.date(), at=moment + DAY)
        )
    return made


@pytest.fixture
def archive(practice, closings, at):
    """The archive of the second day, as bytes."""
    return archive_ledger(actor=MAKER, practice=practice, closing=closings[1], at=at).data


def run(tmp_path, data, *arguments):
    """Verify an archive in a process of its own, isolated from the environment and from this project."""
    place = tmp_path / "archive.zip"
    place.write_bytes(data)
    programme = tmp_path / "verifier.py"
    programme.write_bytes(zipfile.ZipFile(io.BytesIO(data)).read("verifier.py"))
    done = subprocess.run(
        [sys.executable, "-I", str(programme), str(place), *arguments],
        capture_output=True, text=True, cwd=tmp_path, env={}, timeout=60, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout


def repacked(data, **changed):
    """Return the archive with members replaced (by their name before the dot), the manifest as it was."""
    source = zipfile.ZipFile(io.BytesIO(data))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = changed.get(name.split(".")[0], source.read(name))
            if content is not None:
                target.writestr(name, content)
    return buffer.getvalue()


def records_of(data):
    """Return the records of an archive."""
    return [
        json.loads(line) for line in zipfile.ZipFile(io.BytesIO(data)).read(verifier.RECORDS).splitlines()
    ]


def written(records):
    """Return records as lines."""
    return "".join(f"{verifier.canonical(record)}\n" for record in records).encode()


def forged(data, records):
    """Return an archive whose chain and manifest were made anew around other records, without the key."""
    previous = records[0]["previous_hash"]
    for record in records:
        record["previous_hash"] = previous
        previous = record["hash"] = verifier.link(previous, record["payload"])
    lines = written(records)
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(data)).read(verifier.MANIFEST))
    manifest["derniere_empreinte"] = previous
    manifest["fichiers"][verifier.RECORDS] = {
        "sha256": hashlib.sha256(lines).hexdigest(),
        "taille": len(lines),
    }
    return repacked(data, enregistrements=lines, manifeste=json.dumps(manifest).encode())


class TestSoundArchive:
    def test_verifies_itself_with_and_without_the_key(self, tmp_path, archive):
        assert run(tmp_path, archive) == (
            0, "6 enregistrements, chaîne et totaux intacts, signatures non vérifiées (aucune clé donnée)\n"
        )  # fmt: skip
        assert run(tmp_path, archive, "--cle", KEY) == (
            0, "6 enregistrements, chaîne et totaux intacts, signatures vérifiées\n"
        )  # fmt: skip

    def test_verifies_a_folder_as_well(self, tmp_path, archive):
        zipfile.ZipFile(io.BytesIO(archive)).extractall(tmp_path)

        done = subprocess.run(
            [sys.executable, "-I", "verifier.py"],
            capture_output=True,
            cwd=tmp_path,
            env={},
            timeout=60,
            check=False,
        )

        assert done.returncode == 0

    def test_holds_the_whole_chain_when_asked(self, tmp_path, practice, closings, at):
        data = archive_ledger(actor=MAKER, practice=practice, at=at).data

        assert run(tmp_path, data, "--cle", KEY)[0] == 0
        assert len(records_of(data)) == 11

    def test_holds_no_name_and_no_label(self, archive):
        whole = b"".join(
            zipfile.ZipFile(io.BytesIO(archive)).read(n)
            for n in zipfile.ZipFile(io.BytesIO(archive)).namelist()
        )

        for secret in (b"Jeanne", b"MARTIN", b"Martin", b"Soin 1", b"jeanne@test.test"):
            assert secret not in whole

    def test_lists_each_file_with_its_hash(self, practice, closings, at):
        render_documents(at=at, most=9)
        data = archive_ledger(actor=MAKER, practice=practice, closing=closings[0], at=at).data

        rows = zipfile.ZipFile(io.BytesIO(data)).read(verifier.DOCUMENTS).decode().splitlines()
        document = BillingDocument.objects.get(invoice__number="FA-2026-000001")
        assert rows[0] == "numero;nature;emis_le;taille;sha256_pdf;sha256_facturx;etat"
        number, kind, _day, size, pdf, xml, state = rows[1].split(";")
        assert (number, kind, size, pdf) == ("FA-2026-000001", "invoice", str(document.size), document.sha256)
        assert (len(xml), state) == (64, "conforme")

    def test_gives_the_same_bytes_for_the_same_moment(self, practice, closings, at):
        first, second = (
            archive_ledger(actor=MAKER, practice=practice, closing=closings[2], at=at).data for _ in range(2)
        )

        assert first == second

    def test_is_recorded(self, practice, archive):
        entry = AuditEntry.objects.filter(object_pk=str(practice.pk), changes__has_key="export").latest(
            "timestamp"
        )

        assert entry.changes["export"][1].startswith("journal-")


class TestTamperedArchive:
    @pytest.mark.parametrize("place", range(6))
    def test_names_the_record_whose_content_was_changed(self, tmp_path, archive, place):
        records = records_of(archive)
        records[place]["payload"] = records[place]["payload"].replace("2026", "2025", 1)

        code, said = run(tmp_path, repacked(archive, enregistrements=written(records)))

        assert code == 1
        assert said.startswith(f"ENREGISTREMENT {records[place]['sequence']} : le contenu")
        assert "enregistrements.jsonl : l'empreinte diffère" in said

    @pytest.mark.parametrize("column", ["sequence", "kind", "recorded_at", "previous_hash", "hash"])
    def test_names_the_record_whose_columns_were_changed(self, tmp_path, archive, column):
        records = records_of(archive)
        value = records[2][column]
        records[2][column] = value + 1 if isinstance(value, int) else f"x{value[1:]}"

        code, said = run(tmp_path, repacked(archive, enregistrements=written(records)))

        assert code == 1
        assert said.startswith(f"ENREGISTREMENT {records[1]['sequence'] + 1} :")

    def test_finds_any_changed_byte_of_the_records(self, archive):
        lines = zipfile.ZipFile(io.BytesIO(archive)).read(verifier.RECORDS)
        manifest = zipfile.ZipFile(io.BytesIO(archive)).read(verifier.MANIFEST)
        missed = 0
        for place in range(0, len(lines), 7):
            altered = lines[:place] + bytes([lines[place] ^ 1]) + lines[place + 1 :]
            read = {verifier.RECORDS: altered, verifier.MANIFEST: manifest}.__getitem__
            fault = verifier.record_fault(read, dict([verifier.parse_key(KEY)]))[1]
            missed += not fault
        assert missed == 0

    @pytest.mark.parametrize("place", [0, 3, 5])
    def test_names_a_record_taken_out(self, tmp_path, archive, place):
        records = records_of(archive)
        missing = records.pop(place)

        code, said = run(tmp_path, repacked(archive, enregistrements=written(records)))

        assert code == 1
        assert said.startswith(f"ENREGISTREMENT {missing['sequence']} :")

    def test_finds_totals_that_do_not_add_up_in_a_chain_made_anew(self, tmp_path, archive):
        records = records_of(archive)
        place = next(n for n, record in enumerate(records) if record["kind"] == "payment" and n)
        payload = json.loads(records[place]["payload"])
        payload["amount"] = 1
        records[place]["payload"] = verifier.canonical(payload)

        code, said = run(tmp_path, forged(archive, records))

        assert code == 1
        assert said.startswith(f"ENREGISTREMENT {records[-1]['sequence']} : la clôture ne correspond pas")
        assert "received" in said

    def test_finds_a_chain_made_anew_only_with_the_key(self, tmp_path, archive):
        records = records_of(archive)
        records[2]["payload"] = records[2]["payload"].replace('"language":"fr"', '"language":"en"')
        assert '"language":"en"' in records[2]["payload"] or records[2]["kind"] != "invoice"
        records[1]["payload"] = records[1]["payload"].replace('"language":"fr"', '"language":"en"')
        data = forged(archive, records)

        assert run(tmp_path, data)[0] == 0
        code, said = run(tmp_path, data, "--cle", KEY)
        assert code == 1
        assert said.startswith("ENREGISTREMENT")
        assert "la signature est fausse" in said

    @pytest.mark.parametrize("name", ["clotures", "documents", "verifier", "LISEZMOI"])
    def test_finds_any_other_changed_or_missing_file(self, tmp_path, archive, name):
        programme = zipfile.ZipFile(io.BytesIO(archive)).read("verifier.py")
        for content in (programme + b"# x\n" if name == "verifier" else b"x", None):
            if name == "verifier" and content is None:
                continue
            code, said = run(tmp_path, repacked(archive, **{name: content}))
            assert code == 1
            assert name in said

    def test_finds_a_manifest_signed_by_nobody(self, tmp_path, archive):
        manifest = json.loads(zipfile.ZipFile(io.BytesIO(archive)).read(verifier.MANIFEST))
        manifest["siret"] = "x"

        data = repacked(archive, manifeste=json.dumps(manifest).encode())

        assert run(tmp_path, data, "--cle", KEY) == (
            1, "manifeste.json : la signature est fausse ou d'une autre clé\n"
        )  # fmt: skip

    def test_refuses_another_key(self, tmp_path, archive):
        other = "o1:" + base64.b64encode(b"x" * 32).decode()

        assert run(tmp_path, archive, "--cle", other)[0] == 1

    @pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing"])
    def test_says_that_it_cannot_be_read(self, tmp_path, archive, data):
        (tmp_path / "verifier.py").write_bytes(zipfile.ZipFile(io.BytesIO(archive)).read("verifier.py"))
        (tmp_path / "x.zip").write_bytes(data)

        done = subprocess.run(
            [sys.executable, "-I", "verifier.py", "x.zip"],
            capture_output=True,
            cwd=tmp_path,
            env={},
            timeout=60,
            check=False,
        )

        assert (done.returncode, done.stderr) == (2, b"")

    def test_tells_when_the_stored_file_is_not_the_one_that_was_issued(self, practice, closings, at):
        from apps.core.storage import private_store

        render_documents(at=at, most=9)
        document = BillingDocument.objects.get(invoice__number="FA-2026-000001")
        private_store().put(document.storage_key, b"%PDF-other", "application/pdf")

        data = archive_ledger(actor=MAKER, practice=practice, closing=closings[0], at=at).data

        assert (
            zipfile.ZipFile(io.BytesIO(data))
            .read(verifier.DOCUMENTS)
            .decode()
            .splitlines()[1]
            .endswith(";;modifié")
        )


class TestCommandAndPage:
    def test_writes_a_file(self, tmp_path, practice, closings, capsys):
        call_command(
            "archive_ledger", str(practice.pk), period="day", day=closings[0].starts_on, folder=Path(tmp_path)
        )

        path = Path(capsys.readouterr().out.strip())
        assert run(tmp_path, path.read_bytes(), "--cle", KEY)[0] == 0

    def test_refuses_a_period_that_is_not_closed(self, tmp_path, practice, closings):
        with pytest.raises(CommandError, match="not closed"):
            call_command(
                "archive_ledger", str(practice.pk), period="year", day=date(2026, 1, 1), folder=tmp_path
            )
        with pytest.raises(CommandError, match="together"):
            call_command("archive_ledger", str(practice.pk), period="year", folder=tmp_path)

    def test_is_downloaded_from_the_page_of_a_closing(self, browser, dora, ana, cleo, closings, tmp_path):
        address = reverse("admin:billing_closing_archive", args=[closings[1].pk])

        page = browser(dora).get(reverse("admin:billing_closing_change", args=[closings[1].pk]))
        assert address in page.content.decode()
        answer = browser(dora).get(address)
        assert answer["Content-Type"] == "application/zip"
        assert run(tmp_path, answer.content, "--cle", KEY)[0] == 0

        assert [browser(who).get(address).status_code for who in (ana, cleo)] == [403, 404]
