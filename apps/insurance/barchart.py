"""A small bar chart as SVG: pairs of bars, readable without colour and by a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from apps.core.money import format_money

WIDTH, HEIGHT, LEFT, BOTTOM = 900, 360, 20, 60
FILLS = ("#94a3b8", "#0f766e")


def bar_chart(
    title: str,
    names: tuple[str, str],
    rows: Sequence[tuple[str, tuple[int, int]]],
    currency: str,
) -> str:
    """Return a chart of two amounts per row; each bar carries its figure as a title."""
    highest = max([amount for _label, pair in rows for amount in pair], default=0) or 1
    slot = (WIDTH - 2 * LEFT) / max(1, len(rows))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<text x="{LEFT}" y="24" font-size="16" fill="#0f172a">{escape(title)}</text>',
    ]
    for number, name in enumerate(names):
        left = LEFT + 240 + number * 140
        parts.append(f'<rect x="{left}" y="13" width="12" height="12" fill="{FILLS[number]}"/>')
        parts.append(f'<text x="{left + 18}" y="24" font-size="13" fill="#334155">{escape(name)}</text>')
    for number, (label, pair) in enumerate(rows):
        start = LEFT + number * slot
        for bar, amount in enumerate(pair):
            tall = (HEIGHT - BOTTOM - 50) * max(0, amount) / highest
            x, y = start + slot * (0.12 + 0.38 * bar), HEIGHT - BOTTOM - tall
            figure = escape(f"{label}, {names[bar]}: {format_money(amount, currency, 'en')}")
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{slot * 0.34:.1f}" height="{tall:.1f}" fill="{FILLS[bar]}">'
                f"<title>{figure}</title></rect>"
            )
        parts.append(
            f'<text x="{start + slot / 2:.1f}" y="{HEIGHT - BOTTOM + 20}" font-size="12" text-anchor="middle" '
            f'fill="#334155">{escape(label)}</text>'
        )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
