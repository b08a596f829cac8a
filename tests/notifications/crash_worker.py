"""A worker that kills itself at a named point of a send: `python -m tests.notifications.crash_worker POINT`.

Addresses and folders come from the environment; SIGKILL leaves it no chance to tidy up.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

POINTS = ("before_sending", "sending_committed", "before_provider", "after_provider", "while_marking", "none")


def die(*args: Any, **kwargs: Any) -> Any:
    """Go as a power cut goes."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str) -> None:
    """Run one round of sending, up to `point`."""
    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from apps.core import jobs
    from apps.notifications import dispatch as real_dispatch
    from apps.notifications import services as real_services

    dispatch: Any = real_dispatch
    services: Any = real_services

    settings.OUTBOX_DIR = Path(os.environ["CRASH_OUTBOX"])
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.OUTBOX_DIR / "email"
    provider_for = dispatch.provider_for

    def dying_provider(channel: str) -> Any:
        provider = provider_for(channel)
        send = provider.send

        def send_then_die(message: Any) -> Any:
            if point == "after_provider":
                send(message)
            return die()

        provider.send = send_then_die
        return provider

    if point == "before_sending":
        jobs.mark_sending = die
    elif point == "sending_committed":
        dispatch.write_step = die
    elif point in {"before_provider", "after_provider"}:
        dispatch.provider_for = dying_provider
    elif point == "while_marking":
        services.tell = die
    dispatch.dispatch_due(clock=timezone.now)


if __name__ == "__main__":
    main(sys.argv[1])
