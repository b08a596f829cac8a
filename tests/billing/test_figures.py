"""Measured figures of billing."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from weasyprint import HTML

from apps.billing.models import BillingDocument, LedgerRecord
from apps.billing.rendering import FOLDER, load, render_html, render_pdf, stylesheet
from apps.billing.services import issue_invoice, record_payment
from apps.billing.verification import verify_practice
from tests.billing.making import MAKER, make_draft, make_issued
from tests.figures import FULL, figure

pytestmark = [pytest.mark.django_db, pytest.mark.figures]


def seconds(work, times):
    taken = []
    for _ in range(times):
        begun = perf_counter()
        work()
        taken.append(perf_counter() - begun)
    return median(taken)


def test_pdf_costs_little_more_than_the_bare_template(patient, practitioner, at):
    make_issued(practitioner, patient, at, *range(1000, 1010))
    document = BillingDocument.objects.select_related("invoice").get()
    css, fonts = stylesheet()
    html = render_html(load(document), "fr")

    def bare():
        HTML(string=html, base_url=str(FOLDER)).write_pdf(stylesheets=[css], font_config=fonts)

    def whole():
        render_pdf(load(document))

    bare(), whole()
    times = 40 if FULL else 7
    ratio = seconds(whole, times) / seconds(bare, times)
    figure("billing_pdf_ratio", round(ratio, 2), "<=1.3")
    # Scaled down, few rounds on a busy machine say little.
    assert ratio <= (1.3 if FULL else 2)


def test_any_changed_byte_of_a_record_is_found(practice, patient, practitioner, at):
    invoice = make_issued(practitioner, patient, at, 5000)
    record_payment(actor=MAKER, invoice=invoice, payer="patient", method="card", amount=3000, at=at)
    missed, tried = 0, 0
    for record in LedgerRecord.objects.order_by("sequence"):
        for position in range(0, len(record.payload), 1 if FULL else 29):
            put(record, record.payload[:position] + "\x7f" + record.payload[position + 1 :])
            finding = verify_practice(practice.pk).finding
            missed += finding is None or finding.sequence != record.sequence
            tried += 1
        put(record, record.payload)
    figure("billing_tampered_bytes_missed", f"{missed}/{tried}", "0")
    assert missed == 0
    assert verify_practice(practice.pk).finding is None


def put(record, payload):
    """Change a record as somebody who may switch the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE billing_ledgerrecord SET payload = %s WHERE id = %s", [payload, record.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_issuing_costs_constant_queries(patient, practitioner, at):
    def queries(lines):
        draft = make_draft(practitioner, patient, at, *range(1000, 1000 + lines))
        with CaptureQueriesContext(connection) as seen:
            issue_invoice(actor=MAKER, invoice=draft, at=at)
        return len(seen)

    queries(1)
    one, many = queries(1), queries(200)
    figure("billing_issue_queries", f"{one}/{many}", "equal")
    assert one == many
