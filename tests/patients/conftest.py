"""A patient here and one elsewhere."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from apps.patients.models import Patient
from apps.patients.services import register_patient

URL = "/api/v1/patients"
NIR = "184051305510219"
HUGE_KEY = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def register(ben, practice, at):
    """Register somebody at Ana's practice, whoever is in the files already."""

    def do(first_name: str = "Jeanne", last_name: str = "Martin", **fields: Any) -> Patient:
        fields.setdefault("allow_duplicate", True)
        return register_patient(
            actor=ben, practice=practice, at=at, first_name=first_name, last_name=last_name, **fields
        )

    return do


@pytest.fixture
def patient(register) -> Patient:
    """Jeanne Martin, of Ana's practice."""
    return register(birth_date=date(1984, 5, 12), email="jeanne@example.test", phone="06 12 34 56 78")


@pytest.fixture
def elsewhere(carl, other_practice, at) -> Patient:
    """Jeanne Martin, of Cleo's practice: another file, which nobody here knows of."""
    return register_patient(
        actor=carl,
        practice=other_practice,
        at=at,
        first_name="Jeanne",
        last_name="Martin",
        birth_date=date(1984, 5, 12),
        phone="06 12 34 56 78",
        national_id=NIR,
    )
