"""Checks of official numbers, by python-stdnum where it knows them."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum import iban, luhn
from stdnum.exceptions import ValidationError as NumberError
from stdnum.fr import siret

LA_POSTE = "356000000"
TUNISIAN = "TN59"
RIB_DIGITS = 20


def validate_rpps(value: str) -> None:
    """Refuse an RPPS that is not 11 digits with a Luhn key."""
    if len(value) != 11 or not value.isdigit() or not luhn.is_valid(value):
        raise ValidationError(
            _("This RPPS number is not valid: 11 digits, the last one a check digit."), code="rpps"
        )


def validate_siret(value: str) -> None:
    """Refuse a SIRET whose key is wrong; La Poste's own establishments only add up to a multiple of five."""
    if len(value) == 14 and value.isdigit() and value.startswith(LA_POSTE) and sum(map(int, value)) % 5 == 0:
        return
    try:
        siret.validate(value)
    except NumberError as error:
        raise ValidationError(_("This SIRET number is not valid."), code="siret") from error


def validate_timezone(value: str) -> None:
    """Refuse a name that the time-zone database does not know."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValidationError(_("This time zone is not known."), code="timezone") from error


def account_number(value: str) -> str:
    """Return a bank account as its IBAN, without spaces: from an IBAN or a Tunisian RIB of 20 digits.

    The key of a RIB is 97 less the remainder of its first 18 digits followed by two zeros; its IBAN begins with TN59
    whatever the account. Raises ValidationError when a check digit is wrong.
    """
    text = iban.compact(value)
    if len(text) == RIB_DIGITS and text.isascii() and text.isdigit():
        text = TUNISIAN + text
    rib = text.removeprefix(TUNISIAN)
    is_tunisian = text.startswith("TN")
    if is_tunisian and not (rib.isascii() and rib.isdigit() and len(rib) == RIB_DIGITS and is_key_right(rib)):
        raise ValidationError(
            _("This account is not valid: a Tunisian RIB has 20 digits, the last two a key."), code="rib"
        )
    try:
        return str(iban.validate(text))
    except NumberError as error:
        raise ValidationError(
            _("This account is not valid: check the IBAN, digit by digit."), code="iban"
        ) from error


def is_key_right(rib: str) -> bool:
    """Say whether the last two digits of a Tunisian RIB are its key."""
    return int(rib[18:]) == 97 - int(rib[:18]) * 100 % 97


def grouped(account: str) -> str:
    """Write an IBAN in groups of four, as banks print it."""
    return " ".join(account[at : at + 4] for at in range(0, len(account), 4))


def masked_account(account: str) -> str:
    """Write an IBAN so that whoever knows it recognises it, and nobody learns it: country, key and the last four."""
    return f"{account[:4]} •••• {account[-4:]}" if account else ""
