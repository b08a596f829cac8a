"""What the rules need to know about an act beyond its price.

The dental codes below describe the acts of the French nomenclature the product ships (implants, bridges and dentures
stand where a tooth is missing; scaling and planing take several sittings). An insurer's configuration adds its own
codes and corrects these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ActTraits:
    """Traits of one act; ages are completed years at the day of care, both inclusive."""

    repeatable: bool = False
    in_sessions: bool = False
    extraction: bool = False
    without_tooth: bool = False
    filling: bool = False
    min_age: int | None = None
    max_age: int | None = None
    sex: str = ""
    max_quantity: int | None = None
    per_days: int | None = None


_EXTRACTIONS: Final = "HBGD035 HBGD036 HBGD022 HBGD018 HBGD004 HBGD025 HBGD038"
_FILLINGS: Final = "HBMD058 HBMD050 HBMD054 HBMD044 HBMD053 HBMD049 HBMD038 HBMD042"
# Implants and their crowns, bridges, dentures; and the X-ray of a place where a tooth was.
_WITHOUT_TOOTH: Final = (
    "LBLD015 HBLD418 HBLD785 HBLD227 HBLD099 HBLD364 HBLD031 HBLD035 HBMD020 HBMD017 HBQK389 HBQK002 LAQK027"
)
_IN_SESSIONS: Final = "TO90 HN-ALIGN HBJD001 HBJA003 HBJA171 HBJA634"

KNOWN_ACTS: Final[Mapping[str, ActTraits]] = MappingProxyType(
    {
        **{code: ActTraits(extraction=True) for code in _EXTRACTIONS.split()},
        **{code: ActTraits(filling=True) for code in _FILLINGS.split()},
        **{code: ActTraits(without_tooth=True) for code in _WITHOUT_TOOTH.split()},
        **{code: ActTraits(in_sessions=True) for code in _IN_SESSIONS.split()},
        # Several X-rays of one area may be taken on one day.
        "HBQK389": ActTraits(without_tooth=True, repeatable=True),
        # "traitement des dysmorphoses, moins de 16 ans"
        "TO90": ActTraits(in_sessions=True, max_age=15),
    }
)

TRAIT_NAMES: Final[frozenset[str]] = frozenset(trait.name for trait in fields(ActTraits))


def acts_with(changes: Mapping[str, Mapping[str, Any]]) -> Mapping[str, ActTraits]:
    """Return the known acts with an insurer's own added; names that are no trait are left out."""
    if not changes:
        return KNOWN_ACTS
    acts = dict(KNOWN_ACTS)
    for code, traits in changes.items():
        known = {name: value for name, value in traits.items() if name in TRAIT_NAMES}
        acts[code] = replace(acts.get(code, ActTraits()), **known)
    return MappingProxyType(acts)
