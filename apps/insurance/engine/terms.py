"""What was agreed: the contract's coverage and exclusions, the convention's prices, the insurer's settings.

`from_content` reads the JSON of claims.md 3.2; it trusts the JSON Schema that let it in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from apps.insurance.engine.types import RequestLine

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ActTerms:
    """What a contract says about one act; None leaves the word to the care type."""

    rate_bp: int | None = None
    cap: int | None = None
    max_qty: int | None = None
    per_days: int | None = None
    of_base_bp: int | None = None

    @property
    def has_frequency(self) -> bool:
        """Whether the act may be had only so often; a bare `per_days` means once, a bare `max_qty` in a day."""
        return self.max_qty is not None or self.per_days is not None


@dataclass(frozen=True, slots=True)
class CareTerms:
    """What a contract says about one care type; rates in basis points, amounts in minor units.

    `accident_exempt`: care after an accident does not wait.
    """

    rate_bp: int
    generic_rate_bp: int | None = None
    brand_policy: str = "full"
    deductible_per_claim: int | None = None
    deductible_annual: int | None = None
    fixed_copay: int = 0
    act_cap: int | None = None
    claim_cap: int | None = None
    annual_sublimit: int | None = None
    waiting_days: int | None = None
    accident_exempt: bool = True
    preauth_above: int | None = None
    of_base_bp: int | None = None
    prior_included: bool = True
    outside_limit: bool = False
    frequency_liability: str = "provider"
    tax_reimbursed: bool = False
    acts: Mapping[str, ActTerms] = field(default_factory=dict)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> CareTerms:
        """Read one care type of a contract's coverage."""
        known = {name: content[name] for name in _CARE_KEYS if content.get(name) is not None}
        acts = {
            code: ActTerms(**{name: act[name] for name in _ACT_KEYS if act.get(name) is not None})
            for code, act in content.get("acts", _NOTHING).items()
        }
        return cls(**known, acts=acts)


_CARE_KEYS: Final = tuple(name for name in CareTerms.__dataclass_fields__ if name != "acts")
_ACT_KEYS: Final = tuple(ActTerms.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a contract does not pay; every condition given must hold, through `until_date`, in either case of letters."""

    code: str = ""
    prefix: str = ""
    care_type: str = ""
    diagnosis_prefix: str = ""
    until_date: date | None = None

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Exclusion:
        """Read one entry of a contract's exclusions."""
        until = content.get("until_date")
        return cls(
            code=content.get("code") or "",
            prefix=content.get("prefix") or "",
            care_type=content.get("care_type") or "",
            diagnosis_prefix=content.get("diagnosis_prefix") or "",
            until_date=date.fromisoformat(until) if until else None,
        )

    def excludes(self, line: RequestLine, care_type: str, day: date) -> bool:
        """Whether this entry keeps a line from being paid on a day; an entry without a condition excludes nothing."""
        if self.until_date is not None and day > self.until_date:
            return False
        if not (self.code or self.prefix or self.care_type or self.diagnosis_prefix):
            return False
        code = line.code.upper()
        return (
            (not self.code or code == self.code.upper())
            and code.startswith(self.prefix.upper())
            and (not self.care_type or care_type == self.care_type)
            and line.diagnosis.upper().startswith(self.diagnosis_prefix.upper())
        )


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """A contract as it covers one person.

    `chain_start` is the first day of the unbroken chain of renewals, `joined_on` the person's first day; a wait counts
    from the later of both, or from `waits_from` where the person's own cover is known to reach further back;
    `statuses` are (first day, status) in order. `is_member` is false for a person the contract does not know.
    """

    id: str
    start_date: date
    end_date: date
    chain_start: date
    joined_on: date
    coverage: Mapping[str, CareTerms]
    left_on: date | None = None
    waits_from: date | None = None
    is_member: bool = True
    carence_days: int = 0
    annual_limit: int | None = None
    limit_by_dependants: tuple[int, ...] = ()
    dependants: int = 0
    exclusions: tuple[Exclusion, ...] = ()
    statuses: tuple[tuple[date, str], ...] = ()

    def status_on(self, day: date) -> str:
        """Return the status that counts on a day: the last that began by then."""
        begun = [status for since, status in self.statuses if since <= day]
        return begun[-1] if begun else "active"

    def first_payable_day(self, care_type: str) -> date:
        """Return the day a care type is payable from: start + N; late joiners start when they join."""
        care = self.coverage.get(care_type)
        days = care.waiting_days if care is not None and care.waiting_days is not None else self.carence_days
        start = max(self.chain_start, self.joined_on) if self.waits_from is None else self.waits_from
        return start + timedelta(days=days)


@dataclass(frozen=True, slots=True)
class BaremeAct:
    """An agreed act: `price` is the most that counts; `base` (where set) is what rates apply to."""

    price: int | None = None
    base: int | None = None
    rate_bp: int | None = None
    category: str = ""
    generic_group: str = ""
    is_generic: bool = False
    is_repeatable: bool = False
    tax_bp: int = 0
    minutes: int = 0

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> BaremeAct:
        """Read one act of a bareme; `fee_limit` is the name of the price of an act that has a base of its own."""
        return cls(
            price=content["fee_limit"] if content.get("fee_limit") is not None else content.get("price"),
            base=content.get("base"),
            rate_bp=content.get("rate_bp"),
            category=content.get("category") or "",
            generic_group=content.get("generic_group") or "",
            is_generic=bool(content.get("is_generic")),
            is_repeatable=bool(content.get("repeatable")),
            tax_bp=content.get("tax_bp") or 0,
            minutes=content.get("minutes") or 0,
        )


@dataclass(frozen=True, slots=True)
class BaremeTerms:
    """The prices in force on the service date, and who bears what exceeds them.

    `incompatible` are (code, code, scope): `claim`, `day`, `tooth` (same day and tooth) or `stay`. `association_bp` gives,
    for "A+B", "B" or "*", the part of its price the lesser act of such a pair keeps.
    """

    id: str
    version: str
    acts: Mapping[str, BaremeAct]
    reference_prices: Mapping[str, int] = field(default_factory=dict)
    pays_asked: bool = False
    incompatible: tuple[tuple[str, str, str], ...] = ()
    association_bp: Mapping[str, int] = field(default_factory=dict)
    provider_bears_excess: bool = False

    @classmethod
    def from_content(
        cls,
        content: Mapping[str, Any],
        *,
        bareme_id: str,
        version: str,
        excess_liability: str = "patient",
    ) -> BaremeTerms:
        """Read a bareme."""
        acts: Mapping[str, Any] = content.get("acts", _NOTHING)
        return cls(
            id=bareme_id,
            version=version,
            acts={code: BaremeAct.from_content(act) for code, act in acts.items()},
            reference_prices=dict(content.get("reference_prices") or {}),
            pays_asked=content.get("default") == "asked",
            incompatible=tuple(
                (str(pair[0]), str(pair[1]), str(pair[2]) if len(pair) > 2 else "claim")
                for pair in content.get("incompatible") or ()
            ),
            association_bp=dict(content.get("association_bp") or {}),
            provider_bears_excess=excess_liability == "provider",
        )

    def narrowed_to(self, codes: Collection[str]) -> BaremeTerms:
        """Return what these codes are priced by: the same prices, small enough to be kept with a decision."""
        acts = {code: self.acts[code] for code in sorted(set(codes)) if code in self.acts}
        groups = {act.generic_group for act in acts.values()} & self.reference_prices.keys()
        pairs = tuple(pair for pair in self.incompatible if pair[0] in codes or pair[1] in codes)
        keys = {"*"} | {key for a, b, _scope in pairs for key in (a, b, f"{a}+{b}", f"{b}+{a}")}
        return replace(
            self,
            acts=acts,
            reference_prices={group: self.reference_prices[group] for group in sorted(groups)},
            incompatible=pairs,
            association_bp={key: share for key, share in self.association_bp.items() if key in keys},
        )


DEFAULT_FILING_DAYS: Final = 60

# Which categories (care types) a kind of provider may bill; a category outside the care types is free for all.
BILLABLE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "pharmacy": ("pharmacy",),
        "laboratory": ("laboratory",),
        "medical": ("consultation",),
        "dental": ("dental",),
        "clinic": ("hospitalization", "consultation", "laboratory", "pharmacy"),
    }
)


@dataclass(frozen=True, slots=True)
class InsurerConfig:
    """The insurer's settings the engine reads."""

    filing_days: int = DEFAULT_FILING_DAYS
    billable: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: BILLABLE)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> InsurerConfig:
        """Read an insurer's config."""
        return cls(filing_days=content.get("filing_days", DEFAULT_FILING_DAYS))
