"""What people call the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

NAMES: Final[Mapping[str, Any]] = {
    "DUP_EXACT": _("Same claim again"),
    "DUP_LINE": _("Same act again"),
    "NEAR_DUP": _("Nearly the same act"),
    "PRICE_PEER": _("Price unlike its peers'"),
    "PRICE_OVER": _("Price above the agreed one"),
    "THRESHOLD_HUG": _("Just below a limit"),
    "FREQ": _("Too often"),
    "IMPOSSIBLE_DAY": _("Impossible day"),
    "VELOCITY_PROV": _("Provider files in a rush"),
    "VELOCITY_PAT": _("Many claims in a day"),
    "LIMIT_DRAIN": _("Limit used up fast"),
    "INCOMPATIBLE": _("Acts that exclude each other"),
    "TOOTH_ABSENT": _("Tooth extracted before"),
    "SURFACE_REPEAT": _("Surface filled before"),
    "AGE_SEX": _("Act unfit for age or sex"),
    "GEO_FAR": _("Far from home"),
    "GEO_TRAVEL": _("Impossible journey"),
    "OUT_OF_HOURS": _("Outside opening hours"),
    "CARENCE_EDGE": _("Just after the waiting period"),
    "PAIR_RING": _("Prescriber and pharmacy as a pair"),
    "GENERIC_REFUSED": _("Generics refused"),
    "ID_SHARED": _("Other cover exists"),
}


def name_of(rule: str) -> str:
    """Return a rule's name, or its code if it is in the catalogue no more."""
    return str(NAMES.get(rule, rule))
