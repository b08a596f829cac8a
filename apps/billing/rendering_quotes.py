"""From an issued quote to its PDF: the eleven columns of the official form, and the alternatives beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import pgettext

from apps.billing.models import BillingDocument, Quote, QuoteItem
from apps.billing.rendering import (
    FOLDER,
    ORIGINAL,
    Duplicate,
    Marks,
    marks_of,
    money,
    refuse_fetch,
    short,
    stylesheet,
)
from apps.catalog.models import Tariff

B = Tariff.Basket
BASKET_NUMBERS: Final = {B.RAC0: "1", B.RAC_MODERE: "2", B.LIBRE: "3"}
OUTSIDE: Final = {B.NPC: "NPC", B.HORS_NOMENCLATURE: "HN"}


@dataclass(frozen=True, slots=True)
class Row:
    """One printed line; every amount is already text."""

    position: int
    tooth: str
    code: str
    label: str
    material: str
    basket: str
    cap: str
    price: str
    device: str
    base: str
    refund: str
    remainder: str


@dataclass(frozen=True, slots=True)
class PrintedQuote:
    """Everything the template shows, in the language of the quote."""

    quote: Quote
    seller: dict[str, Any]
    buyer: dict[str, Any]
    born_on: str
    issued_on: str
    valid_until: str
    replaces: str
    manufacture: str
    rows: Sequence[Row]
    alternatives: Sequence[Row]
    total: str
    base: str
    refund: str
    remainder: str
    marks: Marks = ORIGINAL


def load_quote(document: BillingDocument, duplicate: Duplicate | None = None) -> PrintedQuote:
    """Read what a quote shows, in its language."""
    quote = Quote.objects.select_related("replaces").get(pk=document.quote_id)
    items = sorted(quote.items.all(), key=lambda item: (item.position, item.pk))
    with translation.override(document.language):
        return replace(printed_quote(quote, items), marks=marks_of(quote, duplicate))


def printed_quote(quote: Quote, items: Sequence[QuoteItem]) -> PrintedQuote:
    """Arrange an issued quote for print, in the active language."""
    mains = [item for item in items if item.alternative_to_id is None]
    born = quote.buyer.get("birth_date")
    return PrintedQuote(
        quote=quote,
        seller=quote.seller,
        buyer=quote.buyer,
        born_on=short(date.fromisoformat(born)) if born else "",
        issued_on=short(quote.issued_on),
        valid_until=short(quote.valid_until),
        replaces=str(quote.replaces.number) if quote.replaces else "",
        manufacture=str(quote.get_manufacture_display()),
        rows=[row_of(quote, item) for item in mains],
        alternatives=[row_of(quote, item) for item in items if item.alternative_to_id is not None],
        total=money(quote, quote.total_amount),
        base=money(quote, sum(item.brss for item in mains)),
        refund=money(quote, quote.refund_amount),
        remainder=money(quote, quote.remainder_amount),
    )


def row_of(quote: Quote, item: QuoteItem) -> Row:
    """Return one line as text."""
    basket = B(item.basket)
    return Row(
        position=item.position,
        tooth=item.tooth,
        code=item.code,
        label=item.label,
        material=item.material,
        basket=BASKET_NUMBERS.get(basket) or OUTSIDE.get(basket, "–"),
        cap=money(quote, item.cap) if item.cap is not None else pgettext("highest fee", "none"),
        price=money(quote, item.price),
        device=money(quote, item.device_price) if item.device_price is not None else "",
        base=money(quote, item.brss),
        refund=money(quote, item.refund_amount),
        remainder=money(quote, item.remainder_amount),
    )


def render_quote(page: PrintedQuote) -> bytes:
    """Render a quote as PDF/A; the same rows give the same bytes."""
    # Imported late: the library loads Pango, which only workers need.
    from weasyprint import HTML

    css, fonts = stylesheet("quote")
    with translation.override(page.quote.language):
        html = render_to_string("billing/quote.html", {"page": page, "language": page.quote.language})
    document = HTML(string=html, base_url=str(FOLDER), url_fetcher=refuse_fetch)
    pdf = document.write_pdf(
        stylesheets=[css], font_config=fonts, pdf_identifier=page.quote.pk.bytes, pdf_variant="pdf/a-3u"
    )
    return bytes(pdf)
