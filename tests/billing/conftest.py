"""A patient, four acts and the texts of messages."""

from __future__ import annotations

import pytest

from apps.catalog.models import Act
from apps.directory.models import Practice
from apps.patients.models import Patient
from tests.billing.making import make_acts, make_patient


@pytest.fixture
def acts(db: None) -> dict[str, Act]:
    """Four acts by code."""
    return make_acts()


@pytest.fixture
def patient(practice: Practice, acts: dict[str, Act]) -> Patient:
    """A patient of Ana's practice; the catalogue is there as well."""
    return make_patient(practice)
