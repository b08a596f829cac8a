"""`manage.py demo`: a small, believable, repeatable practice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

import apps.catalog
from apps.accounts.models import User
from apps.agenda.models import Appointment
from apps.billing.models import Invoice
from apps.catalog.importer import import_acts
from apps.core.scope import SystemActor
from apps.demo.claims import CLAIMS, build_claims
from apps.demo.diary import Diary
from apps.demo.houses import PASSWORD, DentalHouse, build_accounts, build_dental_houses, build_network
from apps.demo.money import Till
from apps.demo.names import national_id, person
from apps.demo.payers import build_payers
from apps.demo.progress import Progress
from apps.directory.models import Insurer
from apps.patients.models import Patient
from apps.patients.services import register_patient

ACTOR = SystemActor("demo")
PATIENTS = (75, 45)
INVOICES = (50, 30)
PAYER_STEPS = 79
ALLERGIES = ("Pénicilline", "Latex", "Ibuprofène")


class Command(BaseCommand):
    """Loads two dental practices, their neighbours in the network, patients, a diary and money."""

    help = "Load the demo practices and logins; refuses where real data may live."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a seed, for another set of people."""
        parser.add_argument("--seed", type=int, default=2026, help="another seed gives other people")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load everything, or say that it is there."""
        if settings.ENVIRONMENT in {"production", "staging"}:
            raise CommandError("demo data is never loaded in staging or production")
        if User.objects.filter(email="ana@demo.test").exists():
            self.stdout.write("The demo practices are loaded already.")
            return
        random, now = Random(options["seed"]), timezone.now()  # noqa: S311 - repeatable data, not secrets
        content = (Path(apps.catalog.__file__).parent / "data" / "dental_acts.csv").read_bytes()
        import_acts(actor=ACTOR, content=content)
        houses = build_dental_houses(actor=ACTOR)
        insurers, providers = build_network(actor=ACTOR)
        people = build_accounts(actor=ACTOR, houses=houses, insurers=insurers, providers=providers)
        for house, desk, dentist, patients, invoices in zip(
            houses, ("ben", "carl"), ("ana", "cleo"), PATIENTS, INVOICES, strict=True
        ):
            self.run_house(
                house,
                desk=people[desk],
                dentist=people[dentist],
                insurers=insurers,
                sizes=(patients, invoices),
                random=random,
                now=now,
            )
        bar = Progress("payer network", PAYER_STEPS)
        build_payers(
            insurers=insurers,
            head=people["ines"],
            houses=houses,
            providers=providers,
            random=Random(options["seed"]),  # noqa: S311 - repeatable data, not secrets
            now=now,
            step=bar,
        )
        bar.finish()
        bar = Progress("claims", CLAIMS)
        build_claims(
            people=people,
            insurers=insurers,
            houses=houses,
            random=Random(options["seed"]),  # noqa: S311 - repeatable data, not secrets
            now=now,
            step=bar,
        )
        bar.finish()
        self.stdout.write(
            f"{Patient.objects.count()} patients, {Appointment.objects.count()} appointments, "
            f"{Invoice.objects.count()} invoices. Password of every login: {PASSWORD}"
        )

    def run_house(
        self,
        house: DentalHouse,
        *,
        desk: User,
        dentist: User,
        insurers: list[Insurer],
        sizes: tuple[int, int],
        random: Random,
        now: datetime,
    ) -> None:
        """Register patients, fill the diary and bill a part of it."""
        patients = self.register(house, desk, sizes[0], random, now)
        diary = Diary(house, patients, desk, {house.dentists[0].pk: dentist}, random, now)
        diary.build_types()
        bar = Progress("diary", len(list(diary.days())))
        visits = diary.fill(bar)
        bar.finish()
        till = Till(desk=desk, insurers=insurers, random=random, now=now)
        bar = Progress("invoices", sizes[1])
        for visit in visits[-sizes[1] :]:
            till.bill(visit, dentist)
            bar()
        till.receive_until(now)
        bar.finish()

    def register(
        self, house: DentalHouse, desk: User, count: int, random: Random, now: datetime
    ) -> list[Patient]:
        """Register patients over the past year, most of them with their consent to be written to."""
        bar, made = Progress("patients", count), []
        for number in range(1, count + 1):
            someone = person(random, number=number, today=now.date())
            consents = [{"kind": "data_notice"}] + ([{"kind": "email"}] if random.random() < 0.7 else [])
            made.append(
                register_patient(
                    actor=desk,
                    practice=house.practice,
                    at=now - timedelta(days=300 - 2 * number),
                    first_name=someone.first_name,
                    last_name=someone.last_name,
                    sex=someone.sex,
                    birth_date=someone.birth_date,
                    email=someone.email,
                    phone=someone.phone,
                    address=someone.address,
                    postal_code=house.practice.postal_code,
                    city=house.practice.city,
                    country="FR",
                    profession=someone.profession,
                    national_id=national_id(random, someone) if random.random() < 0.8 else "",
                    practitioner=random.choice(house.dentists),
                    consents=consents,
                    allow_duplicate=True,
                )
            )
            bar()
        bar.finish()
        return made
