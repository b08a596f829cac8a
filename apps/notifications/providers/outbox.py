"""The local outbox: text messages as JSON lines, a file a day, for development and demonstrations."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings
from django.utils import timezone

from apps.notifications.models import Delivery
from apps.notifications.providers.base import CannotAsk, Outgoing, Receipt, Refused


class OutboxSms:
    """Appends each message to `OUTBOX_DIR/sms/<day>.jsonl`."""

    name = "outbox"
    settles_after = timedelta(0)

    def send(self, message: Outgoing) -> Receipt:
        """Write one line, whole or not at all as far as readers see: they skip a line without its end."""
        now = timezone.now()
        receipt = Receipt(f"outbox-{uuid4().hex}", Delivery.SENT)
        line = orjson.dumps(
            {
                "id": receipt.message_id,
                "job": str(message.job_id),
                "at": now.isoformat(),
                "to": message.recipient,
                "text": message.text,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        try:
            self._append(folder() / f"{now.astimezone(UTC):%Y-%m-%d}.jsonl", line)
        except OSError as error:
            raise Refused("OUTBOX_NOT_WRITABLE", retry=True) from error
        return receipt

    def find(self, message: Outgoing, *, since: datetime, known: frozenset[str]) -> Receipt | None:
        """Look for the line of this message's job."""
        try:
            for entry in lines(since):
                if entry["job"] == str(message.job_id) and entry["id"] not in known:
                    return Receipt(entry["id"], Delivery.SENT)
        except OSError as error:
            raise CannotAsk from error
        return None

    def _append(self, path: Path, line: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # A writer that was killed may have left half a line; end it, so that this one stands alone.
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)


def folder() -> Path:
    """Return where text messages are kept."""
    return Path(settings.OUTBOX_DIR) / "sms"


def lines(since: datetime) -> Iterator[dict[str, Any]]:
    """Yield the messages of the days from `since` on; lines a killed writer left unfinished are skipped."""
    first = f"{since.astimezone(UTC):%Y-%m-%d}.jsonl"
    for path in sorted(folder().glob("*.jsonl")):
        if path.name < first:
            continue
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            yield entry
