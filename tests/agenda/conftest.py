"""The front desk of Ana's practice."""

from __future__ import annotations

from datetime import datetime

import pytest

from apps.accounts.models import User
from tests.agenda.scenes import Desk
from tests.cast import House


@pytest.fixture
def desk(ben: User, house: House, at: datetime) -> Desk:
    """Ben books for Ana and Luc."""
    return Desk(ben, house, at)
