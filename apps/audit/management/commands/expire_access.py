"""Drop access entries after twelve months."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.audit.services import expire_access
from apps.core.scope import SystemActor


class Command(BaseCommand):
    """Does by hand what the task `audit.expire` does every night."""

    help = "Drop whole months of access entries that are older than twelve months."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many went."""
        count = expire_access(actor=SystemActor("expire-access"), at=timezone.now())
        self.stdout.write(f"{count} access entries were dropped.")
