"""Many hands at once, each on a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from django.db import connection, connections


def race(work: Callable[[int], Any], hands: int) -> list[Any]:
    """Run `work(n)` from all hands, which start together; return the answers, exceptions among them."""
    barrier, answers = Barrier(hands), []

    def one(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=60)
            answers.append(work(number))
        except Exception as error:  # noqa: BLE001 - an exception is an answer like any other here
            answers.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=one, args=(number,)) for number in range(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
