"""Rows of the payer network, made by the services, for every test of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from apps.accounts.roles import Role
from apps.core.context import bind
from apps.core.scope import SystemActor
from apps.directory.models import Insurer, Practice
from apps.insurance.models import Adherent, Bareme, Contract, ContractMember, Convention
from apps.insurance.services.adherents import register_adherent
from apps.insurance.services.contracts import write_contract
from apps.insurance.services.conventions import agree_convention, publish_bareme
from apps.insurance.services.members import add_member

MAKER = SystemActor("test-maker")
NUMBERS = count(10_000_001)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)

# Contract K and price list 2026-01 of the worked cases.
COVERAGE: dict[str, Any] = {
    "pharmacy": {
        "rate_bp": 8000, "generic_rate_bp": 9000, "brand_policy": "reference_price", "annual_sublimit": 600_000,
    },
    "consultation": {"rate_bp": 7000},
    "hospitalization": {
        "rate_bp": 8500, "waiting_days": 90, "deductible_per_claim": 50_000, "claim_cap": 1_200_000,
    },
    "dental": {"rate_bp": 6000, "annual_sublimit": 800_000},
}  # fmt: skip
EXCLUSIONS: list[dict[str, Any]] = [{"prefix": "COSM"}]
ACTS: dict[str, Any] = {
    "C1": {"price": 50_000, "category": "consultation"},
    "C2": {"price": 70_000, "category": "consultation"},
    "MED-A-BRAND": {"price": 24_750, "category": "pharmacy", "generic_group": "MED-A"},
    "MED-A-GEN": {"price": 15_300, "category": "pharmacy", "generic_group": "MED-A", "is_generic": True},
    "MED-B": {"price": 8_333, "category": "pharmacy"},
    "HOSP-DAY": {"price": 180_000, "category": "hospitalization"},
    "SURG-1": {"price": 900_000, "category": "hospitalization"},
    "HBGD036": {"price": 60_000, "category": "dental"},
    "HBLD634": {"price": 350_000, "category": "dental"},
}  # fmt: skip
REFERENCE_PRICES = {"MED-A": 15_300}


class Clerk(SystemActor):
    """Somebody who may write for one insurer."""

    def __init__(self, insurer: Insurer) -> None:
        super().__init__("test-clerk")
        self.insurer_id = insurer.pk
        self.role = Role.INSURER_ADMIN.value


def make_practice(name: str, kind: str, **fields: Any) -> Practice:
    """Open a practice of a kind in the Tunisian network."""
    values = {
        "country": "TN",
        "city": "Tunis",
        "timezone": "Africa/Tunis",
        "currency": "TND",
        "license_no": f"TN-{next(NUMBERS)}",
        **fields,
    }
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.make"):
        return Practice.objects.create(name=name, kind=kind, **values)


def make_adherent(insurer: Insurer, **fields: Any) -> Adherent:
    """Register a person with a national identifier of their own."""
    values: dict[str, Any] = {
        "national_id": f"{next(NUMBERS):08d}", "first_name": "Salma", "last_name": "Trabelsi",
        "date_of_birth": date(1985, 4, 12), "gender": "F", **fields,
    }  # fmt: skip
    return register_adherent(actor=Clerk(insurer), insurer=insurer, at=NOW, **values)


def make_contract(insurer: Insurer, adherent: Adherent | None = None, **terms: Any) -> Contract:
    """Write contract K of the worked cases, changed as told."""
    values: dict[str, Any] = {
        "contract_number": f"K-{next(NUMBERS)}", "start_date": date(2026, 1, 1), "end_date": date(2026, 12, 31),
        "carence_days": 30, "annual_limit": 2_000_000, "coverage": COVERAGE, "exclusions": EXCLUSIONS,
        "plan_type": "family", **terms,
    }  # fmt: skip
    return write_contract(
        actor=Clerk(insurer),
        insurer=insurer,
        adherent=adherent or make_adherent(insurer),
        at=NOW,
        **values,
    )


def make_member(contract: Contract, relation: str = "child", **fields: Any) -> ContractMember:
    """Put somebody new under a contract."""
    adherent = fields.pop("adherent", None) or make_adherent(contract.insurer, first_name="Youssef")
    return add_member(
        actor=Clerk(contract.insurer), contract=contract, adherent=adherent, relation=relation, **fields
    )


def make_convention(insurer: Insurer, practice: Practice, **fields: Any) -> Convention:
    """Agree with a provider from 2025 on."""
    values = {"start_date": date(2025, 1, 1), **fields}
    return agree_convention(actor=Clerk(insurer), insurer=insurer, practice=practice, **values)


def make_bareme(convention: Convention, **fields: Any) -> Bareme:
    """Publish price list 2026-01 of the worked cases, changed as told."""
    values: dict[str, Any] = {
        "version": "2026-01", "effective_from": date(2026, 1, 1), "acts": ACTS, "reference_prices": REFERENCE_PRICES,
        "default": "reject", **fields,
    }  # fmt: skip
    return publish_bareme(actor=Clerk(convention.insurer), convention=convention, **values)


def make_agreement(insurer: Insurer, practice: Practice, **fields: Any) -> Bareme:
    """Agree with a provider and publish prices in one step."""
    return make_bareme(make_convention(insurer, practice), **fields)
