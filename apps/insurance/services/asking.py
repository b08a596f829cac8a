"""A claim as a provider asks for it: its shape, what identifies it, and the engine's view of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from django.utils.translation import gettext_lazy as _

from apps.core.clock import day_in_calendar
from apps.core.errors import InvalidInput
from apps.directory.models import Insurer, Practice
from apps.insurance.engine import BaremeTerms, Request, RequestLine
from apps.insurance.models import Adherent, Claim, ClaimItem, Contract
from apps.insurance.services.agreements import Prior

MOST_LINES: Final = 200
# Amounts are stored in 64 bits; a line beyond this is a slip of the keyboard in any currency.
MOST: Final = 10**12


@dataclass(frozen=True, slots=True)
class AskedLine:
    """One line of a body; what the insurer pays is never part of it."""

    code: str
    quantity: int
    unit_price: int
    label: str = ""
    tooth: str = ""
    surfaces: str = ""
    diagnosis: str = ""
    prescriber: str = ""
    is_substitutable: bool = True
    non_substitutable_reason: str = ""
    is_trauma: bool = False
    prior_paid: int = 0
    preauthorisation: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim before it is decided; `is_predetermination` asks what would be paid and holds it.

    `is_accident` says of all lines that they follow an accident.
    """

    type: str
    provider: Practice
    adherent: Adherent
    contract: Contract | None
    service_date: date
    lines: tuple[AskedLine, ...]
    service_end_date: date | None = None
    is_urgent: bool = False
    is_accident: bool = False
    is_predetermination: bool = False
    notes: str = ""
    prescriber: str = ""
    practitioner_ref: str = ""
    replaces: Claim | None = None
    source_type: str = ""
    source_id: UUID | None = None

    @property
    def quoted(self) -> tuple[str, ...]:
        """The keys of the prior agreements the lines name, each once; what is no key names nothing."""
        keys = dict.fromkeys(agreement_key(line) for line in self.lines if line.preauthorisation)
        return tuple(key for key in keys if key)

    @property
    def own_contract(self) -> Contract | None:
        """The contract, if it is one of the person's own insurer; the gates answer the rest."""
        if self.contract is None or self.contract.insurer_id != self.adherent.insurer_id:
            return None
        return self.contract

    @property
    def insurer(self) -> Insurer:
        """Who is asked."""
        return self.adherent.insurer if self.own_contract is None else self.own_contract.insurer

    @property
    def currency(self) -> str:
        """Currency of the amounts: the contract's."""
        return self.insurer.currency if self.own_contract is None else self.own_contract.currency

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked: the same claim sent again under its key is told from another one by it."""
        body = {
            "type": self.type,
            "adherent": self.adherent.pk,
            "contract": None if self.contract is None else self.contract.pk,
            "dates": [self.service_date, self.service_end_date],
            "flags": [self.is_urgent, self.is_predetermination, self.is_accident],
            "texts": [self.notes, self.prescriber, self.practitioner_ref],
            "replaces": None if self.replaces is None else self.replaces.pk,
            "source": [self.source_type, self.source_id],
            "lines": [[getattr(line, name) for name in AskedLine.__slots__] for line in self.lines],
        }
        return sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def check_shape(asked: Asked) -> None:
    """Refuse (InvalidInput) what is no claim: gate 2."""
    day_in_calendar(asked.service_date)
    if asked.service_end_date is not None:
        day_in_calendar(asked.service_end_date)
        if asked.service_end_date < asked.service_date:
            raise InvalidInput(service_end_date=[_("The last day must not come before the first.")])
    if not 1 <= len(asked.lines) <= MOST_LINES:
        raise InvalidInput(items=[_("A claim has between 1 and 200 lines.")])
    for number, line in enumerate(asked.lines, 1):
        total = line.quantity * line.unit_price
        if line.quantity < 1 or line.unit_price < 0 or total > MOST:
            raise InvalidInput(
                items=[_("Line %(n)s: quantity at least 1, price not negative.") % {"n": number}]
            )
        if not 0 <= line.prior_paid <= total:
            raise InvalidInput(items=[_("Line %(n)s: more was paid before than is asked.") % {"n": number}])


def agreement_key(line: AskedLine) -> str:
    """Return the key a line quotes, as it is written everywhere; empty if it is none."""
    try:
        return str(UUID(line.preauthorisation))
    except ValueError:
        return ""


def fingerprint_of(asked: Asked) -> str:
    """Return what two claims for the same care share, whatever their keys; a correction has its own."""
    lines = sorted([line.code, line.tooth, line.quantity, line.unit_price] for line in asked.lines)
    parts: list[Any] = [
        asked.insurer.pk,
        asked.adherent.pk,
        asked.provider.pk,
        asked.service_date,
        lines,
        salt_of(asked),
    ]
    return sha256(orjson.dumps(parts)).hexdigest()


def salt_of(asked: Asked) -> str:
    """Return what tells a correction from the claim it replaces, if that one was paid and taken back.

    A rejected claim stands in nobody's way: its correction is told from others by what it asks.
    """
    replaced = asked.replaces
    return replaced.pk.hex if replaced is not None and replaced.status == Claim.Status.PAID else ""


def items_of(claim: Claim, asked: Asked, bareme: BaremeTerms | None) -> list[ClaimItem]:
    """Build the rows of a claim's lines, not yet priced."""
    acts = {} if bareme is None else bareme.acts
    items = []
    for sequence, line in enumerate(asked.lines, 1):
        act = acts.get(line.code)
        total = line.quantity * line.unit_price
        items.append(
            ClaimItem(
                insurer_id=claim.insurer_id,
                provider_id=claim.provider_id,
                claim=claim,
                sequence=sequence,
                category="" if act is None else act.category,
                minutes=0 if act is None else act.minutes,
                line_total=total,
                copay_amount=total,
                **{name: getattr(line, name) for name in AskedLine.__slots__},
            )
        )
        items[-1].preauthorisation = agreement_key(line) or line.preauthorisation
        items[-1].is_trauma = line.is_trauma or asked.is_accident
    return items


def request_of(asked: Asked, *, filed: date, today: date, prior: Collection[Prior] = ()) -> Request:
    """Return the engine's view of a claim: no name, no number of a person, keys only.

    `prior` are the prior agreements that hold among those the lines name.
    """
    agreed: Counter[tuple[str, str, str]] = Counter()
    for agreement in prior:
        agreed[agreement.key, agreement.code, agreement.tooth] += agreement.quantity
    return Request(
        type=asked.type,
        insurer_id=str(asked.insurer.pk),
        provider_id=str(asked.provider.pk),
        provider_kind=asked.provider.kind,
        adherent_id=str(asked.adherent.pk),
        service_date=asked.service_date,
        service_end_date=asked.service_end_date,
        submitted_on=filed,
        today=today,
        currency=asked.currency,
        # A question about an act that needs prior agreement is how one asks for it: a person looks at it.
        is_urgent=asked.is_urgent or asked.is_predetermination,
        provider_is_active=asked.provider.is_active and bool(asked.provider.license_no),
        lines=tuple(
            RequestLine(
                sequence=sequence,
                code=line.code,
                quantity=line.quantity,
                unit_price=line.unit_price,
                tooth=line.tooth,
                diagnosis=line.diagnosis,
                prescriber=line.prescriber or asked.prescriber,
                is_substitutable=line.is_substitutable,
                non_substitutable_reason=line.non_substitutable_reason,
                prior_paid=line.prior_paid,
                is_accident=line.is_trauma or asked.is_accident,
                agreement=agreement_key(line) or line.preauthorisation,
                agreed_quantity=agreed[agreement_key(line), line.code, line.tooth],
            )
            for sequence, line in enumerate(asked.lines, 1)
        ),
    )
