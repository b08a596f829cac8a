"""Teeth by FDI number, their surfaces, and where an act may be done.

The tables are spelt as ranges and joined, never as lists of quoted numbers: a forgotten comma between two string
literals would join them into one and lose both teeth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError

if TYPE_CHECKING:
    from apps.catalog.models import Act

PERMANENT: Final[tuple[str, ...]] = tuple(f"{quadrant}{n}" for quadrant in (1, 2, 3, 4) for n in range(1, 9))
DECIDUOUS: Final[tuple[str, ...]] = tuple(f"{quadrant}{n}" for quadrant in (5, 6, 7, 8) for n in range(1, 6))
TEETH: Final[frozenset[str]] = frozenset(PERMANENT + DECIDUOUS)

# As they stand on screen, the patient's right on the left.
UPPER_ROW: Final = tuple(f"1{n}" for n in range(8, 0, -1)) + tuple(f"2{n}" for n in range(1, 9))
LOWER_ROW: Final = tuple(f"4{n}" for n in range(8, 0, -1)) + tuple(f"3{n}" for n in range(1, 9))
UPPER_DECIDUOUS_ROW: Final = tuple(f"5{n}" for n in range(5, 0, -1)) + tuple(f"6{n}" for n in range(1, 6))
LOWER_DECIDUOUS_ROW: Final = tuple(f"8{n}" for n in range(5, 0, -1)) + tuple(f"7{n}" for n in range(1, 6))

# ISO 3950 areas: upper and lower arch; sextants from the upper right round to the lower right.
ARCHES: Final = frozenset({"01", "02"})
SEXTANTS: Final = frozenset({"03", "04", "05", "06", "07", "08"})

SURFACE_ORDER: Final = "MODVL"
_SHOWN_ORDER: Final = "MOIDVLP"
_RULE = re.compile(r"(any|permanent|deciduous)(?::([1-8])(?:-([1-8]))?)?|[1-8][1-8](?:\|[1-8][1-8])*")


class UnknownTooth(DomainError):
    """The number is no tooth."""

    code = "TOOTH_UNKNOWN"
    status = 400
    message = _("This is not the number of a tooth (FDI: 11 to 48, 51 to 85).")


class ToothRequired(DomainError):
    """The act is done on a tooth, an arch or a sextant and none is named."""

    code = "TOOTH_REQUIRED"
    status = 400
    message = _("This act needs to know where: a tooth.")


class ToothNotAllowed(DomainError):
    """The act is not done there."""

    code = "TOOTH_NOT_ALLOWED"
    message = _("This act is not done on this tooth.")


class UnknownSurface(DomainError):
    """The tooth has no such surface."""

    code = "SURFACE_UNKNOWN"
    status = 400
    message = _("This tooth has no such surface.")


class SurfacesNotAllowed(DomainError):
    """The act is done on fewer or more surfaces."""

    code = "SURFACES_NOT_ALLOWED"
    message = _("This act is not done on that many surfaces.")


def is_deciduous(tooth: str) -> bool:
    """Say whether the tooth is a milk tooth."""
    return tooth[0] in "5678"


def is_upper(tooth: str) -> bool:
    """Say whether the tooth stands in the upper jaw."""
    return tooth[0] in "1256"


def is_anterior(tooth: str) -> bool:
    """Say whether the tooth is an incisor or a canine."""
    return tooth[1] in "123"


def successor(tooth: str) -> str:
    """Return the permanent tooth that follows a milk tooth (54 gives 14)."""
    if tooth not in DECIDUOUS:
        raise UnknownTooth(tooth=tooth)
    return f"{int(tooth[0]) - 4}{tooth[1]}"


def sextant_of(tooth: str) -> str:
    """Return the ISO 3950 sextant (03 to 08) of a tooth, permanent or deciduous."""
    if tooth not in TEETH:
        raise UnknownTooth(tooth=tooth)
    quadrant = (int(tooth[0]) - 1) % 4 + 1
    if is_upper(tooth):
        return "04" if is_anterior(tooth) else {1: "03", 2: "05"}[quadrant]
    return "07" if is_anterior(tooth) else {3: "06", 4: "08"}[quadrant]


def surfaces_of(tooth: str) -> frozenset[str]:
    """Return the letters of a tooth's five surfaces: incisal or occlusal by position, palatal or lingual by jaw."""
    if tooth not in TEETH:
        raise UnknownTooth(tooth=tooth)
    return frozenset("MDV") | {"I" if is_anterior(tooth) else "O"} | {"P" if is_upper(tooth) else "L"}


def normalise_surfaces(tooth: str, surfaces: str) -> str:
    """Return surfaces as the house writes them: once each, M O(I) D V L(P), with B read as V and an upper L as P.

    Commas, spaces and hyphens between letters are forgiven. Raises UnknownTooth, UnknownSurface (O on an incisor is
    read as I, but I on a molar or P in the lower jaw is refused).
    """
    allowed = surfaces_of(tooth)
    found = set()
    for letter in re.sub(r"[\s,;/-]", "", surfaces).upper():
        meant = {"B": "V", "F": "V"}.get(letter, letter)
        if meant == "L" and is_upper(tooth):
            meant = "P"
        if meant == "O" and is_anterior(tooth):
            meant = "I"
        if meant not in allowed:
            raise UnknownSurface(tooth=tooth, surface=letter, allowed=ordered(allowed))
        found.add(meant)
    return ordered(found)


def ordered(surfaces: Iterable[str]) -> str:
    """Join surfaces in the canonical order."""
    return "".join(sorted(set(surfaces), key=_SHOWN_ORDER.index))


def validate_tooth_rule(rule: str) -> None:
    """Refuse what `teeth_of` cannot read."""
    match = _RULE.fullmatch(rule)
    wrong = match is None or (match[1] == "any" and match[2]) or (match[3] and match[3] < match[2])
    if wrong or (match and match[1] is None and not set(rule.split("|")) <= TEETH):
        raise ValidationError(
            _(
                "Allowed teeth are written: any, permanent, deciduous, permanent:a-b, deciduous:a-b, or a list 14|24."
            ),
            code="tooth_rule",
        )


def teeth_of(rule: str) -> frozenset[str]:
    """Return the teeth a rule allows.

    Grammar: `any`, `permanent`, `deciduous`, either with a range of second digits (`permanent:4-8`, `permanent:5`), or a
    list (`14|24`). An empty rule allows every tooth. Raises Django's ValidationError on anything else.
    """
    if not rule or rule == "any":
        return TEETH
    validate_tooth_rule(rule)
    kind, _separator, digits = rule.partition(":")
    if kind not in {"permanent", "deciduous"}:
        return frozenset(rule.split("|"))
    teeth = PERMANENT if kind == "permanent" else DECIDUOUS
    first, _dash, last = digits.partition("-")
    return frozenset(t for t in teeth if not digits or first <= t[1] <= (last or first))


def check_location(act: Act, tooth: str = "", surfaces: str = "") -> tuple[str, str]:
    """Return where an act is done, as the house writes it: (tooth or area, surfaces).

    `tooth` is an FDI number, or the ISO 3950 area (01, 02; 03 to 08) of an act done on an arch or a sextant. Refuses:
    TOOTH_REQUIRED, TOOTH_UNKNOWN, TOOTH_NOT_ALLOWED, SURFACE_UNKNOWN, SURFACES_NOT_ALLOWED.
    """
    tooth, surfaces = tooth.strip(), surfaces.strip()
    if act.requires_tooth == "no":
        if tooth or surfaces:
            raise ToothNotAllowed(
                _("This act is not done on one tooth."), act=act.code, tooth=tooth, surfaces=surfaces
            )
        return "", ""
    if act.requires_tooth in {"arch", "sextant"}:
        return check_area(act, tooth, surfaces), ""
    if not tooth:
        raise ToothRequired(act=act.code, tooth_rule=act.tooth_rule)
    if tooth not in TEETH:
        raise UnknownTooth(tooth=tooth)
    if tooth not in teeth_of(act.tooth_rule):
        raise ToothNotAllowed(act=act.code, tooth=tooth, tooth_rule=act.tooth_rule)
    written = normalise_surfaces(tooth, surfaces)
    if not act.min_surfaces <= len(written) <= act.max_surfaces:
        raise SurfacesNotAllowed(
            act=act.code, surfaces=written, min_surfaces=act.min_surfaces, max_surfaces=act.max_surfaces
        )
    return tooth, written


def check_area(act: Act, area: str, surfaces: str) -> str:
    """Return the arch or sextant an act is done on."""
    allowed = ARCHES if act.requires_tooth == "arch" else SEXTANTS
    if not area:
        sentence = (
            _("This act needs to know where: 01 for the upper arch, 02 for the lower one.")
            if act.requires_tooth == "arch"
            else _("This act needs to know where: the sextant, 03 to 08.")
        )
        raise ToothRequired(sentence, act=act.code, allowed=sorted(allowed))
    if area not in allowed:
        raise ToothNotAllowed(
            _("This act is not done there."), act=act.code, tooth=area, allowed=sorted(allowed)
        )
    if surfaces:
        raise SurfacesNotAllowed(act=act.code, surfaces=surfaces, min_surfaces=0, max_surfaces=0)
    return area
