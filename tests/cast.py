"""The fixed cast of every test: who practises, who helps, who is elsewhere, who pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.accounts.sessions import open_session
from apps.core.context import bind
from apps.core.scope import SystemActor
from apps.directory.models import Insurer, OpeningHours, Practice, Practitioner, Room

PASSWORD = "correct horse battery staple"
CASTING = SystemActor("test-casting")


@dataclass(frozen=True)
class House:
    """A practice with two rooms, open Monday to Friday 08:00-19:00."""

    practice: Practice
    rooms: list[Room]
    practitioners: list[Practitioner]


def build_house(name: str, *people: tuple[str, str, str]) -> House:
    """Create a practice, its rooms, hours and practitioners (kind, first name, last name)."""
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.cast"):
        practice = Practice.objects.create(
            name=name, city="Lyon", license_no=f"LIC-{name}", siret="73282932000074"
        )
        rooms = [Room.objects.create(practice=practice, name=f"Fauteuil {n}", position=n) for n in (1, 2)]
        for day in range(1, 6):
            OpeningHours.objects.create(practice=practice, weekday=day, opens_at=time(8), closes_at=time(19))
        staff = [
            Practitioner.objects.create(
                practice=practice,
                kind=kind,
                first_name=first,
                last_name=last,
                title="Dr" if kind == "practitioner" else "",
            )
            for kind, first, last in people
        ]
    return House(practice, rooms, staff)


def make_user(email: str, role: Role, first_name: str, **house: Any) -> User:
    """Create a user of the cast."""
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.cast"):
        user = User(email=email, role=role, first_name=first_name, last_name="Test", **house)
        user.set_password(PASSWORD)
        user.save()
    return user


@pytest.fixture
def at() -> datetime:
    """A Monday morning in Paris."""
    return datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def house(db: None) -> House:
    """Ana's and Ben's practice."""
    return build_house(
        "Cabinet des Lilas",
        ("practitioner", "Ana", "Morel"),
        ("practitioner", "Luc", "Petit"),
        ("assistant", "Ben", "Roche"),
    )


@pytest.fixture
def other_house(db: None) -> House:
    """Cleo's practice."""
    return build_house("Cabinet du Port", ("practitioner", "Cleo", "Marin"))


@pytest.fixture
def practice(house: House) -> Practice:
    """Ana's practice."""
    return house.practice


@pytest.fixture
def other_practice(other_house: House) -> Practice:
    """Cleo's practice."""
    return other_house.practice


@pytest.fixture
def practitioner(house: House) -> Practitioner:
    """Ana as a practitioner."""
    return house.practitioners[0]


@pytest.fixture
def room(house: House) -> Room:
    """The first room of Ana's practice."""
    return house.rooms[0]


@pytest.fixture
def ana(house: House) -> User:
    """A practitioner here."""
    return make_user(
        "ana@test.test",
        Role.PRACTITIONER,
        "Ana",
        practice=house.practice,
        practitioner=house.practitioners[0],
    )


@pytest.fixture
def ben(house: House) -> User:
    """At the front desk here."""
    return make_user("ben@test.test", Role.ASSISTANT, "Ben", practice=house.practice)


@pytest.fixture
def dora(house: House) -> User:
    """Runs the practice."""
    return make_user("dora@test.test", Role.PRACTICE_ADMIN, "Dora", practice=house.practice)


@pytest.fixture
def cleo(other_house: House) -> User:
    """A practitioner elsewhere."""
    return make_user(
        "cleo@test.test",
        Role.PRACTITIONER,
        "Cleo",
        practice=other_house.practice,
        practitioner=other_house.practitioners[0],
    )


@pytest.fixture
def carl(other_house: House) -> User:
    """At the front desk elsewhere."""
    return make_user("carl@test.test", Role.ASSISTANT, "Carl", practice=other_house.practice)


@pytest.fixture
def insurer(db: None) -> Insurer:
    """The insurer Ines works for."""
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.cast"):
        return Insurer.objects.create(name="Mutuelle des Quais", code="QUAIS")


@pytest.fixture
def other_insurer(db: None) -> Insurer:
    """The insurer Nora works for."""
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.cast"):
        return Insurer.objects.create(name="Prévoyance du Nord", code="NORD")


@pytest.fixture
def ines(insurer: Insurer) -> User:
    """Runs an insurer."""
    return make_user("ines@test.test", Role.INSURER_ADMIN, "Ines", insurer=insurer)


@pytest.fixture
def omar(insurer: Insurer) -> User:
    """An agent of the same insurer."""
    return make_user("omar@test.test", Role.INSURER_AGENT, "Omar", insurer=insurer)


@pytest.fixture
def nora(other_insurer: Insurer) -> User:
    """Runs another insurer."""
    return make_user("nora@test.test", Role.INSURER_ADMIN, "Nora", insurer=other_insurer)


@pytest.fixture
def root(db: None) -> User:
    """The platform's administrator."""
    return make_user("admin@test.test", Role.ADMIN, "Admin")


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """A client per user, with a real access token; anonymous without one."""

    def client(user: User | None = None) -> APIClient:
        browser = APIClient()
        if user is not None:
            pair = open_session(actor=user, user=user, at=timezone.now())
            browser.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access_token}")
        return browser

    return client


@pytest.fixture
def acting() -> Callable[[Any], Any]:
    """Bind an actor around direct writes in a test: `with acting(ana): ...`."""

    def bound(user: Any) -> Any:
        return bind(
            actor_id=user.id,
            actor_role=user.role,
            practice_id=user.practice_id,
            insurer_id=user.insurer_id,
            action="test.acting",
        )

    return bound
