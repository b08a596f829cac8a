"""Reconciliations made by a worker, on request and by the insurers' cycles."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from apps.core.scope import SystemActor
from apps.insurance.models import Reconciliation, ReconciliationJob
from apps.insurance.services.jobs import generate_due, last_period, request_cycles, request_reconciliation
from tests.insurance.reconciliations.making import FIRST, LAST, NOW, make_network, worked_case

pytestmark = pytest.mark.django_db
CLOCK = SystemActor("test-clock")


class TestLastPeriod:
    @pytest.mark.parametrize(
        ("cycle", "today", "first", "last"),
        [
            ("weekly", date(2026, 11, 23), date(2026, 11, 16), date(2026, 11, 22)),
            ("weekly", date(2026, 11, 22), date(2026, 11, 9), date(2026, 11, 15)),
            ("fortnightly", date(2026, 11, 16), date(2026, 11, 1), date(2026, 11, 15)),
            ("fortnightly", date(2026, 3, 1), date(2026, 2, 16), date(2026, 2, 28)),
            ("monthly", date(2026, 1, 31), date(2025, 12, 1), date(2025, 12, 31)),
            ("quarterly", date(2026, 1, 1), date(2025, 10, 1), date(2025, 12, 31)),
            ("quarterly", date(2026, 6, 30), date(2026, 1, 1), date(2026, 3, 31)),
        ],
    )
    def test_is_the_one_that_is_over(self, cycle, today, first, last) -> None:
        assert last_period(cycle, today) == (first, last)

    def test_is_none_without_a_cycle(self) -> None:
        assert last_period("none", date(2026, 11, 23)) is None


@pytest.mark.django_db(transaction=True)
class TestWorker:
    def test_makes_what_was_asked_for_and_says_how_far_it_is(self, monkeypatch) -> None:
        from apps.insurance.services import reconciling

        scene = make_network()
        worked_case(scene)
        job = request_reconciliation(
            actor=scene.head, insurer=scene.insurer, period_start=FIRST, period_end=LAST, at=NOW
        )
        seen = []
        original = reconciling.write_lines

        def write_lines(*args, **kwargs):
            seen.append(tuple(ReconciliationJob.objects.values_list("percent", "step").get()))
            return original(*args, **kwargs)

        monkeypatch.setattr(reconciling, "write_lines", write_lines)
        assert generate_due(at=NOW) == 1
        job.refresh_from_db()
        made = Reconciliation.objects.get()
        assert (job.state, job.percent, job.step, job.reconciliation) == ("done", 100, "finished", made)
        assert (made.total_net_payable, made.generated_by) == (5_426_049, None)
        assert seen == [(50, "lines")]
        assert generate_due(at=NOW) == 0

    def test_leaves_nothing_half_done_when_it_fails(self, monkeypatch) -> None:
        from apps.insurance.models import Claim
        from apps.insurance.services import reconciling

        scene = make_network()
        worked_case(scene)
        job = request_reconciliation(
            actor=scene.head, insurer=scene.insurer, period_start=FIRST, period_end=LAST, at=NOW
        )

        def fail(*args, **kwargs):
            raise OSError("disk full")

        with monkeypatch.context() as patched:
            patched.setattr(reconciling, "line_hashes", fail)
            generate_due(at=NOW)
        job.refresh_from_db()
        assert (job.state, job.last_error) == ("pending", "OSError")
        assert not Reconciliation.objects.exists()
        assert not Claim.objects.filter(reconciliation__isnull=False).exists()
        generate_due(at=datetime(2026, 12, 1, 10, tzinfo=UTC))
        assert Reconciliation.objects.count() == 1


class TestCycles:
    def test_asks_once_for_the_month_that_is_over(self) -> None:
        scene = make_network()
        worked_case(scene)
        make_network("GAT", reconciliation={"cycle": "none"})
        assert request_cycles(actor=CLOCK, at=NOW) == 1
        job = ReconciliationJob.objects.get()
        assert (job.insurer, job.period_start, job.period_end, job.requested_by) == (
            scene.insurer,
            FIRST,
            LAST,
            None,
        )
        request_cycles(actor=CLOCK, at=NOW)
        assert ReconciliationJob.objects.count() == 1

    def test_asks_for_nothing_when_nothing_waits(self) -> None:
        make_network()
        assert request_cycles(actor=CLOCK, at=NOW) == 0
