"""Invoices paid through the network, by many hands and with one that dies: one claim, one number, or neither."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection

from apps.billing.models import (
    Invoice,
    InvoiceShare,
    NetworkSettlement,
    NumberSeries,
    Payment,
    SettlementJob,
)
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    issue_invoice,
    network_jobs,
)
from apps.billing.services.network_jobs import run_job, settle_round, still_open
from apps.billing.verification import verify_practice
from apps.core.context import bind
from apps.core.errors import DomainError
from apps.core.jobs import claim_due, sweep_expired
from apps.insurance.models import Claim, Contract, ContractBalance
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.coverages import link_coverage
from apps.insurance.services.deciding import review_claim
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.verification import verify_insurer
from tests.billing.making import make_acts, make_patient
from tests.cast import CASTING
from tests.concurrency.crowd import race
from tests.insurance.making import make_bareme, make_contract, make_convention

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]
HANDS = 16
PRICES = {"HBJD001": {"price": 4_338, "category": "dental"}}


@pytest.fixture
def acts():
    return make_acts()


@pytest.fixture
def patient(practice, insurer, ana, acts, at):
    """A patient whose contract pays 60 % of the scaling (26.03), up to 50.00 a year."""
    make_bareme(make_convention(insurer, practice), acts=PRICES, reference_prices={})
    patient = make_patient(practice)
    link_coverage(actor=ana, patient=patient, contract=make_contract(insurer, annual_limit=5_000), at=at)
    return patient


def draft_of(ana, patient, practitioner, acts, insurer, at, days=0):
    share = ShareInput(payer="insurer", insurer=insurer, basis=InvoiceShare.Basis.NETWORK)
    return create_draft(
        actor=ana, practice=patient.practice, patient=patient, practitioner=practitioner,
        lines=[LineInput(act=acts["HBJD001"], performed_on=at.date() - timedelta(days=days))], shares=[share], at=at,
    )  # fmt: skip


@pytest.fixture
def write(ana, patient, practitioner, acts, insurer, at):
    return lambda days=0: draft_of(ana, patient, practitioner, acts, insurer, at, days)


class TestIssue:
    def test_of_one_invoice_by_many_hands_files_one_claim_and_takes_one_number(
        self, write, practice, ana, at
    ):
        draft = write()
        answers = race(lambda n: issue_invoice(actor=ana, invoice=draft, at=at), HANDS)
        refusals = [answer for answer in answers if isinstance(answer, DomainError)]
        assert [answer for answer in answers if not isinstance(answer, (DomainError, Invoice))] == []
        assert len(refusals) == HANDS - 1
        assert {refusal.code for refusal in refusals} == {"ILLEGAL_TRANSITION"}
        assert Claim.objects.count() == 1
        assert NumberSeries.objects.get(practice=practice, series="FA").last_number == 1

    def test_of_many_invoices_meets_the_limit_exactly(self, write, practice, ana, at):
        drafts = [write(days=12 * hand) for hand in range(4)]
        answers = race(lambda n: issue_invoice(actor=ana, invoice=drafts[n], at=at), len(drafts))
        assert [answer for answer in answers if not isinstance(answer, Invoice)] == []
        assert ContractBalance.objects.get(scope="*").used == 5_000
        owed = InvoiceShare.objects.filter(payer="insurer").values_list("amount", flat=True)
        assert sorted(owed) == [0, 0, 2_397, 2_603]
        assert verify_practice(practice.pk).finding is None

    def test_and_credit_and_decision_at_once_wait_for_each_other(self, write, practice, ana, ines, omar, at):
        draft = write()
        issue_invoice(actor=ana, invoice=draft, at=at)
        claim = Claim.objects.get()
        review_claim(actor=omar, claim=claim, expected_status=claim.status, reason="Radio", at=at)

        def work(number):
            if number % 2:
                return credit_invoice(actor=ana, invoice=draft, reason="Erreur", at=at)
            return approve_claim(actor=ines, claim=claim, expected_status="pending_review", at=at)

        answers = race(work, 8)
        assert [a for a in answers if not isinstance(a, (DomainError, Invoice, Claim))] == []
        draft.refresh_from_db()
        assert draft.status == "credited"
        assert verify_practice(practice.pk).finding is None


# Another process: its own connection, and it dies without clean-up between the claim and the number.
WORKER = """
import os, signal, sys
from datetime import datetime
import django
django.setup()
from apps.accounts.models import User
from apps.billing.models import Invoice
from apps.billing.services import issuing

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(issuing, sys.argv[1], die)
issuing.issue_invoice(
    actor=User.objects.get(pk=sys.argv[2]), invoice=Invoice.objects.get(pk=sys.argv[3]),
    at=datetime.fromisoformat(sys.argv[4]),
)
"""


# A worker that dies in its second part, after the payments and before the rows that say so.
SETTLER = """
import os, signal, sys
from datetime import datetime
import django
django.setup()
from apps.billing.services import network_jobs, network_settlement

network_jobs.CHUNK = 2
whole, calls = network_settlement.record, []

def die_later(*args, **kwargs):
    rows = whole(*args, **kwargs)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return rows

network_settlement.record = die_later
network_jobs.settle_round(at=datetime.fromisoformat(sys.argv[1]))
"""


def run(script, *arguments):
    """Run a script in a process of its own, on this test's database."""
    db = connection.settings_dict
    url = f"postgres://{db['USER']}:{quote(db['PASSWORD'] or '')}@{db['HOST']}:{db['PORT']}/{db['NAME']}"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        check=False,
        capture_output=True,
        timeout=120,
    )


class TestSettling:
    @pytest.fixture
    def paid(self, write, insurer, ana, ines, at, monkeypatch):
        """Five issued invoices in a paid reconciliation, left to a worker."""
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.network"):
            Contract.objects.update(annual_limit=50_000)
        monkeypatch.setattr(network_jobs, "AT_ONCE", 1)
        monkeypatch.setattr(network_jobs, "CHUNK", 2)
        for month in range(5):
            issue_invoice(actor=ana, invoice=write(days=12 * month), at=at)
        later = at + timedelta(days=10)
        row = generate_reconciliation(
            actor=ines, insurer=insurer, period_start=at.date().replace(day=1), period_end=at.date().replace(day=30),
            at=later,
        )  # fmt: skip
        send_reconciliation(actor=ines, reconciliation=row, at=later)
        return pay_reconciliation(
            actor=ines, reconciliation=row, payment_date=later.date(), reference="VIR-1", at=later
        )

    def settled(self, row, practice, insurer):
        """Each invoice has its row and its payment, nothing is left, and the books agree."""
        assert still_open(row) == 0
        assert NetworkSettlement.objects.values("invoice").distinct().count() == 5
        assert list(Payment.objects.values_list("amount", flat=True)) == [2_603] * 5
        assert list(InvoiceShare.objects.filter(payer="insurer").with_balance().exclude(balance=0)) == []
        assert verify_practice(practice.pk).finding is None
        assert verify_insurer(insurer) == []

    def test_by_many_workers_records_each_payment_once(self, paid, practice, insurer):
        (job,) = claim_due(SettlementJob, at=paid.paid_at, limit=1)
        answers = race(lambda n: run_job(job, at=paid.paid_at), 8)
        assert [answer for answer in answers if answer is not None] == []
        self.settled(paid, practice, insurer)

    @pytest.mark.slow
    def test_that_is_killed_half_way_loses_nothing_and_doubles_nothing(self, paid, practice, insurer):
        done = run(SETTLER, paid.paid_at.isoformat())
        assert done.returncode == -9, done.stderr.decode()
        assert NetworkSettlement.objects.count() == 2
        assert still_open(paid) == 3
        # A worker is supposed to be at it: the proof waits.
        assert verify_insurer(insurer) == []
        later = paid.paid_at + timedelta(hours=1)
        assert settle_round(at=later) == 0
        sweep_expired(SettlementJob, at=later)
        assert settle_round(at=later) == 1
        self.settled(paid, practice, insurer)


@pytest.mark.slow
class TestKilled:
    @pytest.mark.parametrize("point", ["check_plan", "next_number", "append"])
    def test_leaves_neither_claim_nor_number_and_goes_on(self, write, practice, ana, at, point):
        draft = write()
        done = run(WORKER, point, str(ana.pk), str(draft.pk), at.isoformat())
        assert done.returncode == -9, done.stderr.decode()
        assert not Claim.objects.exists()
        draft.refresh_from_db()
        assert (draft.status, draft.number) == ("draft", None)
        issue_invoice(actor=ana, invoice=draft, at=at)
        assert Claim.objects.count() == 1
        assert NumberSeries.objects.get(practice=practice, series="FA").last_number == 1
