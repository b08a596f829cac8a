"""Times on the practice's clock and amounts as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone, translation

from apps.core.admin.forms import MoneyField, WallClockField

PARIS = ZoneInfo("Europe/Paris")


class TestWallClock:
    def clean(self, day: str, hour: str) -> datetime | None:
        with timezone.override(PARIS), translation.override("fr"):
            return WallClockField(required=False).clean([day, hour])

    def test_reads_the_practices_time(self) -> None:
        assert self.clean("15/07/2026", "09:30") == datetime(2026, 7, 15, 7, 30, tzinfo=UTC)

    def test_refuses_a_time_the_clock_skips(self) -> None:
        with pytest.raises(ValidationError):
            self.clean("29/03/2026", "02:30")

    def test_takes_the_first_of_a_time_that_comes_twice(self) -> None:
        assert self.clean("25/10/2026", "02:30") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_may_be_empty(self) -> None:
        assert self.clean("", "") is None


class TestMoney:
    @pytest.mark.parametrize(
        ("typed", "currency", "amount"),
        [("1 234,56", "EUR", 123456), ("12", "EUR", 1200), ("12.5 €", "EUR", 1250), ("1,234", "TND", 1234)],
    )
    def test_reads_minor_units(self, typed: str, currency: str, amount: int) -> None:
        assert MoneyField(currency=currency).clean(typed) == amount

    @pytest.mark.parametrize("typed", ["a lot", "1,234", "12,345"])
    def test_refuses_what_is_no_amount_of_euros(self, typed: str) -> None:
        with pytest.raises(ValidationError):
            MoneyField(currency="EUR").clean(typed)

    def test_refuses_less_than_the_least(self) -> None:
        with pytest.raises(ValidationError):
            MoneyField(currency="EUR", least=0).clean("-1")

    def test_shows_what_it_reads(self) -> None:
        field = MoneyField(currency="EUR")
        with translation.override("fr"):
            shown = field.prepare_value(123456)
        assert field.clean(shown) == 123456
        assert not field.has_changed(123456, shown)
        assert field.has_changed(123456, "1 234,57")
