"""The catalogue as people read it; `python -m apps.insurance.fraud.handbook` prints the table of the documentation."""

from __future__ import annotations

import sys
from fractions import Fraction

from apps.insurance.fraud.catalogue import RULES

HEAD = (
    "| rule | family | points | fires on | spares | thresholds |",
    "|---|---|---|---|---|---|",
)


def table() -> str:
    """Return every rule as a row of Markdown, in the order of the catalogue."""
    return "\n".join(
        (
            *HEAD,
            *(
                f"| {rule.code} | {rule.family} | {' / '.join(map(str, rule.weights))} | {rule.test} | {rule.guard} | "
                f"{', '.join(f'`{name}` {number(value)}' for name, value in rule.thresholds.items()) or '-'} |"
                for rule in RULES
            ),
        )
    )


def number(value: Fraction) -> str:
    """Write a threshold as a person would."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
