"""A thousand issues at once: consecutive numbers, one unbroken chain, as many effects as issues."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest
from django.db import connection

from apps.billing.models import Invoice, LedgerRecord, NumberSeries
from apps.billing.services import issue_invoice
from apps.billing.verification import verify_practice
from tests.billing.making import MAKER, make_acts, make_draft, make_patient
from tests.figures import FULL, figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency, pytest.mark.figures]

ISSUES = 1000 if FULL else 50
PEOPLE = 32


def test_parallel_issues_have_consecutive_numbers(practice, practitioner, at):
    make_acts()
    patient = make_patient(practice)
    drafts = [make_draft(practitioner, patient, at, 1000 + n) for n in range(ISSUES)]

    def issue(some):
        try:
            return [issue_invoice(actor=MAKER, invoice=draft, at=at).number for draft in some]
        finally:
            connection.close()

    began = perf_counter()
    with ThreadPoolExecutor(PEOPLE) as pool:
        numbers = [
            number for some in pool.map(issue, [drafts[n::PEOPLE] for n in range(PEOPLE)]) for number in some
        ]
    taken = perf_counter() - began

    expected = [f"FA-2026-{n:06d}" for n in range(1, ISSUES + 1)]
    figure(
        "billing_parallel_issues_consecutive",
        sum(a == b for a, b in zip(sorted(numbers), expected, strict=True)),
        ISSUES,
    )
    figure("billing_parallel_issues_per_second", round(ISSUES / taken), "for information")
    assert sorted(numbers) == expected
    assert NumberSeries.objects.get(series="FA").last_number == ISSUES
    assert sorted(Invoice.objects.values_list("number", flat=True)) == expected
    assert LedgerRecord.objects.count() == ISSUES
    assert verify_practice(practice.pk).finding is None
