"""`manage.py demo_large`: a big database, to measure on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from apps.demo.large import PATIENTS_PER_HOUSE, PatientLoader, build_houses, copy_rows, load_diary
from apps.demo.progress import Progress
from apps.directory.models import Practice
from apps.patients.models import Patient


class Command(BaseCommand):
    """Loads 100,000 patients and 1,000,000 appointments, times a factor, by COPY."""

    help = "Load a large fictitious database: factor 1 is 100,000 patients and 1,000,000 appointments."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a factor."""
        parser.add_argument("--factor", type=float, default=1.0, help="size, 1.0 = 100,000 patients")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load practice by practice, each in one transaction."""
        if settings.ENVIRONMENT in {"production", "staging"}:
            raise CommandError("demo data is never loaded in staging or production")
        factor: float = options["factor"]
        if not 0 < factor <= 20:
            raise CommandError("the factor must lie between 0 and 20")
        patients_wanted, visits_wanted = int(100_000 * factor), int(1_000_000 * factor)
        count = max(1, -(-patients_wanted // PATIENTS_PER_HOUSE))
        today = timezone.localdate()
        start = Practice.objects.filter(license_no__startswith="LARGE-").count()
        patients_bar, visits_bar = (
            Progress("patients", patients_wanted),
            Progress("appointments", visits_wanted),
        )
        for n, house in enumerate(build_houses(count, start=start)):
            of_patients = share(patients_wanted, count, n)
            of_visits = share(visits_wanted, count, n)
            with transaction.atomic():
                loader = PatientLoader(seed=start + n, today=today)
                copy_rows(
                    Patient._meta.db_table,
                    loader.columns,
                    loader.rows(house.practice, of_patients),
                    patients_bar,
                )
                # Most of a diary lies behind; a year or so of it ahead.
                first_day = today - timedelta(days=int(of_visits / (len(house.dentists) * 20) * 7 / 5 * 0.8))
                load_diary(house, loader.ids, of_visits, first_day=first_day, progress=visits_bar)
        patients_bar.finish()
        visits_bar.finish()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def share(total: int, parts: int, index: int) -> int:
    """Return part `index` of a total split as evenly as whole numbers allow."""
    return total // parts + (1 if index < total % parts else 0)
