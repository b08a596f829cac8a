"""Rotation of a big table under traffic: how fast, and that no edit is lost."""

from __future__ import annotations

import base64
import threading
import time
from uuid import UUID

import pytest
from django.db import connections, transaction

from apps.core import crypto, rotation
from tests.audit.trails import FULL
from tests.core.lab.models import SealedNote

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency, pytest.mark.figures]
OLD = f"old:{base64.b64encode(b'o' * 32).decode()}"
NEW = f"new:{base64.b64encode(b'n' * 32).decode()}"
ROWS = 100_000 if FULL else 5_000
TARGET = 3_000
WRITERS = 4


class Editor(threading.Thread):
    """Edits its own rows without pause, half of them by a lock and a save as services do."""

    def __init__(self, keys: list[UUID], number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.keys, self.number, self.stopped = keys, number, stop
        self.kept: dict[UUID, str] = {}

    def run(self) -> None:
        count = 0
        try:
            while not self.stopped.is_set():
                key = self.keys[count % len(self.keys)]
                text = f"edit {self.number}:{count}"
                with transaction.atomic():
                    rows = SealedNote.objects.select_for_update() if count % 2 else SealedNote.objects.all()
                    note = rows.get(pk=key)
                    note.text = text
                    note.save(update_fields=["text"])
                self.kept[key] = text
                count += 1
                time.sleep(0.005)
        finally:
            connections.close_all()


def test_a_big_rotation_beside_editors(settings) -> None:
    settings.APP_KMS_KEY = OLD
    SealedNote.objects.bulk_create([SealedNote(text=f"note {n}") for n in range(ROWS)], batch_size=5000)
    keys = list(SealedNote.objects.order_by("pk").values_list("pk", flat=True))
    settings.APP_KMS_KEY = f"{NEW},{OLD}"
    stop = threading.Event()
    step = max(len(keys) // 400, 1)
    mine = [keys[number :: step * WRITERS] for number in range(0, step * WRITERS, step)]
    editors = [Editor(keys, number, stop) for number, keys in enumerate(mine)]
    for editor in editors:
        editor.start()
    started = time.perf_counter()
    report = next(r for r in rotation.rotate_all() if r.table == "lab_sealednote")
    seconds = time.perf_counter() - started
    stop.set()
    for editor in editors:
        editor.join()
    settings.APP_KMS_KEY = NEW
    wanted = {key: text for editor in editors for key, text in editor.kept.items()}
    found = {note.pk: note.text for note in SealedNote.objects.filter(pk__in=list(wanted))}
    lost = sum(found.get(key) != text for key, text in wanted.items())
    edits = sum(len(editor.kept) for editor in editors)
    rate = round(report.rotated / seconds)
    print(f"\nFIGURE rotation_rows {ROWS} {ROWS}")
    print(f"FIGURE rotation_rows_per_second {rate} {TARGET}")
    print(f"FIGURE rotation_rows_edited_meanwhile {edits} -")
    print(f"FIGURE rotation_lost_edits {lost} 0")
    assert edits > 0
    assert lost == 0
    assert (report.remaining, report.unreadable) == ({}, [])
    assert all(
        crypto.key_id_of(value) == "new"
        for value in SealedNote.objects.values_list("text", flat=True).iterator()
    )
    # The machine of a scaled-down run does other things too.
    assert rate >= (TARGET if FULL else TARGET / 4)
