"""Messages ready to send, and a place to look for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from apps.accounts.models import User
from apps.directory.models import Practice
from apps.notifications.models import NotificationJob
from apps.notifications.services import enqueue

Queue = Callable[..., NotificationJob]


@pytest.fixture(autouse=True)
def outbox(settings: Any, tmp_path: Path) -> Path:
    """An empty outbox for each test."""
    settings.OUTBOX_DIR = tmp_path / "outbox"
    return tmp_path / "outbox"


@pytest.fixture
def texts(outbox: Path) -> Callable[[], list[dict[str, Any]]]:
    """What stands in the outbox of text messages."""

    def read() -> list[dict[str, Any]]:
        files = sorted((outbox / "sms").glob("*.jsonl"))
        return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines() if line]

    return read


@pytest.fixture
def queue(dora: User, practice: Practice, at: datetime) -> Queue:
    """Queue a reminder, or what the caller says instead."""

    def put(**changes: Any) -> NotificationJob:
        values: dict[str, Any] = {
            "actor": dora,
            "practice": practice,
            "template": "appointment.reminder",
            "channel": "sms",
            "recipient": "+33612345678",
            "language": "fr",
            "context": {"date": "24/11/2026", "time": "09:30"},
            "due_at": at,
            "unique_key": f"key-{uuid4()}",
            "cause_type": "agenda.appointment",
            "cause_id": uuid4(),
            "at": at,
        }
        return enqueue(**{**values, **changes})

    return put


@pytest.fixture
def clock(at: datetime) -> Callable[[], datetime]:
    """A clock that stands still at `at`."""
    return lambda: at
