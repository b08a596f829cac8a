"""Closings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from apps.billing.models import Closing
from apps.billing.services import close_period, credit_invoice, record_payment
from apps.billing.services.closings import PeriodClosed, PeriodNotOver
from apps.billing.verification import verify_practice
from tests.billing.making import MAKER, make_issued
from tests.billing.test_issue_invoice import execute

DAY = timedelta(days=1)


@pytest.fixture
def close(practice, at):
    """Close a period, by default the day of `at`, two days later."""

    def run(period="day", day=date(2026, 11, 23), moment=None):
        moment = moment or at + 2 * DAY
        return close_period(actor=MAKER, practice=practice, period=period, day=day, at=moment)

    return run


class TestClosePeriod:
    def test_adds_up_what_was_recorded_that_day(self, close, patient, practitioner, at):
        first = make_issued(practitioner, patient, at, 5000)
        second = make_issued(practitioner, patient, at, 2000)
        for method, amount in (("card", 3000), ("cash", 1000)):
            record_payment(actor=MAKER, invoice=first, payer="patient", method=method, amount=amount, at=at)
        credit_invoice(actor=MAKER, invoice=second, reason="Erreur", at=at)
        make_issued(practitioner, patient, at + DAY, 700)

        closing = close()

        assert (closing.invoiced, closing.credited, closing.received) == (7000, 2000, 4000)
        assert closing.received_by_method == {"card": 3000, "cash": 1000}
        assert (closing.perpetual_total, closing.first_sequence, closing.last_sequence) == (5000, 1, 6)

    def test_carries_the_perpetual_total_on(self, close, patient, practitioner, at):
        make_issued(practitioner, patient, at, 5000)
        close()
        make_issued(practitioner, patient, at + DAY, 700)

        closing = close(day=date(2026, 11, 24), moment=at + 3 * DAY)

        assert (closing.invoiced, closing.perpetual_total) == (700, 5700)

    def test_takes_what_came_late_into_the_next_one(self, close, patient, practitioner, at):
        close()
        # Begun before midnight, committed after the closing.
        make_issued(practitioner, patient, at, 5000)

        assert close(day=date(2026, 11, 24), moment=at + 3 * DAY).invoiced == 5000

    def test_closes_months_and_years_by_the_practice_s_calendar(self, close, patient, practitioner, at):
        # 23:30 UTC of the last day is already next year in Paris.
        make_issued(practitioner, patient, at, 5000)
        make_issued(practitioner, patient, datetime(2026, 12, 31, 23, 30, tzinfo=UTC), 700)
        late = datetime(2027, 2, 2, tzinfo=UTC)

        month, year = close("month", moment=late), close("year", moment=late)

        assert (month.starts_on, month.ends_on, month.invoiced) == (
            date(2026, 11, 1),
            date(2026, 12, 1),
            5000,
        )
        assert (year.starts_on, year.ends_on, year.invoiced) == (date(2026, 1, 1), date(2027, 1, 1), 5000)

    def test_stands_in_the_chain(self, close, patient, practice, practitioner, at):
        make_issued(practitioner, patient, at, 5000)
        close()

        assert verify_practice(practice.pk).finding is None
        execute("SET LOCAL session_replication_role = replica")
        execute("UPDATE billing_closing SET perpetual_total = 1")
        assert "perpetual_total" in verify_practice(practice.pk).finding.fault

    def test_refuses_a_period_that_is_not_over(self, close, at):
        with pytest.raises(PeriodNotOver):
            close(moment=datetime(2026, 11, 23, 22, 59, tzinfo=UTC))

    @pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 22)])
    def test_refuses_a_period_closed_already_or_before_one(self, close, day):
        close()

        with pytest.raises(PeriodClosed):
            close(day=day)

    def test_never_changes(self, close):
        close()

        with pytest.raises(IntegrityError), transaction.atomic():
            execute("UPDATE billing_closing SET invoiced = 1")

    def test_runs_as_a_command_twice(self, practice, capsys):
        call_command("close_period", "day", practice=practice.pk)
        call_command("close_period", "day", practice=practice.pk)

        assert Closing.objects.count() == 1
        assert f"{practice.pk}: PERIOD_CLOSED" in capsys.readouterr().out


class TestOrder:
    def test_loses_nothing_that_came_late_into_the_chain(self, practice, patient, practitioner, at):
        """Two people at midnight: the chain's order is not always the clock's."""
        start = at.replace(hour=0) + DAY
        make_issued(practitioner, patient, start + timedelta(hours=1), 700)
        make_issued(practitioner, patient, at, 5000)
        days = [
            close_period(actor=MAKER, practice=practice, period="day", day=day.date(), at=day + 3 * DAY)
            for day in (at, at + DAY)
        ]

        assert [closing.invoiced for closing in days] == [5000, 700]
        assert days[1].perpetual_total == 5700
