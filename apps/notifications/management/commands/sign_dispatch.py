"""Prints a signed call of the dispatch address, for a platform's cron or for trying by hand."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.notifications.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign


class Command(BaseCommand):
    """`sh -c "$(python manage.py sign_dispatch)"` starts one round of sending."""

    help = "Print a curl command that starts one round of sending, signed for the next five minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of messages."""
        parser.add_argument("--limit", type=int, default=100, help="at most this many messages (1 to 500)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the command."""
        body = f'{{"limit":{options["limit"]}}}'
        timestamp = int(timezone.now().timestamp())
        self.stdout.write(
            f"curl -fsS -X POST {settings.PUBLIC_URL}/api/v1/jobs/notifications/dispatch "
            f"-H 'Content-Type: application/json' -H '{TIMESTAMP_HEADER}: {timestamp}' "
            f"-H '{SIGNATURE_HEADER}: {sign(timestamp, body.encode())}' -d '{body}'"
        )
