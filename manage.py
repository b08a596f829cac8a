#!/usr/bin/env python
"""Django's command line, with the embedded services for a machine that has no PostgreSQL and no Redis."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator

from config.embedded import EmbeddedError, Services, data_dir, development_secrets, open_data_dir
from config.environment import choose_settings

# The empty word and the options are Django's own help.
WITHOUT_SERVICES = frozenset(
    (
        *("", "-h", "--help", "--version", "help", "version", "check", "collectstatic", "compilemessages"),
        *("diffsettings", "makemessages", "spectacular", "startapp"),
    )
)


@contextlib.contextmanager
def surroundings(command: str) -> Iterator[None]:
    """Give a development command its secrets, and the services for as long as it runs."""
    data = data_dir()
    open_data_dir(data)
    for name, value in development_secrets(data).items():
        os.environ.setdefault(name, value)
    missing = {name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)}
    if not missing:
        yield
        return
    if command in WITHOUT_SERVICES:
        os.environ.setdefault("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")
        yield
        return
    services = Services(data, postgres="DATABASE_URL" in missing, valkey="REDIS_URL" in missing)
    try:
        os.environ.update(services.open())
        yield
    finally:
        _leave_database()
        services.close()


def _leave_database() -> None:
    """Close the connection pools first: they would try to reconnect to a server that stops."""
    if "django.db" in sys.modules:
        from django.db import connections

        for connection in connections.all(initialized_only=True):
            connection.close()
            # Only PostgreSQL's wrapper has a pool.
            close_pool = getattr(connection, "close_pool", None)
            if close_pool:
                close_pool()


def main() -> None:
    """Run one command."""
    environment = choose_settings()
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "dev":
        from config.dev import main as run_dev

        sys.exit(run_dev())
    # Ends through the blocks below, so that services are not left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    around = surroundings(command) if environment == "development" else contextlib.nullcontext()
    try:
        with around:
            # After the settings are chosen; also gives tasks sent by commands the configured application.
            importlib.import_module("config.celery")
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
    except EmbeddedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
