from __future__ import annotations

from pathlib import Path

from apps.insurance.fraud.catalogue import RULES
from apps.insurance.fraud.handbook import table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "mechanisms" / "fraud.md"


class TestTheHandbooksTable:
    def test_is_the_catalogues(self):
        text = PAGE.read_text(encoding="utf-8")
        printed = text.split("<!-- rules -->\n")[1].split("\n<!-- /rules -->")[0]
        assert printed == table()

    def test_has_a_row_per_rule(self):
        rows = table().splitlines()[2:]
        assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [rule.code for rule in RULES]
