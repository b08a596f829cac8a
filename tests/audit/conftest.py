"""People the fixed cast lacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.directory.models import Practice
from tests.cast import make_user


@pytest.fixture
def cast_admin() -> Callable[[Practice], User]:
    """Return the administrator of another practice."""
    return lambda practice: make_user("vera@test.test", Role.PRACTICE_ADMIN, "Vera", practice=practice)
