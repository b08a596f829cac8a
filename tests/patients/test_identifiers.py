"""National identifiers and phones."""

from __future__ import annotations

import contextlib
import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.patients.identifiers import (
    mask_national_id,
    national_id_index,
    normalise_national_id,
    normalise_phone,
)

# Vectors of the domain file.
VALID = (
    "255081416802538 184051305510219 199016748200188 291032A00401183 189072B03305092 180017505600103".split()
)
INVALID = "255081416802539 291032A00401184 18907203305092".split()


def key_of(thirteen: str) -> str:
    """The key, computed independently of the code under test."""
    digits = thirteen.replace("2A", "19").replace("2B", "18") if thirteen[5:7] in {"2A", "2B"} else thirteen
    return f"{97 - int(digits) % 97:02}"


class TestNir:
    @pytest.mark.parametrize("number", VALID)
    def test_takes_valid_ones_in_any_notation(self, number):
        spaced = " ".join(
            [number[0], number[1:3], number[3:5], number[5:7], number[7:10], number[10:13], number[13:]]
        )
        assert normalise_national_id(number, "FR") == number
        assert normalise_national_id(spaced.lower(), "FR") == number
        assert normalise_national_id(f"\u00a0{number[:13]}.{number[13:]} ", "FR") == number

    @pytest.mark.parametrize("number", [*INVALID, "", "abc", "1" * 15, "584051305510219"])
    def test_refuses_the_others(self, number):
        with pytest.raises(ValidationError):
            normalise_national_id(number, "FR")

    @pytest.mark.parametrize(
        ("month", "good"),
        [
            ("01", True),
            ("12", True),
            ("13", False),
            ("20", True),
            ("42", True),
            ("43", False),
            ("49", False),
            ("50", True),
            ("99", True),
            ("00", False),
        ],
    )
    def test_knows_which_months_exist(self, month, good):
        thirteen = f"184{month}13055102"
        number = thirteen + key_of(thirteen)
        if good:
            assert normalise_national_id(number, "FR") == number
        else:
            with pytest.raises(ValidationError):
                normalise_national_id(number, "FR")

    @given(
        st.sampled_from("123478"),
        st.integers(0, 99),
        st.integers(1, 12),
        st.sampled_from(["01", "75", "2A", "2B", "97"]),
        st.integers(1, 999999),
    )
    def test_the_mask_shows_sex_and_year_only(self, sex, year, month, department, rest):
        thirteen = f"{sex}{year:02}{month:02}{department}{rest:06}"
        number = normalise_national_id(thirteen + key_of(thirteen), "FR")
        mask = mask_national_id(number)
        assert re.fullmatch(r"[1-8] \d\d \*\* \*\* \*\*\* \*\*\* \*\*", mask)
        assert mask[:4] == f"{sex} {year:02}"

    @given(st.text(max_size=30))
    def test_reading_never_fails_otherwise(self, text):
        with contextlib.suppress(ValidationError):
            normalise_national_id(text, "FR")

    def test_has_an_index_that_does_not_depend_on_notation(self):
        one = national_id_index(normalise_national_id("2 91 03 2a 004 011 83", "FR"))
        assert one == national_id_index(normalise_national_id("291032A00401183", "FR"))
        assert "291032" not in one


class TestCin:
    def test_is_the_identifier_in_tunisia(self):
        assert normalise_national_id("0123 4567", "TN") == "01234567"
        assert mask_national_id("01234567") == "0*******"
        for wrong in ("2123456", "21234567", "012345678", VALID[0]):
            with pytest.raises(ValidationError):
                normalise_national_id(wrong, "TN")


class TestPhone:
    @pytest.mark.parametrize(
        ("text", "country", "e164"),
        [
            ("06 12 34 56 78", "FR", "+33612345678"),
            ("0033612345678", "FR", "+33612345678"),
            ("+33 (0)6 12 34 56 78", "FR", "+33612345678"),
            ("20 123 456", "TN", "+21620123456"),
            ("+216 20 123 456", "FR", "+21620123456"),
        ],
    )
    def test_is_stored_as_e164(self, text, country, e164):
        assert normalise_phone(text, country) == e164

    @pytest.mark.parametrize("text", ["", "12", "06 12 34 56 7", "abc", "+999 12345678", "0" * 40])
    def test_refuses_what_is_none(self, text):
        with pytest.raises(ValidationError):
            normalise_phone(text, "FR")
