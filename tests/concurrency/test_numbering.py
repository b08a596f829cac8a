"""Numbers under load: fifty people issue at once, on connections of their own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection

from apps.billing.models import Invoice, LedgerRecord, NumberSeries
from apps.billing.services import issue_invoice, numbering
from apps.core.errors import DomainError
from tests.billing.making import MAKER, make_acts, make_draft, make_patient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]

PEOPLE = 50


@pytest.fixture
def drafts(practice, practitioner, at):
    """One draft per person."""
    make_acts()
    patient = make_patient(practice)
    return [make_draft(practitioner, patient, at, 1000 + n) for n in range(PEOPLE)]


def race(work, over):
    """Run `work` over all of `over` in threads that start together; return answers and exceptions."""
    barrier = threading.Barrier(len(over))

    def run(one):
        try:
            connection.ensure_connection()
            barrier.wait(timeout=60)
            return work(one)
        except (DomainError, IntegrityError, ConnectionResetError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(over)) as pool:
        return list(pool.map(run, over))


class TestParallelIssue:
    def test_gives_consecutive_numbers(self, drafts, at):
        answers = race(lambda draft: issue_invoice(actor=MAKER, invoice=draft, at=at).number, drafts)

        assert sorted(answers) == [f"FA-2026-{n:06d}" for n in range(1, PEOPLE + 1)]
        assert NumberSeries.objects.get(series="FA").last_number == PEOPLE

    def test_leaves_one_unbroken_chain(self, drafts, at):
        race(lambda draft: issue_invoice(actor=MAKER, invoice=draft, at=at), drafts)

        records = list(LedgerRecord.objects.order_by("sequence"))
        assert [record.sequence for record in records] == list(range(1, PEOPLE + 1))
        assert [record.previous_hash for record in records[1:]] == [record.hash for record in records[:-1]]

    def test_issues_one_draft_once(self, drafts, at):
        answers = race(lambda draft: issue_invoice(actor=MAKER, invoice=draft, at=at), [drafts[0]] * 16)

        assert sum(isinstance(answer, Invoice) for answer in answers) == 1
        assert {getattr(answer, "code", "") for answer in answers if isinstance(answer, Exception)} == {
            "ILLEGAL_TRANSITION"
        }
        assert NumberSeries.objects.get(series="FA").last_number == 1

    def test_leaves_no_gap_when_some_fail(self, drafts, at, monkeypatch):
        real = numbering.next_number

        def stumble(practice_id, kind, year, **options):
            number = real(practice_id, kind, year, **options)
            if int(number[-6:]) % 3 == 0 and threading.current_thread() not in stumbled:
                stumbled.add(threading.current_thread())
                raise ConnectionResetError
            return number

        stumbled: set[threading.Thread] = set()
        monkeypatch.setattr("apps.billing.services.issuing.next_number", stumble)
        race(lambda draft: issue_invoice(actor=MAKER, invoice=draft, at=at), drafts)

        issued = Invoice.objects.issued().order_by("number").values_list("number", flat=True)
        assert stumbled
        assert list(issued) == [f"FA-2026-{n:06d}" for n in range(1, len(issued) + 1)]

    def test_would_give_numbers_twice_without_the_lock(self, drafts, at, monkeypatch):
        def unlocked(practice_id, series, year, **_options):
            row, _ = NumberSeries.objects.get_or_create(practice_id=practice_id, series=series, year=year)
            threading.Event().wait(0.05)
            NumberSeries.objects.filter(pk=row.pk).update(last_number=row.last_number + 1)
            return row.last_number + 1

        with suppress(IntegrityError):
            unlocked(drafts[0].practice_id, "FA", 2026)
        monkeypatch.setattr(numbering, "next_in_series", unlocked)
        answers = race(lambda draft: issue_invoice(actor=MAKER, invoice=draft, at=at), drafts[:16])

        # The unique constraint has the last word: people would see errors instead of numbers.
        assert any(isinstance(answer, IntegrityError) for answer in answers)
