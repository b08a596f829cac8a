"""Amounts are integers of a currency's minor unit; nothing else rounds, splits or prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput

# ISO 4217 list one, the currencies of the markets in view: euro area, Maghreb, Gulf, their neighbours.
_EXPONENTS: Final = MappingProxyType(
    {
        "AED": 2,
        "BHD": 3,
        "CAD": 2,
        "CHF": 2,
        "CZK": 2,
        "DKK": 2,
        "DZD": 2,
        "EGP": 2,
        "EUR": 2,
        "GBP": 2,
        "IQD": 3,
        "JOD": 3,
        "JPY": 0,
        "KWD": 3,
        "LBP": 2,
        "LYD": 3,
        "MAD": 2,
        "MRU": 2,
        "NOK": 2,
        "OMR": 3,
        "PLN": 2,
        "QAR": 2,
        "RON": 2,
        "SAR": 2,
        "SEK": 2,
        "TND": 3,
        "TRY": 2,
        "USD": 2,
        "XAF": 0,
        "XOF": 0,
        "XPF": 0,
    }
)
CURRENCIES: Final[tuple[str, ...]] = tuple(_EXPONENTS)

_SYMBOLS: Final = MappingProxyType({"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"})
# The dinar is written DT on every French-language price tag in Tunisia.
_FRENCH_SYMBOLS: Final = MappingProxyType({**_SYMBOLS, "TND": "DT"})

_NO_BREAK: Final = "\u00a0"
_NARROW_NO_BREAK: Final = "\u202f"
_MINUS: Final = "-\u2212"
_BIGINT_MAX: Final = 2**63 - 1
_LONGEST_TEXT: Final = 40

# Grouped by spaces or by commas, or not at all; a comma that groups cannot be the decimal mark as well.
_SPACED = re.compile(r"(?P<whole>[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,](?P<fraction>[0-9]+))?")
_COMMAED = re.compile(r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+)(?:\.(?P<fraction>[0-9]+))?")


class UnknownCurrency(InvalidInput):
    """The currency is not one the product knows the minor unit of."""

    message = _("This currency is not known.")


class AmountNotUnderstood(InvalidInput):
    """The text is not an amount in either local notation."""

    message = _("This is not an amount.")


class TooManyDecimals(InvalidInput):
    """The text has more decimals than the currency has."""

    message = _("This amount has too many decimals for its currency.")


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency (ISO 4217); raise `UnknownCurrency`."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency=currency) from None


def round_half_up(numerator: int, denominator: int) -> int:
    """Divide and round to the nearest, halves away from zero, so that a credit mirrors its charge."""
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError("amounts are integers of minor units")
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -magnitude if numerator < 0 else magnitude


def apply_rate(amount: int, rate_bp: int) -> int:
    """Return `amount` times a rate in basis points (10000 is the whole), rounded half up."""
    return round_half_up(amount * rate_bp, 10_000)


def extract_vat(inclusive: int, rate_bp: int) -> tuple[int, int]:
    """Split an amount that includes VAT into (net, VAT); they re-add exactly: the VAT is what is left."""
    if rate_bp < 0:
        raise ValueError("a VAT rate is not negative")
    net = round_half_up(inclusive * 10_000, 10_000 + rate_bp)
    return net, inclusive - net


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Share an amount in proportion to integer weights without losing a unit.

    Largest remainder; equal remainders go to the earlier share, so the same input gives the same shares.
    A zero weight receives zero, and a negative amount mirrors its positive.
    """
    if type(amount) is not int or any(type(weight) is not int for weight in weights):
        raise TypeError("amounts and weights are integers")
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights are not negative and at least one is positive")
    magnitude = abs(amount)
    shares = [magnitude * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(magnitude * weights[i] % total), i))
    for i in by_remainder[: magnitude - sum(shares)]:
        shares[i] += 1
    return [-share for share in shares] if amount < 0 else shares


def format_money(amount: int, currency: str, language: str) -> str:
    """Write an amount as people read it: `1 234,56 €` in French, `€1,234.56` in English.

    Spaces never break: U+202F between thousands, U+00A0 before a French symbol or after an English code.
    Any language but English is written the French way.
    """
    english = _is_english(language)
    sign, digits = "-" if amount < 0 else "", format_number(abs(amount), currency, language)
    if not english:
        return f"{sign}{digits}{_NO_BREAK}{_FRENCH_SYMBOLS.get(currency, currency)}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{currency}{_NO_BREAK}{digits}"


def format_number(amount: int, currency: str, language: str) -> str:
    """Write an amount without its currency, for sentences and columns that name it once: `1 234,567`."""
    decimals = exponent(currency)
    english = _is_english(language)
    whole, fraction = divmod(abs(amount), 10**decimals)
    digits = f"{whole:,}" if english else f"{whole:,}".replace(",", _NARROW_NO_BREAK)
    if decimals:
        digits += f"{'.' if english else ','}{fraction:0{decimals}d}"
    return f"-{digits}" if amount < 0 else digits


def _is_english(language: str) -> bool:
    return language.lower().split("-")[0].split("_")[0] == "en"


def parse_money(text: str, currency: str) -> int:
    """Read an amount written in French or English notation, with or without the currency's own mark.

    A single comma before digits is the decimal mark (`1,234` is a decimal too many for EUR and is refused,
    never read as one thousand); it groups only where the currency has no decimals. Raises
    `AmountNotUnderstood`, `TooManyDecimals` or `UnknownCurrency`.
    """
    decimals = exponent(currency)
    bare = _without_marks(text, currency)
    negative = bare[:1] in tuple(_MINUS)
    bare = bare[1:].strip() if negative else bare
    patterns = (_SPACED, _COMMAED) if decimals else (_COMMAED, _SPACED)
    match = next((found for found in (pattern.fullmatch(bare) for pattern in patterns) if found), None)
    if match is None:
        raise AmountNotUnderstood
    whole: str = match["whole"]
    fraction: str = match["fraction"] or ""
    if len(fraction) > decimals:
        raise TooManyDecimals(currency=currency, decimals=decimals)
    units: int = int(re.sub("[ ,]", "", whole)) * 10**decimals + int(fraction.ljust(decimals, "0") or "0")
    if units > _BIGINT_MAX:
        raise AmountNotUnderstood
    return -units if negative else units


def _without_marks(text: str, currency: str) -> str:
    """Normalise spaces and take the currency's symbol or code off either end; a sign may stand before it."""
    if len(text) > _LONGEST_TEXT:
        raise AmountNotUnderstood
    bare = re.sub(r"\s", " ", text).strip()
    sign = bare[:1] if bare[:1] in tuple(_MINUS) else ""
    bare = bare[len(sign) :].strip()
    for mark in (currency, _FRENCH_SYMBOLS.get(currency, currency), _SYMBOLS.get(currency, currency)):
        if bare.upper().startswith(mark):
            bare = bare[len(mark) :].strip()
            break
        if bare.upper().endswith(mark):
            bare = bare[: -len(mark)].strip()
            break
    return sign + bare
