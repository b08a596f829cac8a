"""From what a caller asks to bill, to the lines of an invoice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceItem
from apps.billing.services.vat import resolve_vat, vat_codes
from apps.catalog.models import Act, VatCode
from apps.catalog.selectors import NoTariff, PricedAct, acts_with_prices, priced
from apps.catalog.teeth import SurfacesNotAllowed, check_location
from apps.clinical.models import Treatment
from apps.core.errors import DomainError, InvalidInput
from apps.core.money import extract_vat
from apps.directory.models import Practice

MOST_LINES = 200
CAPPED_BASKETS = frozenset({"rac0", "rac_modere"})


class TreatmentNotDone(DomainError):
    """Only what was carried out is billed."""

    code = "TREATMENT_NOT_DONE"
    message = _("This treatment has not been carried out, so it cannot be billed.")


class TreatmentAlreadyBilled(DomainError):
    """Another line bills the treatment, on a draft or an issued invoice."""

    code = "TREATMENT_ALREADY_BILLED"
    message = _("This treatment is already on an invoice.")


class TreatmentOfAnotherPatient(DomainError):
    """An invoice has one patient."""

    code = "TREATMENT_OF_ANOTHER_PATIENT"
    message = _("This treatment belongs to another patient.")


class CurrencyMismatch(DomainError):
    """An invoice has one currency."""

    code = "CURRENCY_MISMATCH"
    message = _("All amounts of an invoice are in the currency of the practice.")


class CapExceeded(DomainError):
    """The price is above the highest one of the act's basket."""

    code = "CAP_EXCEEDED"
    message = _("This price is above the highest one allowed in the basket of this act.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineInput:
    """One line as asked for: a treatment, an act, or a label with a price (minor units, VAT included)."""

    treatment: Treatment | None = None
    act: Act | None = None
    label: str = ""
    tooth: str = ""
    quantity: int = 1
    unit_price: int | None = None
    discount: int = 0
    vat_code: str = ""
    vat_reason: str = ""
    performed_on: date | None = None


def build_lines(invoice: Invoice, lines: Sequence[LineInput], *, at: datetime) -> list[InvoiceItem]:
    """Return the unsaved lines of a draft, amounts computed; locks the treatments they bill.

    Refuses what the classes above name, the tooth rules of the catalogue and the VAT rules of `resolve_vat`.
    """
    if len(lines) > MOST_LINES:
        raise InvalidInput(items=[str(_("An invoice has at most %(most)s lines.") % {"most": MOST_LINES})])
    held = hold_treatments(invoice, [line.treatment for line in lines if line.treatment is not None])
    today = at.astimezone(invoice.practice.zone).date()
    wanted = [located(invoice, line, held, today) for line in lines]
    prices = price_book(invoice.practice, [(one.act, one.day) for one in wanted if one.act is not None])
    codes = vat_codes()
    return [build_line(invoice, one, position, prices, codes) for position, one in enumerate(wanted, start=1)]


@dataclass(frozen=True, slots=True)
class Located:
    """A line with the locked treatment, the act and the day it is about."""

    asked: LineInput
    treatment: Treatment | None
    act: Act | None
    day: date


def located(invoice: Invoice, line: LineInput, held: Mapping[UUID, Treatment], today: date) -> Located:
    """Find what a line is about; the day of care is the treatment's, else today."""
    treatment = held[line.treatment.pk] if line.treatment is not None else None
    day = line.performed_on or day_of(treatment, invoice) or today
    if day > today:
        raise InvalidInput(items=[str(_("Care is not billed before its day."))])
    return Located(line, treatment, treatment.act if treatment is not None else line.act, day)


def hold_treatments(invoice: Invoice, treatments: Sequence[Treatment]) -> dict[UUID, Treatment]:
    """Lock treatments in the order of their keys and return them, if this invoice may bill them."""
    keys = sorted({treatment.pk for treatment in treatments})
    if len(keys) != len(treatments):
        raise TreatmentAlreadyBilled
    if not keys:
        return {}
    rows = (
        Treatment.objects.select_for_update(of=("self",))
        .select_related("act")
        .filter(pk__in=keys)
        .order_by("pk")
    )
    held = {row.pk: row for row in rows}
    for row in held.values():
        if row.patient_id != invoice.patient_id:
            raise TreatmentOfAnotherPatient(treatment=str(row.pk))
        if row.status != Treatment.Status.DONE:
            raise TreatmentNotDone(treatment=str(row.pk), status=row.status)
        if row.currency != invoice.currency:
            raise CurrencyMismatch(treatment=str(row.pk), currency=row.currency)
    billed = InvoiceItem.objects.holding().filter(treatment__in=keys).exclude(invoice=invoice).first()
    if billed is not None:
        raise TreatmentAlreadyBilled(treatment=str(billed.treatment_id), invoice=str(billed.invoice_id))
    return held


@dataclass(frozen=True, slots=True)
class Price:
    """What the catalogue says of an act on a day; `priced` is None when it has no price there and then."""

    act: Act
    priced: PricedAct | None


def price_book(practice: Practice, wanted: Sequence[tuple[Act, date]]) -> dict[tuple[UUID, date], Price]:
    """Price acts by key and day, in a number of queries that grows with the days only."""
    book: dict[tuple[UUID, date], Price] = {}
    for day in sorted({day for _act, day in wanted}):
        keys = {act.pk for act, on in wanted if on == day}
        for act in acts_with_prices(Act.objects.filter(pk__in=keys), practice=practice, on=day):
            fee, tariff = next(iter(act.fees_here), None), next(iter(act.tariffs_now), None)
            try:
                found = priced(act=act, practice=practice, fee=fee, tariff=tariff, on=day)
            except NoTariff:
                found = None
            book[act.pk, day] = Price(act, found)
    return book


def build_line(
    invoice: Invoice,
    line: Located,
    position: int,
    prices: Mapping[tuple[UUID, date], Price],
    codes: Mapping[str, VatCode],
) -> InvoiceItem:
    """Return one unsaved line."""
    asked, act = line.asked, line.act
    price = prices[act.pk, line.day] if act is not None else None
    found = price.priced if price is not None else None
    vat = resolve_vat(
        practice=invoice.practice,
        of_act=price.act.vat_code.code if price is not None else "",
        asked=asked.vat_code,
        reason=asked.vat_reason.strip(),
        codes=codes,
    )
    item = InvoiceItem(
        practice_id=invoice.practice_id,
        invoice=invoice,
        position=position,
        treatment=line.treatment,
        act=act,
        performed_on=line.day,
        code=act.code if act else "",
        label=asked.label.strip() or label_of(act, invoice.language, position),
        tooth=tooth_of(line),
        quantity=asked.quantity,
        unit_price=unit_price_of(line, found, position),
        discount=asked.discount,
        vat_code=vat.code,
        vat_rate_bp=vat.rate_bp,
        vat_reason=vat.reason,
        brss=found.brss if found else None,
        rate_bp=found.rate_bp if found else None,
    )
    price_line(item)
    check_cap(item, found)
    item.clean_fields(exclude=["practice", "invoice", "treatment", "act", "corrects"])
    return item


def price_line(item: InvoiceItem) -> None:
    """Compute a line's amounts: VAT is taken out of the inclusive price, rounded half up, once per line."""
    gross = item.quantity * item.unit_price
    if item.quantity < 1 or item.unit_price < 0 or not 0 <= item.discount <= gross:
        sentence = _("Quantities start at one, prices at zero, and a discount is at most the price.")
        raise InvalidInput(items=[str(sentence)], line=item.position)
    item.total_amount = gross - item.discount
    item.net_amount, item.vat_amount = extract_vat(item.total_amount, item.vat_rate_bp)


def unit_price_of(line: Located, found: PricedAct | None, position: int) -> int:
    """Return the price asked for, else the one recorded with the treatment, else the practice's fee."""
    if line.asked.unit_price is not None:
        return line.asked.unit_price
    if line.treatment is not None:
        return line.treatment.price
    if line.act is None:
        raise InvalidInput(items=[str(_("A line without an act needs a price."))], line=position)
    if found is None:
        raise NoTariff(act=line.act.code, on=line.day.isoformat())
    return found.price


def check_cap(item: InvoiceItem, priced: PricedAct | None) -> None:
    """Refuse a price above the cap of a basket that has one."""
    if priced is None or priced.cap is None or priced.basket not in CAPPED_BASKETS:
        return
    if item.total_amount > priced.cap * item.quantity:
        raise CapExceeded(act=item.code, cap=priced.cap, line=item.position)


def tooth_of(line: Located) -> str:
    """Return the tooth or area printed on the line; surfaces belong to the treatment, not to the invoice."""
    asked = line.asked.tooth.strip()
    if line.treatment is not None:
        return line.treatment.tooth
    if line.act is None:
        return asked
    try:
        return check_location(line.act, asked, "")[0]
    except SurfacesNotAllowed:
        # The tooth has passed: only the surfaces, which a free line does not name, are missing.
        return asked


def day_of(treatment: Treatment | None, invoice: Invoice) -> date | None:
    """Return the local day a treatment was carried out."""
    if treatment is None or treatment.performed_at is None:
        return None
    return treatment.performed_at.astimezone(invoice.practice.zone).date()


def label_of(act: Act | None, language: str, position: int) -> str:
    """Return the act's label in the language of the document."""
    if act is None:
        raise InvalidInput(items=[str(_("A line without an act needs a label."))], line=position)
    return act.label_en if language == "en" else act.label_fr
