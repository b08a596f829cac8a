"""Key rotation beside running traffic."""

from __future__ import annotations

import base64
import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from psycopg import sql

from apps.core import crypto, rotation
from tests.core.lab.models import SealedNote

OLD = f"old:{base64.b64encode(b'o' * 32).decode()}"
NEW = f"new:{base64.b64encode(b'n' * 32).decode()}"
TABLE = "lab_sealednote"


@pytest.fixture
def notes(settings, db):
    """Seven rows under the old key, the ring since turned to the new one."""
    settings.APP_KMS_KEY = OLD
    rows = [SealedNote.objects.create(text=f"t{i}", facts={"i": i} if i % 2 else None) for i in range(7)]
    settings.APP_KMS_KEY = f"{NEW},{OLD}"
    return rows


def key_ids():
    rows = SealedNote.objects.values_list("text", "extra", "facts")
    return sorted({crypto.key_id_of(value) for row in rows for value in row if isinstance(value, bytes)})


def mine(reports):
    return next(report for report in reports if report.table == TABLE)


class TestRotateAll:
    def test_moves_everything_to_the_new_key(self, settings, notes):
        report = mine(rotation.rotate_all(batch_rows=3))
        assert (report.rotated, report.unreadable, report.remaining) == (7, [], {})
        settings.APP_KMS_KEY = NEW
        assert [SealedNote.objects.get(pk=n.pk).text for n in notes] == [f"t{i}" for i in range(7)]
        assert [SealedNote.objects.get(pk=n.pk).facts for n in notes][:2] == [None, {"i": 1}]
        assert key_ids() == ["new"]

    def test_changes_nothing_else(self, notes):
        columns = ["id", "title", "updated_at"]
        before = list(SealedNote.objects.order_by("pk").values_list(*columns))
        rotation.rotate_all()
        assert list(SealedNote.objects.order_by("pk").values_list(*columns)) == before

    def test_has_nothing_to_do_the_second_time(self, notes):
        rotation.rotate_all()
        before = list(SealedNote.objects.order_by("pk").values_list("text", flat=True))
        assert mine(rotation.rotate_all()).rotated == 0
        assert list(SealedNote.objects.order_by("pk").values_list("text", flat=True)) == before

    def test_rewrites_a_row_of_which_one_column_is_old(self, settings, notes):
        note = SealedNote.objects.get(pk=notes[1].pk)
        note.text = "new words"
        note.save(update_fields=["text"])
        rotation.rotate_all()
        settings.APP_KMS_KEY = NEW
        loaded = SealedNote.objects.get(pk=note.pk)
        assert (loaded.text, loaded.facts) == ("new words", {"i": 1})

    def test_names_what_does_not_open_and_goes_on(self, monkeypatch, notes):
        monkeypatch.setattr(rotation, "_PAUSE_SECONDS", 0)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE lab_sealednote SET text = overlay(text placing '\\x00'::bytea from 30) WHERE id = %s",
                [notes[3].pk],
            )
        report = mine(rotation.rotate_all(batch_rows=2))
        assert report.unreadable == [str(notes[3].pk)]
        assert (report.rotated, report.remaining) == (6, {"old": 2})

    def test_tells_its_progress(self, notes):
        seen = []
        rotation.rotate_all(batch_rows=4, progress=lambda *args: seen.append(args))
        assert [step for step in seen if step[0] == TABLE] == [(TABLE, 0, 7), (TABLE, 4, 7), (TABLE, 7, 7)]


class TestRemainingKeys:
    def test_counts_values_by_old_key(self, notes):
        assert mine(rotation.remaining_keys()).remaining == {"old": 10}
        assert key_ids() == ["old"]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestRotationBesideEdits:
    def test_skips_a_row_being_edited_and_takes_it_in_a_later_pass(self, settings, monkeypatch, notes):
        monkeypatch.setattr(rotation, "_PAUSE_SECONDS", 0.3)
        locked, release = threading.Event(), threading.Event()

        def edit():
            try:
                with transaction.atomic():
                    note = SealedNote.objects.select_for_update().get(pk=notes[2].pk)
                    locked.set()
                    release.wait(10)
                    note.extra = "edited meanwhile"
                    note.save(update_fields=["extra", "updated_at"])
            finally:
                connection.close()

        editor = threading.Thread(target=edit)
        editor.start()
        locked.wait(10)

        def progress(table, done, total):
            if table == TABLE and done == 6:
                release.set()

        report = mine(rotation.rotate_all(batch_rows=3, progress=progress))
        editor.join()
        assert (report.rotated, report.remaining) == (7, {})
        settings.APP_KMS_KEY = NEW
        loaded = SealedNote.objects.get(pk=notes[2].pk)
        assert (loaded.text, loaded.extra) == ("t2", "edited meanwhile")

    @pytest.mark.parametrize(
        ("locks", "kept"), [(True, "edited"), (False, "t0")], ids=["locked", "without-the-lock"]
    )
    def test_an_edit_between_reading_and_writing_survives_because_of_the_lock(
        self, monkeypatch, notes, locks, kept
    ):
        def edit():
            try:
                note = SealedNote.objects.get(pk=notes[0].pk)
                note.text = "edited"
                note.save(update_fields=["text"])
            finally:
                connection.close()

        editor = threading.Thread(target=edit)
        resealed, select = rotation._resealed, rotation._select

        def resealed_late(target, row, report):
            if row[0] == notes[0].pk and editor.ident is None:
                editor.start()
                editor.join(0.5)
            return resealed(target, row, report)

        def select_unlocked(target, **options):
            return sql.SQL(select(target, **options).as_string().replace("FOR UPDATE SKIP LOCKED", ""))

        monkeypatch.setattr(rotation, "_resealed", resealed_late)
        if not locks:
            monkeypatch.setattr(rotation, "_select", select_unlocked)
        rotation.rotate_all()
        editor.join()
        assert SealedNote.objects.get(pk=notes[0].pk).text == kept

    def test_loses_no_edit_of_busy_writers(self, settings, monkeypatch, notes):
        monkeypatch.setattr(rotation, "_PAUSE_SECONDS", 0.05)
        stop = threading.Event()
        last = {}

        def write(number):
            try:
                count = 0
                while not stop.is_set():
                    note = SealedNote.objects.get(pk=notes[number].pk)
                    note.text = f"{number}:{count}"
                    note.save(update_fields=["text"])
                    last[number] = note.text
                    count += 1
            finally:
                connection.close()

        writers = [threading.Thread(target=write, args=[number]) for number in range(4)]
        for writer in writers:
            writer.start()
        for ring in (f"{NEW},{OLD}", f"{OLD},{NEW}", f"{NEW},{OLD}"):
            settings.APP_KMS_KEY = ring
            rotation.rotate_all(batch_rows=2)
        stop.set()
        for writer in writers:
            writer.join()
        assert {n: SealedNote.objects.get(pk=notes[n].pk).text for n in range(4)} == last
        assert SealedNote.objects.get(pk=notes[6].pk).text == "t6"


class TestCommand:
    def run(self, *args):
        out, err = StringIO(), StringIO()
        call_command("rotate_keys", *args, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def test_reports_and_draws_a_bar(self, notes):
        out, err = self.run("--batch", "3")
        assert "lab_sealednote: 7 rows re-encrypted; values under an old key: none" in out
        assert "Everything is sealed with the key 'new'." in out
        assert "[##############################] 7/7\n" in err

    def test_check_changes_nothing_and_fails_while_an_old_key_is_used(self, notes):
        with pytest.raises(CommandError, match="still use an old key"):
            self.run("--check")
        assert key_ids() == ["old"]

    def test_check_passes_when_done(self, notes):
        self.run()
        out, _ = self.run("--check")
        assert "lab_sealednote: 0 rows re-encrypted; values under an old key: none" in out

    def test_refuses_a_batch_of_nothing(self, notes):
        with pytest.raises(CommandError):
            self.run("--batch", "0")
