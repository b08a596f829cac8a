"""A small payer network of real rows: one insurer's price list, people and claims."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model

from apps.core.context import bind
from apps.core.scope import SystemActor
from apps.directory.models import Insurer, Practice
from apps.insurance.engine.terms import BaremeTerms, CareTerms, ContractTerms
from apps.insurance.fraud.config import FraudConfig
from apps.insurance.fraud.facts import Facts
from apps.insurance.models import Adherent, Claim, ClaimItem, Contract, ContractMember
from apps.insurance.services.gathering import Agreed, Gathered, gather
from tests.insurance.fraud.scenes import DAY, MORNING

MAKER = SystemActor("test-network")
CENTRE = {"lat": Decimal("36.806500"), "lng": Decimal("10.181500")}
_numbers = itertools.count(1)


@contextmanager
def making() -> Iterator[None]:
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.network"):
        yield


def created(row: Model) -> Any:
    """Store a row as the network's maker."""
    with making():
        row.save(force_insert=True)
    return row


def insurer(**fields: Any) -> Insurer:
    number = next(_numbers)
    return created(
        Insurer(**{"name": f"Assurance {number}", "code": f"A{number}", "currency": "TND"} | fields)
    )


def practice(kind: str = "medical", **fields: Any) -> Practice:
    number = next(_numbers)
    defaults = {"license_no": f"TN-{number}", "city": "Tunis", "country": "TN", "currency": "TND", **CENTRE}
    return created(
        Practice(
            **{"name": f"Cabinet {number}", "kind": kind, "timezone": "Africa/Tunis"} | defaults | fields
        )
    )


def adherent(of: Insurer, identity: str = "", **fields: Any) -> Adherent:
    number = next(_numbers)
    defaults = {
        "first_name": "Salma",
        "last_name": "Trabelsi",
        "date_of_birth": date(1980, 5, 17),
        "gender": "F",
    }
    row = Adherent(insurer=of, **defaults | CENTRE | fields)
    row.national_id = identity or f"{number:08d}"
    row.national_id_hash = f"h1:{identity or number}"
    return created(row)


def contract(person: Adherent, *, coverage: dict[str, Any] | None = None, **fields: Any) -> ContractMember:
    """Give somebody a contract of their own for 2026; returns the membership."""
    defaults = {
        "contract_number": f"K{next(_numbers)}",
        "start_date": date(2026, 1, 1),
        "end_date": date(2026, 12, 31),
        "status_from": date(2026, 1, 1),
        "currency": "TND",
        "coverage": coverage or {"consultation": {"rate_bp": 7000}, "pharmacy": {"rate_bp": 8000}},
    }
    row = created(Contract(insurer=person.insurer, adherent=person, **defaults | fields))
    joined = row.start_date
    return created(
        ContractMember(
            insurer=person.insurer, contract=row, adherent=person, relation="self", joined_on=joined
        )
    )


def item(code: str = "C2", **fields: Any) -> ClaimItem:
    """Return a line of 70 dinars, not stored."""
    row = ClaimItem(**{"sequence": 1, "code": code, "quantity": 1, "unit_price": 70_000} | fields)
    row.line_total = row.quantity * row.unit_price
    row.copay_amount = row.line_total - row.covered_amount
    return row


@dataclass
class Network:
    """One insurer, one doctor, one insured person."""

    insurer: Insurer
    doctor: Practice
    person: Adherent
    member: ContractMember
    prices: dict[str, Any] = field(default_factory=lambda: {"acts": {"C2": {"price": 70_000, "minutes": 20}}})

    def asked(self, *items: ClaimItem, **fields: Any) -> tuple[Claim, list[ClaimItem]]:
        """Return a claim that is not stored, with its lines."""
        lines = list(items) or [item()]
        member = fields.pop("member", self.member)
        claim = Claim(
            **{
                "insurer": member.insurer,
                "provider": self.doctor,
                "contract": member.contract,
                "adherent": member.adherent,
                "member": member,
                "type": "consultation",
                "service_date": DAY,
                "submitted_at": MORNING,
                "currency": "TND",
                "idempotency_key": f"key-{next(_numbers)}",
                "body_sha256": "0" * 64,
            }
            | fields
        )
        for row in lines:
            row.claim, row.insurer_id, row.provider_id = claim, claim.insurer_id, claim.provider_id
        claim.total_amount = sum(row.line_total for row in lines)
        claim.covered_amount = sum(row.covered_amount for row in lines)
        claim.copay_amount = claim.total_amount - claim.covered_amount
        return claim, lines

    def claimed(self, *items: ClaimItem, status: str = "approved", **fields: Any) -> Claim:
        """Store a claim with its lines, half of it covered unless the lines say otherwise."""
        lines = list(items) or [item(covered_amount=35_000, copay_amount=35_000)]
        claim, lines = self.asked(*lines, **fields)
        created(claim)
        with making():
            ClaimItem.objects.bulk_create(lines)
            if status != "pending":
                validated = claim.submitted_at if status in {"approved", "paid"} else None
                Claim.objects.filter(pk=claim.pk).update(status=status, validated_at=validated)
        claim.refresh_from_db()
        return claim

    def agreed(self, **fields: Any) -> Agreed:
        """Return the terms of the contract and the price list, as the engine reads them."""
        contract = self.member.contract
        terms = ContractTerms(
            id=str(contract.pk),
            start_date=contract.start_date,
            end_date=contract.end_date,
            chain_start=contract.start_date,
            joined_on=self.member.joined_on,
            coverage={name: CareTerms.from_content(care) for name, care in contract.coverage.items()},
            carence_days=contract.carence_days,
            annual_limit=contract.annual_limit,
        )
        bareme = BaremeTerms.from_content(self.prices, bareme_id="b", version="1")
        return Agreed(**{"contract": terms, "bareme": bareme} | fields)

    def gathered(
        self,
        *items: ClaimItem,
        config: dict[str, Any] | None = None,
        at: datetime = MORNING,
        terms: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Gathered:
        """Gather the facts of a claim that is not stored."""
        claim, lines = self.asked(*items, **fields)
        rules = FraudConfig.from_json(config)
        return gather(claim=claim, items=lines, agreed=self.agreed(**terms or {}), config=rules, at=at)

    def facts(self, *items: ClaimItem, **options: Any) -> Facts:
        """Return only the facts."""
        return self.gathered(*items, **options).facts


def build() -> Network:
    """Build the smallest network."""
    house = insurer()
    person = adherent(house)
    return Network(insurer=house, doctor=practice(), person=person, member=contract(person))
