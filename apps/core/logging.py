"""JSON logs by allow-list: what is not named here is not written.

A message is a constant sentence. Of its arguments only numbers, flags and UUIDs are written out, others as
`?`: texts may be names, paths, queries or what a database quotes from a row. For the same reason a fault is
logged as its type and places, without its message. Facts worth keeping go into `extra` under an allowed key.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from apps.core.context import current

# Codes, counts, durations and ids of things; never of what a person typed.
ALLOWED_KEYS: Final = frozenset(
    {
        "attempt", "check", "code", "count", "duration_ms", "environment", "event", "hook", "job_id",
        "job_kind", "job_state", "key_id", "latency_ms", "method", "model", "object_id", "object_type",
        "provider", "queue", "route", "status", "table", "task", "task_id", "version", "worker",
    }
)  # fmt: skip
_LONGEST_TEXT: Final = 200
_FRAMES: Final = 20


class JsonFormatter(logging.Formatter):
    """One JSON object per line, bound to the request, its actor and the service under way."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        bound = current()
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            "request_id": bound.request_id,
            "actor_id": None if bound.actor_id is None else str(bound.actor_id),
            "action": bound.action,
        }
        for key in ALLOWED_KEYS & record.__dict__.keys():
            if (value := _scalar(record.__dict__[key])) is not None:
                line[key] = value
        if record.exc_info and record.exc_info[0] is not None:
            line |= _fault(record.exc_info[1])
        return json.dumps(
            {key: value for key, value in line.items() if value not in (None, "")}, ensure_ascii=False
        )


def dict_config(level: str = "INFO") -> dict[str, Any]:
    """Return a LOGGING setting: JSON on stderr, server access logs (which quote paths and queries) off."""
    quiet = {"handlers": [], "propagate": False, "level": "CRITICAL"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "apps.core.logging.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "uvicorn.access": quiet,
            "gunicorn.access": quiet,
            "django.server": quiet,
            # A 4xx is the caller's affair and has its request line; a record of its own would quote the path.
            "django.request": {"level": "ERROR"},
            "django.db.backends": {"level": "WARNING"},
            # Several lines a task and a page; their values are left out here, so nobody learns anything from them.
            # What became of a job is in its row and in /metrics; faults still come through.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.worker.request": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "weasyprint": {"level": "WARNING"},
            "weasyprint.progress": {"level": "WARNING"},
            "fontTools": {"level": "WARNING"},
        },
    }


def _message(record: logging.LogRecord) -> str:
    template = str(record.msg)
    if not record.args:
        # Without arguments the text may be an f-string of a library: only a constant of ours is trusted.
        return (
            template[:_LONGEST_TEXT] if record.name.split(".")[0] in {"apps", "config"} else _shape(template)
        )
    arguments: Any = record.args
    try:
        if isinstance(arguments, Mapping):
            return (template % {key: _safe(value) for key, value in arguments.items()})[:_LONGEST_TEXT]
        return (template % tuple(_safe(value) for value in arguments))[:_LONGEST_TEXT]
    except (TypeError, ValueError, KeyError):
        return template[:_LONGEST_TEXT]


def _safe(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | UUID) or value is None else "?"


def _shape(text: str) -> str:
    """Keep the first words of a library's text, up to the first thing that could be quoted data."""
    words = []
    for word in text.split():
        if not word.strip(".,:;!()").isalpha():
            break
        words.append(word)
    return " ".join(words)[:_LONGEST_TEXT]


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID | datetime):
        return str(value)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else None


def _fault(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    chain: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(chain) < 5:
        chain.append(type(cause).__qualname__)
        cause = cause.__cause__ or cause.__context__
    return {
        "error": f"{type(error).__module__}.{type(error).__qualname__}",
        "caused_by": chain or None,
        "places": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _short(filename: str) -> str:
    return "/".join(filename.split("/")[-3:])
