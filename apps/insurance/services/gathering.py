"""Collecting the facts a claim is screened on, in two statements however many lines it has.

Everything is read from the insurer's own rows. The one exception, cover at another insurer, comes back from the
database as two booleans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from apps.directory.holidays import holidays_of_year
from apps.directory.models import Practice
from apps.insurance.engine.limits import annual_limit
from apps.insurance.engine.terms import BaremeTerms, ContractTerms
from apps.insurance.fraud.clinical import is_tooth
from apps.insurance.fraud.config import FraudConfig
from apps.insurance.fraud.facts import (
    AT_THE_COUNTER,
    Band,
    ClaimFacts,
    Facts,
    Frequency,
    Generics,
    Line,
    Opening,
    OtherCover,
    Pace,
    Pair,
    PastLine,
    Peers,
    Person,
    Point,
    PractitionerDay,
    Provider,
    Visit,
)
from apps.insurance.models import Claim, ClaimItem
from apps.insurance.services.screening_sql import COUNTERS, HISTORY

# Injuries to the head, teeth and jaws among them (ICD-10).
_INJURIES: Final = ("S0",)
_ONE_AT_A_TIME: Final = frozenset({Practice.Kind.MEDICAL.value, Practice.Kind.DENTAL.value})


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and whether this is the provider's first claim under its convention."""

    facts: Facts
    first_of_convention: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed for the claim, as the engine reads it; nothing where a gate found nothing."""

    contract: ContractTerms | None = None
    bareme: BaremeTerms | None = None
    convention_start: date | None = None
    review_above: int | None = None
    reviews_first_claim: bool = True


def gather(
    *, claim: Claim, items: Sequence[ClaimItem], agreed: Agreed, config: FraudConfig, at: datetime
) -> Gathered:
    """Read the history of the person and the counters of the provider.

    `claim` and `items` may be rows that are not stored yet; a claim never counts itself. Runs before any lock: a
    counter may be one claim old, which costs a flag and never an amount.
    """
    claim_facts = _claim_facts(claim, items, agreed, at)
    history = _history(claim, claim_facts, agreed, config)
    counters = _counters(claim, claim_facts, agreed, config, at)
    return Gathered(
        facts=_facts(claim, claim_facts, agreed, history, counters),
        first_of_convention=bool(counters["first_of_convention"]),
    )


def _claim_facts(claim: Claim, items: Sequence[ClaimItem], agreed: Agreed, at: datetime) -> ClaimFacts:
    acts = agreed.bareme.acts if agreed.bareme is not None else {}
    lines = []
    for item in items:
        act = acts.get(item.code)
        lines.append(
            Line(
                sequence=item.sequence,
                code=item.code,
                quantity=item.quantity,
                unit_price=item.unit_price,
                tooth=item.tooth,
                surfaces=item.surfaces,
                bareme_price=act.price if act is not None else None,
                minutes=act.minutes if act is not None else item.minutes,
                non_substitutable=not item.is_substitutable,
                trauma=item.is_trauma or item.diagnosis.upper().startswith(_INJURIES),
                repeatable=act is not None and act.is_repeatable,
                prior_paid=item.prior_paid,
            )
        )
    return ClaimFacts(
        type=claim.type,
        service_date=claim.service_date,
        entered_at=at.astimezone(ZoneInfo(claim.provider.timezone)),
        lines=tuple(lines),
        covered=claim.covered_amount,
        is_urgent=claim.is_urgent,
        practitioner=claim.practitioner_ref,
        prescriber=next((item.prescriber for item in items if item.prescriber), claim.prescriber),
        filed_by=str(claim.created_by_id or ""),
    )


# --- the person ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _History:
    lines: tuple[PastLine, ...]
    visits: tuple[Visit, ...]
    claims_today: int
    providers_today: int


def _history(claim: Claim, facts: ClaimFacts, agreed: Agreed, config: FraudConfig) -> _History:
    with connection.cursor() as cursor:
        cursor.execute(
            HISTORY,
            {
                "claim": claim.pk,
                "insurer": claim.insurer_id,
                "adherent": claim.adherent_id,
                "day": claim.service_date,
                "near": max(1, int(config.settings["NEAR_DUP"]["days"])),
                "window": _longest_window(facts, agreed, config),
                "codes": sorted({line.code for line in facts.lines}),
                "teeth": sorted({line.tooth for line in facts.lines if is_tooth(line.tooth)}),
            },
        )
        rows = [_PastRow(*row) for row in cursor.fetchall()]
    today = {row.claim: row for row in rows if row.day == claim.service_date}
    others = {
        row.provider
        for row in today.values()
        if row.kind == claim.provider.kind and row.provider != claim.provider_id
    }
    around = {row.claim: row for row in rows if abs((row.day - claim.service_date).days) <= 1}
    return _History(
        lines=tuple(row.line() for row in rows),
        visits=tuple(around[key].visit() for key in sorted(around)),
        claims_today=len(today),
        providers_today=len(others),
    )


def _longest_window(facts: ClaimFacts, agreed: Agreed, config: FraudConfig) -> int:
    """Return how many days on either side a code of the claim may have to be counted over."""
    contract = _frequencies(facts, agreed).values()
    traits = [config.settings["FREQ"].traits(line.code).per_days or 0 for line in facts.lines]
    return max([*traits, *(limit.days for limit in contract)], default=0)


def _frequencies(facts: ClaimFacts, agreed: Agreed) -> dict[str, Frequency]:
    """Return the contract's limits of the claim's codes; a bare `per_days` means once, a bare `max_qty` in a day."""
    care = agreed.contract.coverage.get(facts.type) if agreed.contract is not None else None
    if care is None:
        return {}
    terms = {line.code: care.acts[line.code] for line in facts.lines if line.code in care.acts}
    return {
        code: Frequency(
            1 if act.max_qty is None else act.max_qty, 1 if act.per_days is None else act.per_days
        )
        for code, act in terms.items()
        if act.has_frequency
    }


@dataclass(frozen=True, slots=True)
class _PastRow:
    claim: UUID
    provider: UUID
    kind: str
    type: str
    day: date
    submitted_at: datetime
    timezone: str
    lat: Any
    lng: Any
    code: str
    quantity: int
    total: int
    tooth: str
    surfaces: str
    paid: bool

    def line(self) -> PastLine:
        return PastLine(
            claim=str(self.claim),
            provider=str(self.provider),
            service_date=self.day,
            code=self.code,
            quantity=self.quantity,
            total=self.total,
            tooth=self.tooth,
            surfaces=self.surfaces,
            paid=self.paid,
        )

    def visit(self) -> Visit:
        local = self.submitted_at.astimezone(ZoneInfo(self.timezone))
        known = self.type in AT_THE_COUNTER and local.date() == self.day
        return Visit(
            claim=str(self.claim),
            provider=str(self.provider),
            day=self.day,
            at=local if known else None,
            place=_point(self.lat, self.lng),
        )


# --- the provider and its peers -----------------------------------------------------------------------------------


def _counters(
    claim: Claim, facts: ClaimFacts, agreed: Agreed, config: FraudConfig, at: datetime
) -> Mapping[str, Any]:
    provider = claim.provider
    waits = _first_payable_day(facts, agreed) is not None
    pharmacy = claim.type == "pharmacy"
    with connection.cursor() as cursor:
        cursor.execute(
            COUNTERS,
            {
                "claim": claim.pk,
                "insurer": claim.insurer_id,
                "insurer_kind": claim.insurer.kind,
                "currency": claim.currency,
                "provider": claim.provider_id,
                "kind": provider.kind,
                "country": provider.country,
                "city": provider.city.strip().lower(),
                "adherent": claim.adherent_id,
                "contract": claim.contract_id,
                "type": claim.type,
                "day": claim.service_date,
                "month": claim.service_date - timedelta(days=30),
                "at": at,
                "practitioner": claim.practitioner_ref,
                "counts_days": bool(claim.practitioner_ref) or provider.kind in _ONE_AT_A_TIME,
                "codes": sorted({line.code for line in facts.lines}),
                "limits": _limits_close_by(facts, agreed, config),
                "percent": str(float(config.settings["THRESHOLD_HUG"]["percent"])),
                "waits": waits,
                "prescriber": facts.prescriber if pharmacy else "",
                "refuses": pharmacy and any(line.non_substitutable for line in facts.lines),
                "identity": claim.adherent.national_id_hash,
                "birth": claim.adherent.date_of_birth,
                "gender": claim.adherent.gender,
                "convention_start": agreed.convention_start,
            },
        )
        found: Mapping[str, Any] = cursor.fetchone()[0]
    return found


def _limits_close_by(facts: ClaimFacts, agreed: Agreed, config: FraudConfig) -> list[int]:
    """Return the limits this claim stays just below; without one nothing has to be counted."""
    care = agreed.contract.coverage.get(facts.type) if agreed.contract is not None else None
    limits = {agreed.review_above, care.preauth_above if care is not None else None} - {None, 0}
    percent = config.settings["THRESHOLD_HUG"]["percent"]
    return sorted(
        limit
        for limit in limits
        if limit is not None and facts.total <= limit and 100 * (limit - facts.total) <= percent * limit
    )


def _first_payable_day(facts: ClaimFacts, agreed: Agreed) -> date | None:
    """Return the first day after the waiting period, or nothing where there is none to wait out."""
    contract = agreed.contract
    if contract is None:
        return None
    care = contract.coverage.get(facts.type)
    own = care.waiting_days if care is not None else None
    days = contract.carence_days if own is None else own
    return contract.first_payable_day(facts.type) if days else None


def _facts(
    claim: Claim, facts: ClaimFacts, agreed: Agreed, history: _History, counters: Mapping[str, Any]
) -> Facts:
    adherent, provider = claim.adherent, claim.provider
    return Facts(
        claim=facts,
        person=Person(
            birth_date=adherent.date_of_birth,
            sex=adherent.gender,
            home=_point(adherent.lat, adherent.lng),
            chronic=claim.member is not None and claim.member.is_chronic,
        ),
        provider=Provider(
            id=str(provider.pk),
            kind=provider.kind,
            place=_point(provider.lat, provider.lng),
            hours=tuple(_opening(row) for row in counters["hours"] or ()),
            alone_in_town=bool(counters["alone_in_town"]),
        ),
        history=history.lines,
        visits=history.visits,
        frequencies=_frequencies(facts, agreed),
        city_peers=_peers(counters["peers"], of_city=True),
        country_peers=_peers(counters["peers"], of_city=False),
        incompatible=frozenset(agreed.bareme.incompatible) if agreed.bareme is not None else frozenset(),
        associated=_associated(agreed.bareme),
        practitioner_day=_optional(PractitionerDay, counters["practitioner_day"]),
        pace=_pace(counters["pace"]),
        day_claims=history.claims_today,
        day_other_providers=history.providers_today,
        first_payable_day=_first_payable_day(facts, agreed),
        has_earlier_claims=bool(counters["has_earlier_claims"]),
        annual_limit=annual_limit(agreed.contract) if agreed.contract is not None else None,
        covered_in_30_days=counters["covered_in_30_days"],
        bands=tuple(Band(row["limit"], tuple(row["claims"])) for row in counters["bands"] or ()),
        pair=_optional(Pair, counters["pair"]),
        generics=_optional(Generics, counters["generics"]),
        other_cover=OtherCover(
            another_person=bool(counters["another_person"]), same_care=bool(counters["same_care"])
        ),
        holiday=claim.service_date in holidays_of_year(provider.country, claim.service_date.year),
    )


def _peers(rows: Sequence[Mapping[str, Any]] | None, *, of_city: bool) -> dict[str, Peers]:
    return {
        row["code"]: Peers(
            n=row["n"],
            median=Fraction(str(row["median"])),
            mad=Fraction(str(row["mad"])),
            p95=Fraction(str(row["p95"])),
        )
        for row in rows or ()
        if bool(row["city"]) is of_city
    }


def _associated(bareme: BaremeTerms | None) -> frozenset[frozenset[str]]:
    """Return the incompatible pairs the tariff lets stand together at a lower rate: `A+B`, `B` or `*`."""
    if bareme is None:
        return frozenset()
    allowed = bareme.association_bp
    return frozenset(
        frozenset((a, b))
        for a, b, _scope in bareme.incompatible
        if {f"{a}+{b}", f"{b}+{a}", a, b, "*"} & allowed.keys()
    )


def _pace(row: Mapping[str, Any]) -> Pace:
    return Pace(
        last_ten_minutes=row["last_ten_minutes"],
        last_hour=row["last_hour"],
        hour_p99=Fraction(str(row["p99"] or 0)),
        hours_seen=row["hours"] or 0,
    )


def _optional(shape: Any, row: Mapping[str, Any] | None) -> Any:
    return None if row is None else shape(**row)


def _opening(row: Mapping[str, Any]) -> Opening:
    return Opening(row["weekday"], time.fromisoformat(row["opens"]), time.fromisoformat(row["closes"]))


def _point(lat: Any, lng: Any) -> Point | None:
    return None if lat is None or lng is None else Point(float(lat), float(lng))
