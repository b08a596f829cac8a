"""Which prosthesis of a basket with less to pay could replace another one.

The law wants the alternative without remainder, else with a moderate one, shown beside every dearer prosthesis. The
official nomenclature does not say which acts stand for each other: the family of an act does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from apps.catalog.models import Act, Tariff
from apps.catalog.selectors import NoTariff, PricedAct, acts_with_prices, priced
from apps.catalog.teeth import check_location
from apps.core.errors import DomainError
from apps.core.money import apply_rate
from apps.directory.models import Practice

B = Tariff.Basket
RANKS: Final = {B.RAC0: 0, B.RAC_MODERE: 1, B.LIBRE: 2}


@dataclass(frozen=True, slots=True)
class Alternative:
    """An act that could be done instead, with its price."""

    act: Act
    priced: PricedAct


def refund_of(price: int, found: PricedAct) -> int:
    """Return what the mandatory scheme refunds of a price: the base times the rate, never more than is asked."""
    return min(price, apply_rate(found.brss, found.rate_bp))


def candidates(*, practice: Practice, on: date) -> list[Alternative]:
    """Return the prostheses of the baskets with nothing or little left to pay; three queries however many."""
    rows = Act.objects.active().exclude(family="")
    found = []
    for act in acts_with_prices(rows.order_by("code"), practice=practice, on=on):
        fee, tariff = next(iter(act.fees_here), None), next(iter(act.tariffs_now), None)
        try:
            price = priced(act=act, practice=practice, fee=fee, tariff=tariff, on=on)
        except NoTariff:
            continue
        if price.basket in {B.RAC0, B.RAC_MODERE}:
            found.append(Alternative(act, price))
    return found


def alternative_to(
    *, act: Act, price: int, found: PricedAct, tooth: str, among: Sequence[Alternative]
) -> Alternative | None:
    """Return the alternative of the better basket that leaves the patient less to pay on this tooth, if any."""
    left = price - refund_of(price, found)
    if not act.family or left <= 0 or found.basket not in RANKS:
        return None
    fitting = [
        other
        for other in among
        if other.act.family == act.family
        and RANKS[B(other.priced.basket)] < RANKS[B(found.basket)]
        and other.priced.price < price
        and fits(other.act, tooth)
    ]
    return min(fitting, key=lambda o: (RANKS[B(o.priced.basket)], o.priced.price, o.act.code), default=None)


def fits(act: Act, tooth: str) -> bool:
    """Say whether an act may be done there."""
    try:
        check_location(act, tooth, "")
    except DomainError:
        return False
    return True
