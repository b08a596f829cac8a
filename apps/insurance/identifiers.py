"""National identifiers of insured people: read, indexed, masked.

People of a network carry identity cards, residence permits and passports of many countries: what they are is not
checked beyond letters and digits. The index is one for all insurers, so that one person at two of them is recognised.
"""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.crypto import blind_index

PURPOSE = "insurance.adherent.national_id"
_SEPARATORS = re.compile(r"[\s.\-/\u00a0\u202f]")
_IDENTIFIER = re.compile(r"[0-9A-Z]{4,20}")


def normalise_identity(text: str) -> str:
    """Return the identifier in capitals without separators; raise Django's ValidationError when it is none."""
    bare = _SEPARATORS.sub("", text).upper()
    if not _IDENTIFIER.fullmatch(bare):
        raise ValidationError(_("A national identifier has 4 to 20 letters and digits."), code="national_id")
    return bare


def identity_index(normalised: str) -> str:
    """Return the keyed hash an identifier is found by, at whichever insurer."""
    return blind_index(normalised, purpose=PURPOSE)


def mask_identity(normalised: str) -> str:
    """Return what a screen may show: the last two characters."""
    return "*" * max(0, len(normalised) - 2) + normalised[-2:]
