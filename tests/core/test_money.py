"""Money: rounding, rates, VAT, splitting, and the two local notations."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core import money
from apps.core.errors import InvalidInput

NNBSP = "\u202f"
NBSP = "\u00a0"
amounts = st.integers(min_value=-(10**15), max_value=10**15)
currencies = st.sampled_from(money.CURRENCIES)


class TestExponent:
    @pytest.mark.parametrize(
        ("currency", "decimals"),
        [
            ("EUR", 2),
            ("USD", 2),
            ("CHF", 2),
            ("MAD", 2),
            ("DZD", 2),
            ("TND", 3),
            ("KWD", 3),
            ("JPY", 0),
            ("XOF", 0),
        ],
    )
    def test_is_the_one_of_iso_4217(self, currency, decimals):
        assert money.exponent(currency) == decimals

    @pytest.mark.parametrize("currency", ["", "eur", "EU", "XXX", "€"])
    def test_refuses_what_it_does_not_know(self, currency):
        with pytest.raises(money.UnknownCurrency):
            money.exponent(currency)


class TestRoundHalfUp:
    @pytest.mark.parametrize(
        ("numerator", "denominator", "rounded"),
        [
            (5, 2, 3),
            (-5, 2, -3),
            (5, -2, -3),
            (-5, -2, 3),
            (4, 3, 1),
            (-4, 3, -1),
            (1, 3, 0),
            (-1, 3, 0),
            (1, 2, 1),
            (-1, 2, -1),
            (0, 7, 0),
            (2**70 + 1, 2, 2**69 + 1),
        ],
    )
    def test_takes_halves_away_from_zero(self, numerator, denominator, rounded):
        assert money.round_half_up(numerator, denominator) == rounded

    @pytest.mark.parametrize(("numerator", "denominator"), [(1.0, 2), (1, 2.0), (True, 2), ("1", 2)])
    def test_refuses_anything_but_integers(self, numerator, denominator):
        with pytest.raises(TypeError):
            money.round_half_up(numerator, denominator)

    def test_refuses_to_divide_by_zero(self):
        with pytest.raises(ZeroDivisionError):
            money.round_half_up(1, 0)

    @given(amounts, st.integers(min_value=1, max_value=10**9))
    def test_is_never_further_than_half_a_unit(self, numerator, denominator):
        rounded = money.round_half_up(numerator, denominator)
        assert abs(Fraction(numerator, denominator) - rounded) <= Fraction(1, 2)

    @given(amounts, st.integers(min_value=1, max_value=10**9))
    def test_is_symmetric(self, numerator, denominator):
        assert money.round_half_up(-numerator, denominator) == -money.round_half_up(numerator, denominator)


class TestApplyRate:
    @pytest.mark.parametrize(
        ("amount", "rate_bp", "part"),
        [
            (10_000, 2000, 2000),
            (9999, 7000, 6999),
            (1, 5000, 1),
            (-1, 5000, -1),
            (333, 10_000, 333),
            (333, 0, 0),
        ],
    )
    def test_rounds_half_up(self, amount, rate_bp, part):
        assert money.apply_rate(amount, rate_bp) == part


class TestExtractVat:
    @pytest.mark.parametrize(
        ("inclusive", "rate_bp", "net", "vat"),
        [
            (40_000, 2000, 33_333, 6667),
            (9999, 2000, 8333, 1666),
            (-9999, 2000, -8333, -1666),
            (12_000, 2000, 10_000, 2000),
            (10_550, 550, 10_000, 550),
            (5000, 0, 5000, 0),
            (1, 2000, 1, 0),
            (0, 2000, 0, 0),
        ],
    )
    def test_takes_the_tax_out(self, inclusive, rate_bp, net, vat):
        assert money.extract_vat(inclusive, rate_bp) == (net, vat)

    def test_refuses_a_negative_rate(self):
        with pytest.raises(ValueError):
            money.extract_vat(100, -1)

    @given(amounts, st.integers(min_value=0, max_value=10_000))
    def test_parts_add_up_and_the_net_is_the_nearest(self, inclusive, rate_bp):
        net, vat = money.extract_vat(inclusive, rate_bp)
        assert net + vat == inclusive
        assert abs(Fraction(inclusive * 10_000, 10_000 + rate_bp) - net) <= Fraction(1, 2)


class TestSplit:
    @pytest.mark.parametrize(
        ("amount", "weights", "shares"),
        [
            (100, [1, 1, 1], [34, 33, 33]),
            (-100, [1, 1, 1], [-34, -33, -33]),
            (10, [1, 2], [3, 7]),
            (1, [1, 1], [1, 0]),
            (5, [0, 1, 0, 1], [0, 3, 0, 2]),
            (0, [3, 4], [0, 0]),
            (999, [7], [999]),
            (100, [333, 333, 334], [33, 33, 34]),
        ],
    )
    def test_gives_the_rest_to_the_largest_remainders(self, amount, weights, shares):
        assert money.split(amount, weights) == shares

    @pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 5]])
    def test_refuses_weights_that_share_nothing(self, weights):
        with pytest.raises(ValueError):
            money.split(100, weights)

    @pytest.mark.parametrize(("amount", "weights"), [(1.5, [1]), (10, [0.5, 0.5]), (True, [1])])
    def test_refuses_anything_but_integers(self, amount, weights):
        with pytest.raises(TypeError):
            money.split(amount, weights)

    @given(amounts, st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=12).filter(any))
    def test_loses_nothing_and_stays_within_one_unit(self, amount, weights):
        shares = money.split(amount, weights)
        assert sum(shares) == amount
        for share, weight in zip(shares, weights, strict=True):
            assert abs(Fraction(amount * weight, sum(weights)) - share) < 1
            assert weight or share == 0


class TestFormatMoney:
    @pytest.mark.parametrize(
        ("amount", "currency", "language", "text"),
        [
            (123_456, "EUR", "fr", f"1{NNBSP}234,56{NBSP}€"),
            (123_456, "EUR", "fr-FR", f"1{NNBSP}234,56{NBSP}€"),
            (123_456, "EUR", "en", "€1,234.56"),
            (-123_456, "EUR", "en-us", "-€1,234.56"),
            (-5, "EUR", "fr", f"-0,05{NBSP}€"),
            (0, "EUR", "en", "€0.00"),
            (1_234_567, "TND", "fr", f"1{NNBSP}234,567{NBSP}DT"),
            (1_234_567, "TND", "en", f"TND{NBSP}1,234.567"),
            (1234, "JPY", "en", "¥1,234"),
            (1234, "JPY", "fr", f"1{NNBSP}234{NBSP}¥"),
            (1_234_567_890, "CHF", "fr", f"12{NNBSP}345{NNBSP}678,90{NBSP}CHF"),
        ],
    )
    def test_writes_what_people_read(self, amount, currency, language, text):
        assert money.format_money(amount, currency, language) == text


class TestParseMoney:
    @pytest.mark.parametrize(
        ("text", "currency", "amount"),
        [
            ("1 234,56 €", "EUR", 123_456),
            (f"1{NNBSP}234,56{NBSP}€", "EUR", 123_456),
            ("€1,234.56", "EUR", 123_456),
            ("1234.56", "EUR", 123_456),
            ("1 234.5", "EUR", 123_450),
            ("12,5", "EUR", 1250),
            ("12", "EUR", 1200),
            ("-12,50 eur", "EUR", -1250),
            ("\u221212", "EUR", -1200),
            ("-€5", "EUR", -500),
            ("€ -5", "EUR", -500),
            ("1,234,567.89", "EUR", 123_456_789),
            ("1,234", "TND", 1234),
            ("1,234.567 DT", "TND", 1_234_567),
            ("1,234", "JPY", 1234),
            ("1 234 ¥", "JPY", 1234),
            ("0,01", "EUR", 1),
        ],
    )
    def test_reads_both_notations(self, text, currency, amount):
        assert money.parse_money(text, currency) == amount

    @pytest.mark.parametrize(
        ("text", "currency"), [("1,234", "EUR"), ("1.005", "EUR"), ("0,0001", "TND"), ("1.5", "JPY")]
    )
    def test_refuses_more_decimals_than_the_currency_has(self, text, currency):
        with pytest.raises(money.TooManyDecimals):
            money.parse_money(text, currency)

    @pytest.mark.parametrize(
        "text",
        [*"٣€", "", " ", "abc", "1.234,56", "12,", ",5", "--5", "1 23,00", "12 34", "1e3", "$5", "5 $", "nan",
         "1,23,456.00", "9" * 41, "9" * 20, "1 234,56 € TTC", "5-", "(5)"],
    )  # fmt: skip
    def test_refuses_what_is_not_an_amount(self, text):
        with pytest.raises(money.AmountNotUnderstood):
            money.parse_money(text, "EUR")

    def test_answers_bad_input_not_a_conflict(self):
        assert issubclass(money.AmountNotUnderstood, InvalidInput)
        assert money.AmountNotUnderstood.status == 400

    @given(amounts, currencies, st.sampled_from(["fr", "en"]))
    def test_reads_back_what_was_written(self, amount, currency, language):
        assert money.parse_money(money.format_money(amount, currency, language), currency) == amount

    @given(st.text(max_size=45), currencies)
    def test_answers_an_integer_or_a_refusal(self, text, currency):
        with suppress(InvalidInput):
            assert type(money.parse_money(text, currency)) is int
