"""Checks of official numbers, by python-stdnum where it knows them."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum import luhn
from stdnum.exceptions import ValidationError as NumberError
from stdnum.fr import siret

LA_POSTE = "356000000"


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
