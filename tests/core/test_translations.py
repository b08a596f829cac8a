"""The French catalogue: complete, true to the placeholders of the source, and set as French is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import polib
import pytest
from django.conf import settings

from config.translations import incomplete_entries

ROOT: Final = Path(settings.BASE_DIR)
CATALOGUE: Final = polib.pofile(str(ROOT / "locale" / "fr" / "LC_MESSAGES" / "django.po"))
PLACEHOLDER: Final = re.compile(r"%\(\w+\)[a-z]|\{\{ *\w+ *\}\}|\{\w*\}|%[sd]")

# Words the two languages spell alike; case does not count. Anything else left in English is a mistake.
ALIKE: Final = frozenset(
    """
    absence absences action agenda anticoagulants archive articles base bisphosphonates bordereau bridge catalogue
    chlorhexidine code confirmation consultation contact contacts convention conventions date document documents
    euro exclusions france latex latitude longitude macrolides message messages mode net nomenclature note notes
    occlusion parent patient patients points profession question session sessions signature sms stock substance
    total transaction type variables verdict version volume
    """.split()
)


def pairs() -> list[tuple[str, str]]:
    """Return each English text with its French one, plural forms apart."""
    found = []
    for entry in CATALOGUE:
        if entry.msgid_plural:
            found += [(entry.msgid, entry.msgstr_plural[0]), (entry.msgid_plural, entry.msgstr_plural[1])]
        else:
            found.append((entry.msgid, entry.msgstr))
    return found


class TestCatalogue:
    def test_leaves_nothing_in_english(self) -> None:
        assert incomplete_entries(ROOT) == []

    def test_keeps_the_placeholders(self) -> None:
        wrong = [
            (english, french)
            for english, french in pairs()
            if set(PLACEHOLDER.findall(english)) != set(PLACEHOLDER.findall(french))
        ]
        assert wrong == []

    def test_repeats_only_words_spelt_alike(self) -> None:
        same = {english.lower() for english, french in pairs() if english == french}
        assert same - ALIKE == set()

    @pytest.mark.parametrize(
        ("mistake", "pattern"),
        [
            ("a straight apostrophe", r"\w'\w"),
            ("a breaking space before a sign", r" [:;!?»]"),
            ("a breaking space inside quotes", r"« "),
            ("no space before a sign", r"\w[:;!?](?:\s|$)"),
            ("English quotes", r"\w[“”]|[“”]\w"),
        ],
    )
    def test_is_set_as_french(self, mistake: str, pattern: str) -> None:
        assert [french for _english, french in pairs() if re.search(pattern, french)] == [], mistake

    def test_starts_as_the_english_does(self) -> None:
        wrong = [
            (english, french)
            for english, french in pairs()
            if english[:1].islower() and french[:1].isupper() and not french[:2].isupper()
        ]
        assert wrong == []
