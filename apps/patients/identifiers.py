"""National identifiers and phone numbers: read, check, normalise, mask.

A French number is the NIR (13 characters and a key of two), which is also the INS matricule; a Tunisian one is the CIN
of eight digits.
"""

from __future__ import annotations

import re

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum.fr import nir

from apps.core.crypto import blind_index

# Sex (3, 4, 7, 8 are provisional numbers), year, month (20-42 and 50-99 when it is not known).
_NIR_HEAD = re.compile(r"[123478][0-9]{2}(?:0[1-9]|1[0-2]|2[0-9]|3[0-9]|4[0-2]|[5-9][0-9])")
_CIN = re.compile(r"[01][0-9]{7}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
PLANS = {33: re.compile(r"\+33[1-9][0-9]{8}"), 216: re.compile(r"\+216[0-9]{8}")}
_PURPOSE = "patients.patient.national_id"


def normalise_national_id(text: str, country: str) -> str:
    """Return the identifier without separators, capitals for Corsica; raise Django's ValidationError when it is wrong."""
    bare = re.sub(r"[\s.\-/\u00a0\u202f]", "", text).upper()
    if country == "TN":
        if not _CIN.fullmatch(bare):
            raise ValidationError(
                _("A Tunisian identity card number has 8 digits and begins with 0 or 1."), code="cin"
            )
        return bare
    if not (_NIR_HEAD.match(bare) and nir.is_valid(bare)):
        raise ValidationError(
            _("This national health number is not valid: 13 characters and a key of two digits."), code="nir"
        )
    return bare


def national_id_index(normalised: str) -> str:
    """Return the keyed hash an identifier is found by."""
    return blind_index(normalised, purpose=_PURPOSE)


def mask_national_id(normalised: str) -> str:
    """Return what a screen may show: sex and year of a NIR (`1 84 ** ** *** *** **`), the first digit of anything else."""
    if len(normalised) == 15:
        return f"{normalised[0]} {normalised[1:3]} ** ** *** *** **"
    return normalised[:1] + "*" * max(0, len(normalised) - 1)


# Ranges the French regulator keeps for films and demonstrations; the library counts some of them as unused.
FICTIONAL = re.compile(r"\+33(?:19900|26191|35301|46571|53649|63998)\d{4}")


def normalise_phone(text: str, country: str) -> str:
    """Return a phone number in E.164, read as dialled in `country`; raise Django's ValidationError when it is none."""
    try:
        number = phonenumbers.parse(text, country or "FR")
    except phonenumbers.NumberParseException as error:
        raise ValidationError(_("This is not a phone number."), code="phone") from error
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Possible, not "valid": the library's lists of ranges in use lag behind the regulators', and lack those kept for
    # fiction. The two countries of the house are checked by their plan.
    plan = PLANS.get(number.country_code or 0)
    if not phonenumbers.is_possible_number(number) or (plan and not plan.fullmatch(e164)):
        raise ValidationError(_("This phone number does not exist."), code="phone")
    return e164


def validate_phone(value: str) -> None:
    """Refuse a stored number that is not E.164."""
    if not _E164.fullmatch(value):
        raise ValidationError(_("A phone number is written +33612345678."), code="e164")
