"""How long a text message really is: GSM-7 or UCS-2, units and parts (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

Encoding = Literal["GSM-7", "UCS-2"]

# The basic table without the escape. Its Ç is a capital: the small ç is in no table and turns a message into
# UCS-2.
GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Sent as an escape and a character: two units each, never split between two parts.
GSM_EXTENDED: Final = frozenset("^{}\\[~]|€\f")

_SINGLE: Final[dict[Encoding, int]] = {"GSM-7": 160, "UCS-2": 70}
_PART: Final[dict[Encoding, int]] = {"GSM-7": 153, "UCS-2": 67}

# French quotation marks hold spaces inside, plain ones do not.
_QUOTED: Final = re.compile(r"«\s*([^«»]*?)\s*»")
_PLAIN: Final = {
    "’": "'", "‘": "'", "‚": ",", "ʼ": "'", "′": "'",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"',
    "–": "-", "—": "-", "‐": "-", "\u2011": "-", "−": "-",
    "…": "...", "•": "-", "·": "-",
    "œ": "oe", "Œ": "OE", "ÿ": "y", "ç": "c",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ",
    "\u200b": "", "\ufeff": "", "™": "TM", "©": "(c)", "®": "(R)", "°": "o", "×": "x",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Length:
    """What an operator counts."""

    encoding: Encoding
    units: int
    parts: int


def measure(text: str) -> Length:
    """Return encoding, units and parts of a text as operators count them."""
    if all(character in GSM_BASIC or character in GSM_EXTENDED for character in text):
        widths = [2 if character in GSM_EXTENDED else 1 for character in text]
        return _length("GSM-7", widths)
    # UTF-16 code units: an emoji is a surrogate pair, which must not be split either.
    return _length("UCS-2", [len(character.encode("utf-16-be")) // 2 for character in text])


def simplify(text: str) -> str:
    """Return the text with characters outside GSM-7 replaced by plain ones where there are any.

    Accents of GSM-7 stay (é, è, à, ù); others lose theirs (ê, ô, ï); what has no plain form stays as it is.
    """
    text = _QUOTED.sub(r'"\1"', unicodedata.normalize("NFC", text))
    return "".join(_simple(character) for character in text)


def _simple(character: str) -> str:
    if character in GSM_BASIC or character in GSM_EXTENDED:
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return bare if bare and all(c in GSM_BASIC for c in bare) else character


def _length(encoding: Encoding, widths: list[int]) -> Length:
    units = sum(widths)
    if units <= _SINGLE[encoding]:
        return Length(encoding, units, 1)
    parts, room = 1, _PART[encoding]
    for width in widths:
        if width > room:
            parts, room = parts + 1, _PART[encoding]
        room -= width
    return Length(encoding, units, parts)
