"""What a claim is screened on: the claim itself and counters somebody else has added up.

Everything here belongs to one insurer, with one exception: `OtherCover` says that another insurer covers the same
person, and nothing else about it. Amounts are integers of the claim's minor unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from fractions import Fraction
from types import MappingProxyType
from typing import Self

# A claim filed on the day of care was filed where the patient stood; a stay has no such moment.
AT_THE_COUNTER = frozenset({"pharmacy", "consultation", "laboratory", "dental"})


@dataclass(frozen=True, slots=True)
class Point:
    """A place, in degrees."""

    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the claim being screened."""

    sequence: int
    code: str
    quantity: int
    unit_price: int
    tooth: str = ""
    surfaces: str = ""
    bareme_price: int | None = None
    minutes: int = 0
    non_substitutable: bool = False
    trauma: bool = False
    repeatable: bool = False
    prior_paid: int = 0

    @property
    def total(self) -> int:
        """Amount asked for the line."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """The claim being screened; `entered_at` is the moment of filing on the provider's wall clock."""

    type: str
    service_date: date
    entered_at: datetime
    lines: tuple[Line, ...]
    covered: int = 0
    is_urgent: bool = False
    practitioner: str = ""
    prescriber: str = ""
    filed_by: str = ""

    @property
    def total(self) -> int:
        """Amount asked for the whole claim."""
        return sum(line.total for line in self.lines)

    @property
    def entered_on_the_day(self) -> bool:
        """Whether the claim was filed where and when the care took place."""
        return self.type in AT_THE_COUNTER and self.entered_at.date() == self.service_date


@dataclass(frozen=True, slots=True)
class Person:
    """The insured person, without name."""

    birth_date: date | None = None
    sex: str = ""
    home: Point | None = None
    chronic: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of an ISO weekday (Monday is 1) in which the provider receives."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Provider:
    """Who claims; `hours` is empty when the provider never stated any, which accuses nobody."""

    id: str
    kind: str
    place: Point | None = None
    hours: tuple[Opening, ...] = ()
    alone_in_town: bool = False


@dataclass(frozen=True, slots=True)
class PastLine:
    """A line of an earlier claim of the same person that was neither refused, blocked nor reversed."""

    claim: str
    provider: str
    service_date: date
    code: str
    quantity: int
    total: int
    tooth: str = ""
    surfaces: str = ""
    paid: bool = True


@dataclass(frozen=True, slots=True)
class Visit:
    """An earlier claim of the same person around the same day; `at` only if it was filed on the day of care."""

    claim: str
    provider: str
    day: date
    at: datetime | None = None
    place: Point | None = None


@dataclass(frozen=True, slots=True)
class Peers:
    """Prices of one code among providers of one type, over 180 days; the p95 is of the unit price."""

    n: int
    median: Fraction
    mad: Fraction
    p95: Fraction


@dataclass(frozen=True, slots=True)
class PractitionerDay:
    """What the practitioner of this claim already did on the day of care, this claim left out."""

    minutes: int
    other_patients: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How many claims the provider filed just before this one, and what an hour usually brings."""

    last_ten_minutes: int = 0
    last_hour: int = 0
    hour_p99: Fraction = Fraction(0)
    hours_seen: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """A limit somebody may wish to stay under, and the provider's claims of 30 days that just do."""

    limit: int
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Claims of one prescriber at one pharmacy, of each of them, and of everybody."""

    together: int
    of_prescriber: int
    of_provider: int
    of_all: int


@dataclass(frozen=True, slots=True)
class Generics:
    """Lines in a generic group, and those marked as not to be substituted: the provider's and the others'."""

    own: int
    own_refused: int
    peers: int
    peers_refused: int


@dataclass(frozen=True, slots=True)
class OtherCover:
    """Another insurer knows the same national identifier; nothing more is told."""

    another_person: bool = False
    same_care: bool = False


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often a code may be claimed in a window of days, by the contract."""

    max_quantity: int
    days: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rules read."""

    claim: ClaimFacts
    person: Person
    provider: Provider
    history: tuple[PastLine, ...] = ()
    visits: tuple[Visit, ...] = ()
    repeats: str | None = None
    frequencies: Mapping[str, Frequency] = field(default_factory=lambda: MappingProxyType({}))
    city_peers: Mapping[str, Peers] = field(default_factory=lambda: MappingProxyType({}))
    country_peers: Mapping[str, Peers] = field(default_factory=lambda: MappingProxyType({}))
    incompatible: frozenset[tuple[str, str, str]] = frozenset()
    associated: frozenset[frozenset[str]] = frozenset()
    practitioner_day: PractitionerDay | None = None
    pace: Pace = Pace()
    day_claims: int = 0
    day_other_providers: int = 0
    first_payable_day: date | None = None
    has_earlier_claims: bool = False
    annual_limit: int | None = None
    covered_in_30_days: int = 0
    bands: tuple[Band, ...] = ()
    pair: Pair | None = None
    generics: Generics | None = None
    other_cover: OtherCover = OtherCover()
    holiday: bool = False

    def with_covered(self, covered: int) -> Self:
        """Return the same facts, knowing what adjudication would pay."""
        return replace(self, claim=replace(self.claim, covered=covered))
