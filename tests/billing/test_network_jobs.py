"""Large reconciliations: their invoices are settled by a worker, in parts, once, and the proof tells what is missing."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from time import perf_counter

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.billing.models import LedgerRecord, NetworkSettlement, Payment, SettlementJob
from apps.billing.network_proof import CHECKS
from apps.billing.services import ShareInput, credit_invoice, network_jobs
from apps.billing.services.network_jobs import settle_round, still_open
from apps.billing.services.network_settlement import NETWORK, asked_of, settle_invoices
from apps.billing.verification import verify_practice
from apps.core.jobs import State, claim_due, sweep_expired
from apps.insurance.models import Claim
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.verification import verify_insurer
from tests.billing.making import MAKER, make_acts, make_issued, make_patient
from tests.figures import FULL, figure
from tests.insurance.reconciliations.making import NOW, generated, make_claim, make_network

pytestmark = pytest.mark.django_db(transaction=True)
SOUND = {"paid_is_settled", "settled_is_what_was_paid", "settled_is_its_payment"}


@pytest.fixture
def scene():
    return make_network(currency="EUR", retentions=[])


@pytest.fixture
def invoices(scene, practice, practitioner, at):
    """Five invoices of 50.00 of which the network's insurer owes 30.00 each, and their approved claims."""
    make_acts()
    patient = make_patient(practice)
    share = ShareInput(payer="insurer", insurer=scene.insurer, kind="complementary", amount=3000)
    rows = [make_issued(practitioner, patient, at, 5000, shares=[share]) for _ in range(5)]
    for row in rows:
        make_claim(scene, practice, 3000, total=5000, source=("billing.invoice", row.pk))
    return rows


@pytest.fixture
def small(monkeypatch):
    """Take two invoices for many."""
    monkeypatch.setattr(network_jobs, "AT_ONCE", 1)
    monkeypatch.setattr(network_jobs, "CHUNK", 2)
    monkeypatch.setattr(network_jobs, "wake_settler", lambda: None)


def pay(scene):
    row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
    return pay_reconciliation(
        actor=scene.head, reconciliation=row, payment_date=NOW.date(), reference="VIR-1", at=NOW
    )


def broken(insurer):
    """Return what the proof finds of the settling alone; the claims here were never adjudicated."""
    return {found.check: found.count for found in verify_insurer(insurer) if found.check in SOUND}


class TestPayment:
    def test_leaves_many_invoices_to_a_worker(self, scene, invoices, small):
        row = pay(scene)
        assert Payment.objects.count() == 0
        job = SettlementJob.objects.get()
        assert (job.reconciliation, job.practice, job.state) == (row, invoices[0].practice, State.PENDING)
        assert still_open(row) == 5
        assert broken(scene.insurer) == {}

        assert settle_round(at=NOW) == 1

        assert Payment.objects.filter(amount=3000, reference="VIR-1").count() == 5
        assert LedgerRecord.objects.filter(kind="payment").count() == 5
        job.refresh_from_db()
        assert (job.state, still_open(row), settle_round(at=NOW)) == (State.DONE, 0, 0)
        assert broken(scene.insurer) == {}
        assert verify_practice(invoices[0].practice_id).finding is None

    def test_wakes_a_worker(self, scene, invoices, small, monkeypatch):
        woken = []
        monkeypatch.setattr(network_jobs, "wake_settler", lambda: woken.append(1))
        pay(scene)
        assert woken == [1]

    def test_settles_few_at_once(self, scene, invoices):
        row = pay(scene)
        assert (Payment.objects.count(), SettlementJob.objects.count(), still_open(row)) == (5, 0, 0)


class TestRound:
    def test_ends_after_its_part_and_goes_on_in_the_next(self, scene, invoices, small, monkeypatch):
        monkeypatch.setattr(network_jobs, "ROUND", 1)
        row = pay(scene)
        left = []
        while settle_round(at=NOW):
            left.append(still_open(row))
        assert left == [3, 1, 0]
        assert Payment.objects.count() == 5
        assert SettlementJob.objects.get().attempts == 1

    def test_of_somebody_who_lost_the_lease_records_nothing(self, scene, invoices, small):
        pay(scene)
        (job,) = claim_due(SettlementJob, at=NOW, limit=1, lease_seconds=60)
        assert sweep_expired(SettlementJob, at=NOW + timedelta(minutes=2)).requeued == 1
        network_jobs.run_job(job, at=NOW)
        assert Payment.objects.count() == 0
        assert settle_round(at=NOW + timedelta(minutes=2)) == 1
        assert Payment.objects.count() == 5

    def test_that_fails_keeps_what_was_done_and_is_tried_again(self, scene, invoices, small, monkeypatch):
        row = pay(scene)
        whole = network_jobs.settle_invoices
        monkeypatch.setattr(network_jobs, "settle_invoices", failing_after(1, whole))
        settle_round(at=NOW)
        job = SettlementJob.objects.get()
        assert (job.state, job.last_error, still_open(row)) == (State.PENDING, "OSError", 3)
        monkeypatch.setattr(network_jobs, "settle_invoices", whole)
        settle_round(at=NOW + timedelta(minutes=1))
        assert (Payment.objects.count(), still_open(row)) == (5, 0)

    def test_pays_nothing_of_what_was_credited_meanwhile(self, scene, invoices, small):
        # Too late to withdraw its claim, which is paid all the same.
        credit_invoice(actor=MAKER, invoice=invoices[0], reason="Erreur", at=NOW)
        pay(scene)
        settle_round(at=NOW)
        row = NetworkSettlement.objects.get(invoice=invoices[0])
        assert (row.settled, row.code, row.payment) == (0, "INVOICE_CREDITED", None)
        assert Payment.objects.count() == 4
        assert Claim.objects.filter(status="paid").count() == 5
        assert SettlementJob.objects.get().state == State.DONE


def failing_after(good, function):
    calls = []

    def wrapped(**given):
        calls.append(1)
        if len(calls) > good:
            raise OSError
        return function(**given)

    return wrapped


class TestCommand:
    def test_starts_over_what_was_given_up(self, scene, invoices, small):
        row = pay(scene)
        SettlementJob.objects.update(state=State.DEAD)
        out = StringIO()
        call_command("settle_network", stdout=out)
        assert out.getvalue() == "1 started over, 1 parts settled, 0 jobs left\n"
        assert (Payment.objects.count(), still_open(row)) == (5, 0)


class TestProof:
    def test_has_these_checks(self):
        assert set(CHECKS) == SOUND

    def test_finds_what_a_dead_job_left(self, scene, invoices, small):
        pay(scene)
        SettlementJob.objects.update(state=State.DEAD)
        assert broken(scene.insurer) == {"paid_is_settled": 5}

    def test_finds_a_job_that_waits_for_more_than_a_day(self, scene, invoices, small):
        pay(scene)
        SettlementJob.objects.update(created_at=NOW - timedelta(days=400))
        assert broken(scene.insurer) == {"paid_is_settled": 5}

    def test_finds_rows_that_say_something_else(self, scene, invoices, unfrozen):
        pay(scene)
        second = NetworkSettlement.objects.get(invoice=invoices[1])
        unfrozen(
            "UPDATE billing_networksettlement SET asked = 2999, settled = 2999 WHERE invoice_id = %s",
            invoices[0],
        )
        unfrozen("UPDATE billing_payment SET amount = 10 WHERE id = %s", second.payment)
        unfrozen("DELETE FROM billing_networksettlement WHERE invoice_id = %s", invoices[2])
        assert broken(scene.insurer) == {
            "paid_is_settled": 1, "settled_is_what_was_paid": 1, "settled_is_its_payment": 1
        }  # fmt: skip


@pytest.fixture
def unfrozen():
    """Change a row behind the triggers' back."""

    def run(statement, row):
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, [row.pk])
            cursor.execute("SET session_replication_role = DEFAULT")

    return run


@pytest.fixture
def many(scene, practice, practitioner, at):
    """Write so many invoices with their approved claims."""
    make_acts()
    patient = make_patient(practice)
    share = ShareInput(payer="insurer", insurer=scene.insurer, kind="complementary", amount=3000)

    def write(count):
        for _ in range(count):
            invoice = make_issued(practitioner, patient, at, 5000, shares=[share])
            make_claim(scene, practice, 3000, total=5000, source=("billing.invoice", invoice.pk))

    return write


def test_a_part_costs_the_same_queries_however_many_invoices(scene, practice, many, small):
    many(52)
    row = pay(scene)
    asked = asked_of(row)[practice.pk]
    keys = sorted(asked)

    def queries(chosen):
        part = {key: asked[key] for key in chosen}
        with CaptureQueriesContext(connection) as seen:
            new = settle_invoices(
                actor=NETWORK, reconciliation=row, practice_id=practice.pk, asked=part, at=NOW
            )
        assert new == len(chosen)
        return len(seen)

    queries(keys[:1])
    assert queries(keys[1:2]) == queries(keys[2:])
    assert still_open(row) == 0


@pytest.mark.figures
def test_a_large_payment_is_quick_and_its_invoices_are_settled_soon(scene, many, small, monkeypatch):
    monkeypatch.setattr(network_jobs, "CHUNK", 200)
    count = 1_000 if FULL else 200
    many(count)
    begun = perf_counter()
    row = pay(scene)
    paid = perf_counter()
    while settle_round(at=NOW):
        pass
    done = perf_counter()
    assert (still_open(row), Payment.objects.count()) == (0, count)
    figure("network_pay_seconds", round(paid - begun, 1), "<=10")
    figure("network_settled_per_second", round(count / (done - paid)), "50 on a quiet machine, at least 5")
    assert paid - begun <= 10
    assert count / (done - paid) >= 5
