"""Secrets of a development machine: made once, kept in one private file, never in the repository."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from config.embedded.ground import held


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _word() -> str:
    return secrets.token_urlsafe(48)


MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": _word,
    "APP_KMS_KEY": lambda: f"k1:{_key()}",
    "APP_INDEX_KEY": _key,
    "JWT_SIGNING_KEY": _word,
    "LINK_SIGNING_KEY": _word,
    "LEDGER_SIGNING_KEY": lambda: f"l1:{_key()}",
    "EMBEDDED_POSTGRES_PASSWORD": lambda: secrets.token_hex(24),
    "EMBEDDED_VALKEY_PASSWORD": lambda: secrets.token_hex(24),
}


def parse(text: str) -> dict[str, str]:
    """Read KEY=value lines; blank lines, comments and a leading `export` do not count."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        bare = line.strip().removeprefix("export ")
        if bare and not bare.startswith("#") and "=" in bare:
            name, value = bare.split("=", 1)
            found[name.strip()] = value.strip().strip("'\"")
    return found


def development_secrets(data: Path) -> dict[str, str]:
    """Return this machine's secrets, making those that are missing."""
    path = data / "secrets.env"
    with held(data / "secrets.lock"):
        known = parse(path.read_text()) if path.exists() else {}
        missing = {name: make() for name, make in MAKERS.items() if name not in known}
        if missing:
            known |= missing
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(
                    "# Made by the first start. Losing this file makes the encrypted columns unreadable.\n"
                )
                file.writelines(f"{name}={value}\n" for name, value in known.items())
            fresh.replace(path)
    return known
