"""Refresh what screening compares claims with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.core.scope import SystemActor
from apps.insurance.services.peers import refresh_peers


class Command(BaseCommand):
    """Does by hand what the task `insurance.refresh_peers` does every night."""

    help = "Work out again what peers ask, how fast providers file, who prescribes to whom and who refuses generics."

    def handle(self, *args: Any, **options: Any) -> None:
        """Refresh, or say that somebody else is just doing it."""
        done = refresh_peers(actor=SystemActor("refresh-peers"), at=timezone.now())
        self.stdout.write("The statistics are fresh." if done else "Somebody else is refreshing them.")
