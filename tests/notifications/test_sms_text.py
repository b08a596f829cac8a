"""The table of encodings, units and parts that French operators count by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.sms_text import GSM_BASIC, GSM_EXTENDED, measure, simplify

TABLE = [
    ("Déjà confirmé à Évry", "GSM-7", 20, 1),
    ("Reçu", "UCS-2", 4, 1),
    ("l’équipe", "UCS-2", 8, 1),
    ("Rappel : RDV à 9h, à bientôt", "UCS-2", 28, 1),
    ("Prix 10€", "GSM-7", 9, 1),
    ("a" * 160, "GSM-7", 160, 1),
    ("a" * 161, "GSM-7", 161, 2),
    ("ô" * 70, "UCS-2", 70, 1),
    ("ô" * 71, "UCS-2", 71, 2),
    ("€" * 80, "GSM-7", 160, 1),
    ("€" * 81, "GSM-7", 162, 2),
    ("", "GSM-7", 0, 1),
    ("a" * 306, "GSM-7", 306, 2),
    ("a" * 307, "GSM-7", 307, 3),
    # 152 units, then an extended character that no longer fits the first part: 154 must not be cut into 153
    # + 1.
    ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
    ("🙂" * 35, "UCS-2", 70, 1),
    ("🙂" * 36, "UCS-2", 72, 2),
    # 66 units, a surrogate pair that must not be cut, 66 units.
    ("ô" * 66 + "🙂" + "ô" * 66, "UCS-2", 134, 3),
]


class TestMeasure:
    @pytest.mark.parametrize(("text", "encoding", "units", "parts"), TABLE)
    def test_counts_as_operators_do(self, text: str, encoding: str, units: int, parts: int) -> None:
        length = measure(text)

        assert (length.encoding, length.units, length.parts) == (encoding, units, parts)

    @pytest.mark.parametrize("character", "éèàùìòÉÇÄÖÜäöüñß")
    def test_keeps_gsm_7_for_the_accents_it_has(self, character: str) -> None:
        assert measure(character).encoding == "GSM-7"

    @pytest.mark.parametrize("character", "êëîïôûçœ«»’–…")
    def test_turns_to_ucs_2_for_those_it_has_not(self, character: str) -> None:
        assert measure(character).encoding == "UCS-2"

    def test_has_the_whole_basic_table(self) -> None:
        assert len(GSM_BASIC) == 127  # 128 places, one of which is the escape
        assert len(GSM_EXTENDED) == 10


class TestSimplify:
    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("Rappel : RDV à 9h, à bientôt", "Rappel : RDV à 9h, à bientot"),
            ("l’équipe « Hélène »…", 'l\'équipe "Hélène"...'),
            ("août, cœur, Reçu, naïf – fête", "aout, coeur, Recu, naif - fete"),
            ("12\u202f345\u00a0€", "12 345 €"),
            ("Ana\u0308is", "Anäis"),
            ("Été", "Été"),
        ],
    )
    def test_replaces_what_would_cost_parts(self, text: str, plain: str) -> None:
        assert simplify(text) == plain
        assert measure(simplify(text)).encoding == "GSM-7"

    def test_leaves_what_has_no_plain_form(self) -> None:
        assert simplify("مرحبا 🙂") == "مرحبا 🙂"

    @given(st.text(alphabet="abc éêëîôûçœ«»’–…€{}A1\n", max_size=400))
    def test_never_leaves_french_text_in_ucs_2(self, text: str) -> None:
        assert measure(simplify(text)).encoding == "GSM-7"
