"""Public holidays by country."""

from __future__ import annotations

from datetime import date

import pytest

from apps.directory.holidays import holidays_between, holidays_of_year


class TestFrance:
    @pytest.mark.parametrize(
        ("year", "easter_monday", "ascension", "whit_monday"),
        [
            (2024, date(2024, 4, 1), date(2024, 5, 9), date(2024, 5, 20)),
            (2025, date(2025, 4, 21), date(2025, 5, 29), date(2025, 6, 9)),
            (2026, date(2026, 4, 6), date(2026, 5, 14), date(2026, 5, 25)),
            (2027, date(2027, 3, 29), date(2027, 5, 6), date(2027, 5, 17)),
        ],
    )
    def test_moves_with_easter(
        self, year: int, easter_monday: date, ascension: date, whit_monday: date
    ) -> None:
        assert {easter_monday, ascension, whit_monday} <= set(holidays_of_year("FR", year))

    def test_has_eleven(self) -> None:
        assert len(holidays_of_year("FR", 2026)) == 11

    def test_two_on_one_day_are_one_closed_day(self) -> None:
        assert len(holidays_of_year("FR", 2008)) == 10  # Ascension on 1 May


class TestBetween:
    def test_both_ends_count_and_years_join(self) -> None:
        assert list(holidays_between("FR", date(2026, 12, 25), date(2027, 1, 1))) == [
            date(2026, 12, 25),
            date(2027, 1, 1),
        ]

    def test_follows_the_country(self) -> None:
        assert date(2026, 7, 25) in holidays_of_year("TN", 2026)
        assert date(2026, 7, 14) not in holidays_of_year("TN", 2026)
        assert holidays_of_year("BE", 2026) == {}
