"""A Tunisian network with contract K: Ines's and Omar's insurer, and one provider of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.core.context import bind
from apps.directory.models import Insurer, Practice
from apps.insurance.models import Adherent, Contract
from tests.cast import CASTING, make_user
from tests.insurance.making import make_adherent, make_agreement, make_contract, make_practice


@dataclass(frozen=True)
class Network:
    """Contract K, its person, and providers by kind."""

    insurer: Insurer
    adherent: Adherent
    contract: Contract
    providers: dict[str, Practice]


# The day the worked cases are filed on, unless said.
FILED = datetime(2026, 7, 3, 9, tzinfo=UTC)
# Screening has tests of its own; here every claim goes as the engine prices it.
QUIET = {"fraud": {"review_at": 100, "block_at": 101}, "currency": "TND", "timezone": "Africa/Tunis"}


def set_config(insurer: Insurer, **changes: Any) -> None:
    """Change an insurer's rules."""
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.config"):
        insurer.config = {**insurer.config, **changes}
        insurer.save(update_fields=["config"])


@pytest.fixture
def network(insurer: Insurer) -> Network:
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.config"):
        insurer.currency = "TND"
        insurer.save(update_fields=["currency"])
    set_config(insurer, **QUIET)
    providers = {
        kind: make_practice(f"Test {kind}", kind, license_no=f"TN-{kind}")
        for kind in ("pharmacy", "medical", "clinic", "laboratory", "dental")
    }
    for provider in providers.values():
        make_agreement(insurer, provider, effective_from=date(2025, 6, 1))
    adherent = make_adherent(insurer)
    return Network(insurer, adherent, make_contract(insurer, adherent), providers)


@pytest.fixture
def doctor(network: Network) -> User:
    return make_user("doctor@test.test", Role.DOCTOR, "Doc", practice=network.providers["medical"])


@pytest.fixture
def pharmacist(network: Network) -> User:
    return make_user("pharmacist@test.test", Role.PHARMACIST, "Paula", practice=network.providers["pharmacy"])


@pytest.fixture
def clinic(network: Network) -> User:
    return make_user("clinic@test.test", Role.CLINIC_ADMIN, "Hugo", practice=network.providers["clinic"])
