"""How names and labels are compared: one folding for what is stored and what is typed."""

from __future__ import annotations

import re
import unicodedata

# Letters that Unicode does not take apart into a base letter and a mark.
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_NOT_A_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Return the words of a text without accents, case, ligatures and punctuation, one space between them.

    Folding what is folded changes nothing.
    """
    apart = unicodedata.normalize("NFKD", text).casefold()
    # Casefolding may bring back letters with marks (capital I with a dot), hence the second decomposition.
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return _NOT_A_WORD.sub(" ", bare.translate(_LETTERS)).strip()
