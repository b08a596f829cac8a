"""From an issued invoice to its PDF: one read of the rows, one template, no other source."""

from __future__ import annotations

import atexit
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Protocol

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from apps.billing.facturx import FILE_NAME, facturx_xml, speaks_facturx, xmp_extension
from apps.billing.models import Invoice, InvoiceItem, InvoiceShare
from apps.billing.plans import agreed_before_issue
from apps.catalog.models import VatCode
from apps.core.money import format_money

FOLDER: Final = Path(settings.BASE_DIR) / "templates" / "billing"


class HasMarks(Protocol):
    """What may be a specimen."""

    is_training: bool


class HasCurrency(Protocol):
    """What amounts are printed for."""

    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line; every amount is already text."""

    day: str
    code: str
    label: str
    tooth: str
    quantity: int
    unit_price: str
    discount: str
    vat: str
    amount: str


@dataclass(frozen=True, slots=True)
class VatLine:
    """Totals of one VAT code."""

    code: str
    rate: str
    net: str
    vat: str
    total: str


@dataclass(frozen=True, slots=True)
class ShareLine:
    """What one payer owes."""

    label: str
    amount: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What is printed across and above each page of what is no original: a specimen, a duplicate."""

    watermark: str = ""
    notice: str = ""


ORIGINAL: Final = Marks()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Which duplicate of a document this is, made on what day, of which original."""

    number: int
    made_on: date
    sha256: str


@dataclass(frozen=True, slots=True)
class Printed:
    """Everything the template shows, in the language of the document."""

    invoice: Invoice
    seller: dict[str, Any]
    buyer: dict[str, Any]
    issued_on: str
    corrects: str
    lines: Sequence[Line]
    vat_lines: Sequence[VatLine]
    shares: Sequence[ShareLine]
    mentions: Sequence[str]
    total: str
    net: str
    vat: str
    patient_due: str
    care_dates: str
    has_discount: bool
    has_tooth: bool
    instalments: Sequence[tuple[str, str]]
    facturx: bytes
    marks: Marks = ORIGINAL


def load(document: Any, duplicate: Duplicate | None = None) -> Printed:
    """Read what a document shows, in its language."""
    invoice: Invoice = document.subject
    items = list(invoice.items.order_by("position"))
    shares = list(invoice.shares.select_related("insurer").order_by("position"))
    with translation.override(document.language):
        return printed(invoice, items, shares, duplicate)


def marks_of(subject: HasMarks, duplicate: Duplicate | None) -> Marks:
    """Say what a document is, if it is no original, in the active language."""
    watermark, notice = "", ""
    if subject.is_training:
        watermark = pgettext("watermark", "SPECIMEN / TRAINING")
        notice = _("Made in training mode: this document has no value.")
    if duplicate is not None:
        watermark = watermark or pgettext("watermark", "DUPLICATE")
        said = _("Duplicate no. %(number)s, made on %(day)s. Original: SHA-256 %(hash)s")
        facts = {"number": duplicate.number, "day": short(duplicate.made_on), "hash": duplicate.sha256 or "–"}
        notice = " ".join(filter(None, (notice, said % facts)))
    return Marks(watermark, notice)


def printed(
    invoice: Invoice,
    items: Sequence[InvoiceItem],
    shares: Sequence[InvoiceShare],
    duplicate: Duplicate | None = None,
) -> Printed:
    """Arrange an issued invoice for print, in the active language.

    Neither a specimen nor a duplicate carries Factur-X data: a machine would take it for the invoice itself.
    """
    marks = marks_of(invoice, duplicate)
    days = sorted({item.performed_on for item in items})
    sentences = mentions_by_code(items)
    care = [short(day) for day in (days[:1] if len(days) == 1 else [days[0], days[-1]])]
    return Printed(
        invoice=invoice,
        seller=invoice.seller,
        buyer=invoice.buyer,
        issued_on=short(invoice.issued_on),
        corrects=str(invoice.corrects.number) if invoice.corrects else "",
        lines=[line_of(invoice, item) for item in items],
        vat_lines=vat_totals(invoice, items),
        shares=[ShareLine(share_label(share), money(invoice, share.amount)) for share in shares],
        mentions=mentions_of(sentences),
        total=money(invoice, invoice.total_amount),
        net=money(invoice, invoice.net_amount),
        vat=money(invoice, invoice.vat_amount),
        patient_due=money(invoice, sum(share.amount for share in shares if share.insurer_id is None)),
        care_dates=" – ".join(care),
        has_discount=any(item.discount for item in items),
        has_tooth=any(item.tooth for item in items),
        instalments=[(short(one.due_on), money(invoice, one.amount)) for one in agreed_before_issue(invoice)],
        facturx=facturx_xml(invoice, items, sentences, invoice.corrects)
        if speaks_facturx(invoice.currency) and not marks.watermark
        else b"",
        marks=marks,
    )


def line_of(invoice: Invoice, item: InvoiceItem) -> Line:
    """Return one line as text."""
    return Line(
        day=short(item.performed_on),
        code=item.code,
        label=item.label,
        tooth=item.tooth,
        quantity=item.quantity,
        unit_price=money(invoice, item.unit_price),
        discount=money(invoice, -item.discount) if item.discount else "",
        vat=rate_text(item.vat_rate_bp) if item.vat_rate_bp else letter(item.vat_code),
        amount=money(invoice, item.total_amount),
    )


def vat_totals(invoice: Invoice, items: Sequence[InvoiceItem]) -> list[VatLine]:
    """Return the totals by VAT code: sums of lines, never computed anew."""
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for item in items:
        row = sums[item.vat_code, item.vat_rate_bp]
        row[0] += item.net_amount
        row[1] += item.vat_amount
        row[2] += item.total_amount
    return [
        VatLine(
            code=letter(code),
            rate=rate_text(rate_bp),
            net=money(invoice, net),
            vat=money(invoice, vat),
            total=money(invoice, total),
        )
        for (code, rate_bp), (net, vat, total) in sorted(sums.items())
    ]


def mentions_by_code(items: Sequence[InvoiceItem]) -> dict[str, str]:
    """Return the sentences the law asks for, by VAT code in use."""
    codes = VatCode.objects.in_bulk(sorted({item.vat_code for item in items}), field_name="code")
    english = (translation.get_language() or "").startswith("en")
    texts = {code: row.mention_en if english else row.mention_fr for code, row in sorted(codes.items())}
    return {code: text for code, text in texts.items() if text}


def mentions_of(sentences: Mapping[str, str]) -> list[str]:
    """Return the sentences as they are printed, each behind the sign its lines carry."""
    colon = ":" if (translation.get_language() or "").startswith("en") else " :"
    return [f"{letter(code)}{colon} {text}" for code, text in sentences.items()]


def letter(code: str) -> str:
    """Return the sign by which a line points at its VAT code."""
    return {"EXEMPT": "E", "FRANCHISE": "F", "STD20": "S"}.get(code, code)


def share_label(share: InvoiceShare) -> str:
    """Name a payer."""
    if share.insurer is None:
        return _("Patient")
    scheme = {"mandatory": _("Mandatory scheme"), "complementary": _("Complementary insurer")}[
        str(share.kind)
    ]
    return f"{scheme} – {share.insurer.name}"


def money(document: HasCurrency, amount: int) -> str:
    """Write an amount in the document's language."""
    return format_money(amount, document.currency, translation.get_language() or "fr")


def rate_text(rate_bp: int) -> str:
    """Write a rate: `20 %`, `5,5 %`."""
    english = (translation.get_language() or "").startswith("en")
    text = f"{rate_bp // 100}.{rate_bp % 100:02d}".rstrip("0").rstrip(".")
    return f"{text}%" if english else f"{text.replace('.', ',')}\u00a0%"


def short(day: date | None) -> str:
    """Write a day in figures."""
    return "" if day is None else date_format(day, "d/m/Y")


@cache
def stylesheet(name: str = "invoice") -> Any:
    """Parse a stylesheet once per process; fonts are the document set's own."""
    from weasyprint import CSS
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    return CSS(filename=FOLDER / f"{name}.css", font_config=fonts), fonts


# The library's own clean-up needs modules that are gone once the interpreter is shutting down.
atexit.register(stylesheet.cache_clear)


def render_html(page: Printed, language: str) -> str:
    """Fill the template."""
    with translation.override(language):
        return render_to_string("billing/invoice.html", {"page": page, "language": language})


def render_pdf(page: Printed) -> bytes:
    """Render a document; the same rows give the same bytes, so a repeated rendering changes nothing.

    It is PDF/A-3 and carries its Factur-X data wherever the norm knows the currency.
    """
    # Imported late: the library loads Pango, which only workers need.
    from weasyprint import HTML, Attachment

    css, fonts = stylesheet()
    invoice = page.invoice
    html = render_html(page, invoice.language)
    source = HTML(string=html, base_url=str(FOLDER), url_fetcher=refuse_fetch)
    document = source.render(stylesheets=[css], font_config=fonts)
    if page.facturx:
        describe = document.metadata.generate_rdf_metadata
        document.metadata.generate_rdf_metadata = lambda *args: with_extension(describe(*args))
        data = Attachment(
            file_obj=BytesIO(page.facturx),
            name=FILE_NAME,
            description="Factur-X",
            created=invoice.issued_at,
            modified=invoice.issued_at,
            relationship="Data",
        )
        document.metadata.attachments.append(data)
    pdf = document.write_pdf(pdf_identifier=invoice.pk.bytes, pdf_variant="pdf/a-3u")
    return bytes(pdf)


def with_extension(rdf: bytes) -> bytes:
    """Add what PDF/A asks for of a Factur-X file to the metadata, inside its one RDF element."""
    head, end, tail = rdf.rpartition(b"</rdf:RDF>")
    return head + xmp_extension() + end + tail


def refuse_fetch(url: str, *args: Any, **kwargs: Any) -> Any:
    """Fetch nothing: text typed by people must not make the worker open files or addresses."""
    raise ValueError(f"a document refers to {url[:40]}")
