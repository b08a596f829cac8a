"""What a rule is, what an insurer may change about it, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from apps.insurance.fraud.acts import ActTraits
from apps.insurance.fraud.facts import Facts

Number = int | Fraction | float

FAMILIES: Final = ("duplicate", "price", "volume", "clinical", "geo_time", "network")


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fired: at which tier (0 the mildest), on what, and which lines and earlier claims show it.

    `reason` is a word that says which of a rule's tests fired, where it has several.
    """

    tier: int
    observed: Number
    threshold: Number
    lines: tuple[int, ...] = ()
    claims: tuple[str, ...] = ()
    reason: str = ""

    def merged(self, other: Hit) -> Hit:
        """Keep the graver of two hits of one rule, with the evidence of both."""
        graver = max(self, other, key=lambda hit: (hit.tier, hit.observed, hit.threshold, hit.reason))
        return Hit(
            tier=graver.tier,
            observed=graver.observed,
            threshold=graver.threshold,
            lines=tuple(sorted({*self.lines, *other.lines})),
            claims=tuple(sorted({*self.claims, *other.claims})),
            reason=graver.reason,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule as one insurer runs it."""

    weights: tuple[int, ...]
    thresholds: Mapping[str, Fraction]
    enabled: bool = True
    shadow: bool = False
    exempt: frozenset[str] = frozenset()
    acts: Mapping[str, ActTraits] = field(default_factory=lambda: MappingProxyType({}))

    def __getitem__(self, name: str) -> Fraction:
        return self.thresholds[name]

    def traits(self, code: str) -> ActTraits:
        """Return what is known about an act."""
        return self.acts.get(code, _NOTHING_KNOWN)


_NOTHING_KNOWN: Final = ActTraits()

Check = Callable[[Facts, Settings], Hit | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue; `test` and `guard` are its sentences for people, `unit` what is observed."""

    code: str
    family: str
    weights: tuple[int, ...]
    check: Check
    test: str
    guard: str
    unit: str
    thresholds: Mapping[str, Fraction] = field(default_factory=lambda: MappingProxyType({}))


def gravest(hits: Iterable[Hit | None]) -> Hit | None:
    """Merge the hits of several lines into the one flag a claim may carry for a rule."""
    found: Hit | None = None
    for hit in hits:
        if hit is not None:
            found = hit if found is None else found.merged(hit)
    return found
