"""Close a day, a month or a year of every practice."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.billing.models import Closing
from apps.billing.services import close_period
from apps.billing.services.closings import PeriodClosed, PeriodNotOver
from apps.core.scope import SystemActor
from apps.directory.models import Practice


class Command(BaseCommand):
    """Made for a nightly timetable: what is closed already or not over yet is left alone."""

    help = "Close the day before today (or the month or year of it) for each practice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the period, a day in it and one practice."""
        parser.add_argument("period", choices=Closing.Period.values)
        parser.add_argument("--day", type=date.fromisoformat, help="a day of the period (default: yesterday)")
        parser.add_argument("--practice", type=UUID, help="close this practice only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per closing."""
        at = timezone.now()
        rows = Practice.objects.order_by("pk")
        for practice in rows.filter(pk=options["practice"]) if options["practice"] else rows:
            day = options["day"] or at.astimezone(practice.zone).date() - timedelta(days=1)
            try:
                closing = close_period(
                    actor=SystemActor("closer"), practice=practice, period=options["period"], day=day, at=at
                )
            except (PeriodClosed, PeriodNotOver) as refusal:
                self.stdout.write(f"{practice.pk}: {refusal.code}")
                continue
            self.stdout.write(f"{practice.pk}: {closing.period} {closing.starts_on} closed")
