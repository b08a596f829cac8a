"""Quotes: written, changed, issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Quote, QuoteItem
from apps.billing.services.documents import request_quote_document
from apps.billing.services.lines import CAPPED_BASKETS, MOST_LINES, CapExceeded, label_of, price_book
from apps.billing.services.numbering import next_quote_number
from apps.billing.services.snapshots import buyer_of, seller_of
from apps.billing.services.training import is_training
from apps.billing.states import QUOTE
from apps.catalog.alternatives import Alternative, alternative_to, candidates, refund_of
from apps.catalog.models import Act
from apps.catalog.selectors import NoTariff, PricedAct
from apps.catalog.teeth import check_location
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice, Practitioner
from apps.patients.models import Patient

VALID_DAYS: Final = 180


class QuoteNotDraft(DomainError):
    """An issued quote never changes; a new price is a new version."""

    code = "QUOTE_NOT_DRAFT"
    message = _("An issued quote can no longer be changed. Write a new version of it.")


class QuoteEmpty(DomainError):
    """There is nothing to offer."""

    code = "QUOTE_EMPTY"
    message = _("A quote without a line cannot be issued.")


class ManufactureMissing(DomainError):
    """The law wants to know where a custom-made device comes from."""

    code = "MANUFACTURE_REQUIRED"
    message = _("Say where the custom-made device is manufactured.")


class NotReplaceable(DomainError):
    """A version replaces a quote of the same patient that was issued and not accepted."""

    code = "QUOTE_NOT_REPLACEABLE"
    message = _("Only an issued quote of the same patient that was not accepted has a new version.")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """One act as offered; the price is the practice's fee unless given (minor units, VAT included)."""

    act: Act
    tooth: str = ""
    surfaces: str = ""
    label: str = ""
    material: str = ""
    price: int | None = None
    device_price: int | None = None


@service("billing.quote.create")
def create_quote(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    practitioner: Practitioner,
    lines: Sequence[QuoteLine],
    replaces: Quote | None = None,
    at: datetime,
    **facts: Any,
) -> Quote:
    """Write a draft; `facts` are `language`, `valid_until`, `manufacture` and `subcontracted`.

    Alternatives with less to pay are added from the catalogue. Refuses what `build_quote_lines` refuses, and
    QUOTE_NOT_REPLACEABLE.
    """
    quote = Quote(
        practice=practice,
        patient=patient,
        practitioner=practitioner,
        currency=practice.currency,
        language=facts.pop("language", "") or patient.language,
        replaces=replaces,
        **facts,
    )
    if replaces is not None:
        quote.is_training = is_training(practice.pk)
        check_replaceable(quote, replaces)
        quote.version = replaces.version + 1
    items = build_quote_lines(quote, lines, at=at)
    quote.clean_fields(exclude=["practice", "patient", "practitioner", "replaces"])
    quote.save()
    save_lines(items)
    return quote


@service("billing.quote.update")
def update_quote(
    *, actor: Viewer, quote: Quote, lines: Sequence[QuoteLine] | None = None, at: datetime, **facts: Any
) -> Quote:
    """Change a draft; given lines replace all former ones. Refuses QUOTE_NOT_DRAFT."""
    quote = locked_quote(quote)
    if not quote.is_draft:
        raise QuoteNotDraft(status=quote.status, number=quote.number)
    for name, value in facts.items():
        setattr(quote, name, value)
    items = build_quote_lines(quote, lines, at=at) if lines is not None else None
    quote.clean_fields(exclude=["practice", "patient", "practitioner", "replaces"])
    quote.save()
    if items is not None:
        quote.items.filter(alternative_to__isnull=False).delete()
        quote.items.all().delete()
        save_lines(items)
    return quote


@service("billing.quote.issue")
def issue_quote(*, actor: Viewer, quote: Quote, at: datetime) -> Quote:
    """Give a draft its number, snapshots and file; the version it replaces is superseded.

    Refuses ILLEGAL_TRANSITION, QUOTE_EMPTY, MANUFACTURE_REQUIRED, QUOTE_NOT_REPLACEABLE.
    """
    quote = locked_quote(quote)
    status = QUOTE.next_state(quote.status, "issue", quote)
    items = list(quote.items.select_related("act"))
    if not items:
        raise QuoteEmpty
    custom = any(item.act.category.startswith("prosthetics") for item in items)
    if custom and quote.manufacture == Quote.Manufacture.NONE:
        raise ManufactureMissing
    quote.is_training = is_training(quote.practice_id)
    former = locked_quote(quote.replaces) if quote.replaces else None
    if former is not None:
        check_replaceable(quote, former)
        former.status = QUOTE.next_state(former.status, "supersede", former)
        former.save(update_fields=["status", "updated_at"])
    quote.status = status
    quote.issued_at = at
    quote.issued_on = at.astimezone(quote.practice.zone).date()
    quote.valid_until = quote.valid_until or quote.issued_on + timedelta(days=VALID_DAYS)
    if quote.valid_until < quote.issued_on:
        raise InvalidInput(valid_until=[str(_("A quote is valid on the day it is issued."))])
    quote.seller = seller_of(quote.practice, quote.practitioner)
    born = quote.patient.birth_date
    quote.buyer = buyer_of(quote.patient) | {"birth_date": born.isoformat() if born else ""}
    request_quote_document(quote, at=at)
    root = former.number.split("/")[0] if former is not None and former.number else ""
    quote.number = (
        f"{root}/{quote.version}"
        if root
        else next_quote_number(quote.practice_id, quote.issued_on.year, training=quote.is_training)
    )
    quote.save()
    return quote


def check_replaceable(quote: Quote, former: Quote) -> None:
    """Refuse to replace what is not open any more, or somebody else's."""
    can = "supersede" in QUOTE.verbs_from(former.status)
    # A specimen does not close a real offer, nor the other way round; issue says which of both a draft becomes.
    mixed = former.is_training != quote.is_training
    if not can or mixed or former.patient_id != quote.patient_id:
        raise NotReplaceable(status=former.status)


def locked_quote(quote: Quote) -> Quote:
    """Re-read a quote under its row lock: those who issue or decide it take turns."""
    rows = Quote.objects.select_for_update(of=("self",))
    found: Quote = rows.select_related("practice", "patient", "practitioner", "replaces").get(pk=quote.pk)
    return found


def save_lines(items: Sequence[QuoteItem]) -> None:
    """Write lines before the alternatives that point at them."""
    QuoteItem.objects.bulk_create([item for item in items if item.alternative_to is None])
    QuoteItem.objects.bulk_create([item for item in items if item.alternative_to is not None])


def build_quote_lines(quote: Quote, lines: Sequence[QuoteLine], *, at: datetime) -> list[QuoteItem]:
    """Return unsaved lines and their alternatives, and set the totals of the quote.

    Refuses the tooth rules of the catalogue, CAP_EXCEEDED, NO_TARIFF, and prices below zero or below the device's.
    """
    if len(lines) > MOST_LINES:
        raise InvalidInput(items=[str(_("A quote has at most %(most)s lines.") % {"most": MOST_LINES})])
    today = at.astimezone(quote.practice.zone).date()
    prices = price_book(quote.practice, [(line.act, today) for line in lines])
    others = candidates(practice=quote.practice, on=today)
    items: list[QuoteItem] = []
    for position, line in enumerate(lines, start=1):
        found = prices[line.act.pk, today].priced
        if found is None:
            raise NoTariff(act=line.act.code, on=today.isoformat())
        item = quote_item(quote, line, found, position)
        items.append(item)
        other = alternative_to(act=line.act, price=item.price, found=found, tooth=item.tooth, among=others)
        if other is not None:
            items.append(alternative_item(quote, item, other))
    mains = [item for item in items if item.alternative_to is None]
    quote.total_amount = sum(item.price for item in mains)
    quote.refund_amount = sum(item.refund_amount for item in mains)
    quote.remainder_amount = quote.total_amount - quote.refund_amount
    return items


def quote_item(quote: Quote, line: QuoteLine, found: PricedAct, position: int) -> QuoteItem:
    """Return one unsaved line."""
    tooth, surfaces = check_location(line.act, line.tooth.strip(), line.surfaces)
    price = found.price if line.price is None else line.price
    if price < 0 or not 0 <= (line.device_price or 0) <= price:
        sentence = _("A fee is not negative and includes the price of the device.")
        raise InvalidInput(items=[str(sentence)], line=position)
    if found.cap is not None and found.basket in CAPPED_BASKETS and price > found.cap:
        raise CapExceeded(act=line.act.code, cap=found.cap, line=position)
    item = priced_item(quote, line.act, found, price, position)
    item.tooth, item.surfaces = tooth, surfaces
    item.label = line.label.strip() or item.label
    item.material, item.device_price = line.material.strip(), line.device_price
    item.clean_fields(exclude=["practice", "quote", "act", "alternative_to", "treatment"])
    return item


def alternative_item(quote: Quote, main: QuoteItem, other: Alternative) -> QuoteItem:
    """Return the unsaved alternative to a line, on the same tooth."""
    item = priced_item(quote, other.act, other.priced, other.priced.price, main.position)
    item.alternative_to, item.tooth = main, main.tooth
    return item


def priced_item(quote: Quote, act: Act, found: PricedAct, price: int, position: int) -> QuoteItem:
    """Return an unsaved line with its amounts."""
    refund = refund_of(price, found)
    return QuoteItem(
        practice_id=quote.practice_id,
        quote=quote,
        position=position,
        act=act,
        code=act.code,
        label=label_of(act, quote.language, position),
        basket=found.basket,
        cap=found.cap if found.basket in CAPPED_BASKETS else None,
        price=price,
        brss=found.brss,
        refund_amount=refund,
        remainder_amount=price - refund,
    )


def is_valid_on(quote: Quote, day: date) -> bool:
    """Say whether the offer still stands."""
    return quote.valid_until is not None and day <= quote.valid_until
