"""The import of a list of patients: service and command."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook

from apps.audit.models import AuditEntry
from apps.notifications.models import NotificationJob
from apps.patients.models import Patient
from apps.patients.services.exporting import export_chunks
from apps.patients.services.importing import import_patients
from apps.patients.sheets import BadFile, read_sheet
from tests.patients.conftest import NIR

LIST = f"""Nom;Prénom;Date de naissance;Sexe;Téléphone;NIR;E-mail;Ville;Rappel SMS;Étiquettes
Durand;Zoé;03/02/1980;F;06 12 34 56 79;;zoe@example.test;Lyon;non;vip, enfant
Petit;Léo;1984-05-12;M;;{NIR};;;;

Faure;Max;;;;;;;;
"""


def book(*rows: tuple) -> bytes:
    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


@pytest.fixture
def imported(dora, practice, at):
    """Import a text or the bytes of a file."""

    def do(content: str | bytes, **options):
        content = content.encode() if isinstance(content, str) else content
        return import_patients(actor=dora, practice=practice, sheet=read_sheet(content), at=at, **options)

    return do


@pytest.mark.django_db
class TestImport:
    def test_registers_everybody(self, imported, practice):
        report = imported(LIST)
        assert report.written
        assert [(line.line.number, line.outcome) for line in report.lines] == [
            (2, "created"), (3, "created"), (5, "created"),
        ]  # fmt: skip
        zoe = Patient.objects.get(practice=practice, first_name="Zoé")
        assert (zoe.birth_date, zoe.sex, zoe.phone) == (date(1980, 2, 3), "female", "+33612345679")
        assert (zoe.email, zoe.city, zoe.tags) == ("zoe@example.test", "Lyon", ["vip", "enfant"])
        assert (zoe.reminder_sms, zoe.reminder_email) == (False, True)
        leo = Patient.objects.get(first_name="Léo")
        assert (leo.national_id, leo.sex) == (NIR, "male")
        assert sorted(Patient.objects.values_list("file_number", flat=True)) == [1, 2, 3]

    def test_writes_nobody_when_a_line_is_wrong(self, imported):
        wrong = LIST + "Roy;Ada;31/02/1990;Z;12;184051305510218;;;peut-être;\n;Sans nom;;;;;;;;\n"
        report = imported(wrong)
        assert not report.written
        assert [line.line.number for line in report.refused] == [6, 7]
        assert set(report.refused[0].problems) == {"birth_date", "sex", "reminder_sms"}
        assert set(report.refused[1].problems) == {"last_name"}
        assert not Patient.objects.exists()
        assert not AuditEntry.objects.filter(event="patients.patient.register").exists()

    def test_says_what_the_front_desk_would_be_told(self, imported):
        report = imported("first_name,last_name,phone,national_id\nAda,Roy,12,184051305510218\n")
        assert set(report.refused[0].problems) == {"phone", "national_id"}

    def test_tries_without_writing(self, imported):
        report = imported(LIST, dry_run=True)
        assert not report.written
        assert [line.outcome for line in report.lines] == ["created"] * 3
        assert not Patient.objects.exists()
        assert imported(LIST).written

    def test_refuses_who_is_known(self, imported):
        imported(LIST)
        report = imported(LIST)
        assert len(report.refused) == 3
        assert "Zoé DURAND (1)" in report.refused[0].problems["__all__"][0]
        assert Patient.objects.count() == 3

    def test_refuses_who_is_listed_twice(self, imported):
        report = imported("nom,prenom\nDurand,Zoé\nDURAND,Zoe\n")
        assert [line.line.number for line in report.refused] == [3]
        assert not Patient.objects.exists()

    def test_passes_over_who_is_known_when_asked_to(self, imported):
        imported(LIST)
        report = imported(LIST + "Roy;Ada;;;;;;;;\n", skip_known=True)
        assert report.written
        assert [line.outcome for line in report.lines] == ["skipped"] * 3 + ["created"]
        assert Patient.objects.count() == 4

    def test_leaves_a_trail_under_its_name(self, imported, dora):
        imported(LIST)
        entries = AuditEntry.objects.filter(event="patients.patient.register")
        assert {entry.actor_id for entry in entries} == {dora.pk}
        assert entries.count() == 3

    def test_welcomes_nobody(self, imported):
        imported(LIST)
        assert not NotificationJob.objects.exists()

    def test_reads_what_the_export_wrote(self, imported, register, practice):
        register(
            "=Zoé", "Durand", phone="0612345679", sex="female", tags=["vip"], birth_date=date(1980, 2, 3)
        )
        content = b"".join(export_chunks(Patient.objects.filter(practice=practice)))
        line = read_sheet(content).lines[0]
        assert line.fields["first_name"] == "=Zoé"
        assert line.fields["phone"] == "+33612345679"
        assert (line.fields["sex"], line.fields["tags"], line.problems) == ("female", ["vip"], {})

    def test_reads_a_workbook(self, imported):
        report = imported(
            book(
                ("Nom", "Prénom", "Date de naissance", "Téléphone", "NIR"),
                ("Durand", "Zoé", date(1980, 2, 3), 612345679, None),
                ("Petit", "Léo", "12/05/1984", None, float(NIR)),
            )
        )
        assert report.written, [line.problems for line in report.lines]
        assert Patient.objects.get(first_name="Zoé").phone == "+33612345679"
        assert Patient.objects.get(first_name="Léo").national_id == NIR


class TestFile:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"prenom,ville\nZoe,Lyon\n",
            "nom,prénom,groupe sanguin\nDurand,Zoé,A\n".encode(),
            b"nom,last_name,prenom\nDurand,Durand,Zoe\n",
            b'nom,prenom\n"Durand,Zoe\n',
            b"nom,prenom\nDur\0and,Zoe\n",
            b"PK\x03\x04 not a workbook",
            b"\x89PNG\r\n\x1a\n\0\0",
        ],
    )
    def test_is_refused_when_it_is_no_list(self, content):
        with pytest.raises(BadFile):
            read_sheet(content)

    def test_is_refused_when_it_unpacks_to_too_much(self):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bomb:
            bomb.writestr("xl/workbook.xml", b"0" * (101 * 1024 * 1024))
        with pytest.raises(BadFile):
            read_sheet(content.getvalue())

    def test_may_come_from_an_old_windows(self):
        assert read_sheet("Nom;Prénom\nDurand;Zoé\n".encode("cp1252")).lines[0].fields["first_name"] == "Zoé"

    def test_tells_a_line_with_too_many_cells(self):
        assert read_sheet(b"nom,prenom\nDurand,Zoe,A\n").lines[0].problems


@pytest.mark.django_db
class TestCommand:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "patients.csv"
        path.write_text(LIST)
        return path

    def test_imports_for_a_practice(self, file, practice, capsys):
        call_command("import_patients", file, "--practice", str(practice.pk), "--dry-run")
        assert not Patient.objects.exists()
        assert "3 registered, 0 known already, 0 refused (dry run" in capsys.readouterr().out
        call_command("import_patients", file, "--practice", practice.license_no)
        assert Patient.objects.filter(practice=practice).count() == 3
        entry = AuditEntry.objects.filter(event="patients.patient.register").first()
        assert entry is not None
        assert entry.actor_role == "service:import-patients"

    def test_names_the_lines_it_refuses(self, file, practice, capsys):
        file.write_text(LIST + "Roy;Ada;31/02/1990;;;;;;;\n")
        with pytest.raises(CommandError, match="nothing was written"):
            call_command("import_patients", file, "--practice", str(practice.pk))
        assert "line 6, birth_date: " in capsys.readouterr().err
        assert not Patient.objects.exists()

    def test_needs_a_practice_and_a_file(self, file, practice, tmp_path):
        with pytest.raises(CommandError, match="no practice"):
            call_command("import_patients", file, "--practice", "nobody")
        with pytest.raises(CommandError, match="absent"):
            call_command("import_patients", tmp_path / "absent.csv", "--practice", str(practice.pk))
        file.write_text("nonsense")
        with pytest.raises(CommandError):
            call_command("import_patients", file, "--practice", str(practice.pk))
