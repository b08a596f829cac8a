"""Reads of the catalogue: what an act costs here and on that day, and finding one by words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add, and_
from typing import Any

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db.models import Case, F, FloatField, Prefetch, Q, Value, When
from django.utils.translation import gettext_lazy as _

from apps.catalog.models import Act, PracticeFee, Tariff
from apps.catalog.querysets import ActQuerySet
from apps.core.errors import DomainError
from apps.core.text import fold
from apps.directory.models import Practice

TARIFF_CURRENCY = "EUR"
LOOSE = 0.5
MOST_WORDS = 8


class NoTariff(DomainError):
    """The act has neither a tariff on that day nor a fee of the practice."""

    code = "NO_TARIFF"
    message = _("This act has no price on that day.")


@dataclass(frozen=True, slots=True)
class PricedAct:
    """An act's price at one practice on one day; minor units of `currency`, rates in basis points."""

    price: int
    brss: int
    rate_bp: int
    cap: int | None
    basket: str
    vat_code: str
    vat_rate_bp: int
    currency: str


def price_of(*, act: Act, practice: Practice, on: date) -> PricedAct:
    """Return what `act` costs at `practice` on the local day `on`: the practice's fee, else the tariff's price.

    Raises NoTariff when there is neither; a tariff is in euro and prices nothing for a practice that counts otherwise.
    """
    fee = PracticeFee.objects.filter(practice=practice, act=act).first()
    tariff = Tariff.objects.valid_on(on).filter(act=act).first()
    return priced(act=act, practice=practice, fee=fee, tariff=tariff, on=on)


def priced(
    *, act: Act, practice: Practice, fee: PracticeFee | None, tariff: Tariff | None, on: date
) -> PricedAct:
    """Price an act from its rows; see `price_of`."""
    if tariff is not None and practice.currency != TARIFF_CURRENCY:
        tariff = None
    if fee is None and tariff is None:
        raise NoTariff(act=act.code, on=on.isoformat())
    return PricedAct(
        price=fee.price if fee is not None else tariff.price if tariff is not None else 0,
        brss=(tariff.brss or 0) if tariff is not None else 0,
        rate_bp=tariff.rate_bp if tariff is not None else 0,
        cap=tariff.cap if tariff is not None else None,
        basket=tariff.basket if tariff is not None else Tariff.Basket.HORS_NOMENCLATURE,
        vat_code=act.vat_code.code,
        vat_rate_bp=act.vat_code.rate_bp,
        currency=practice.currency,
    )


def acts_with_prices(rows: ActQuerySet, *, practice: Practice | None, on: date) -> ActQuerySet:
    """Load each act's VAT code, its tariff of the day (`tariffs_now`) and its fee at `practice` (`fees_here`)."""
    return rows.select_related("vat_code").prefetch_related(
        Prefetch("tariffs", Tariff.objects.valid_on(on), to_attr="tariffs_now"),
        Prefetch("fees", PracticeFee.objects.filter(practice=practice), to_attr="fees_here"),
    )


def search_acts(rows: ActQuerySet, text: str) -> Any:
    """Return the acts that hold every word of `text`, whatever its accents and case, in French or English.

    Words may be cut short or slightly misspelt. The exact code comes first, then codes that begin so, then those with
    the words as they were typed.
    """
    words = fold(text).split()[:MOST_WORDS]
    if not words:
        return rows.none()
    code = text.strip().upper()
    closeness = [TrigramWordSimilarity(word, "search_text") for word in words]
    held = [
        Case(When(search_text__contains=word, then=Value(1.0)), default=near, output_field=FloatField())
        for word, near in zip(words, closeness, strict=True)
    ]
    named = {f"near_{n}": near for n, near in enumerate(closeness)}
    every_word = reduce(
        and_, (Q(search_text__contains=word) | Q(**{f"near_{n}__gte": LOOSE}) for n, word in enumerate(words))
    )
    by_code = Case(
        When(code=code, then=Value(3)), When(code__startswith=code, then=Value(2)), default=Value(0)
    )
    return (
        rows.alias(**named)
        .filter(every_word | Q(code__startswith=code))
        .alias(by_code=by_code, hits=reduce(add, held))
        .order_by(F("by_code").desc(), F("hits").desc(), "code")
    )
