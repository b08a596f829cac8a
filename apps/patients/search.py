"""One box to find a patient: words of the name in any order, a phone, a birth date, a file number, a national id.

What a name is found by is made here, for storing and for asking alike. Every question is answered from a bounded
number of candidates: exact keys first, then names that begin with what was typed, then names close to it. A misspelt
word is first looked up among the words that occur in names (a small table), never among the patients themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import and_, or_
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import FloatField, Func, Q, Value

from apps.core.text import fold
from apps.directory.models import Practice
from apps.patients.identifiers import national_id_index, normalise_national_id, normalise_phone
from apps.patients.models import NameWord, Patient
from apps.patients.models.people import name_words
from apps.patients.querysets import PatientQuerySet

MOST_FOUND: Final = 200
MOST_CANDIDATES: Final = 600
MOST_WORDS: Final = 6
FEW: Final = 10
MOST_BEGINNINGS: Final = 200
NEAR_WORDS: Final = 40

_DATE = re.compile(
    r"(?<!\d)(?:(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}))(?!\d)"
)
_SOLID_DATE = re.compile(r"(?<!\d)(\d{2})(\d{2})((?:19|20)\d{2})(?!\d)")
_PHONE = re.compile(r"\+?\(?\d[\d\s().\-/\u00a0\u202f]{5,}\d")
_NUMBER = re.compile(r"(?<![\w])(?:n[°o]\s*|#)?(\d{1,9})(?!\w)", re.IGNORECASE)


def search_fields(patient: Patient) -> dict[str, str]:
    """Return what a patient is found and sorted by.

    `search_text` holds each word once, a space before each, so that the beginning of a word is a substring with its
    space: `% mart%` is found by trigrams, in any order.
    """
    names = (fold(patient.last_name), fold(patient.birth_name), fold(patient.first_name))
    words = dict.fromkeys(word for name in names for word in name.split())
    joined = [name.replace(" ", "") for name in names if " " in name]
    return {
        "search_text": "".join(f" {word}" for word in [*words, *joined]),
        "sort_name": " ".join(name for name in (names[0], names[2]) if name)[:260],
    }


# --- understanding the question --------------------------------------------------------------------------------


@dataclass(slots=True)
class Question:
    """What was typed, taken apart."""

    national_id_hash: str = ""
    phone: str = ""
    email: str = ""
    birth_dates: list[date] = field(default_factory=list)
    file_number: int | None = None
    words: list[str] = field(default_factory=list)


def understand(text: str, country: str) -> Question:
    """Take a question apart; each part narrows the answer, and a bare number may be a phone or a file number."""
    question = Question()
    try:
        question.national_id_hash = national_id_index(normalise_national_id(text, country))
    except ValidationError:
        pass
    else:
        return question
    rest = take_date(question, text)
    email = next((part for part in rest.split() if "@" in part), "")
    if email:
        question.email = email.lower()
        rest = rest.replace(email, " ")
    rest = take_phone(question, rest, country)
    number = _NUMBER.search(rest)
    if number:
        question.file_number = int(number[1])
        rest = rest.replace(number[0], " ", 1)
    question.words = list(dict.fromkeys(fold(rest).split()))[:MOST_WORDS]
    return question


def take_date(question: Question, text: str) -> str:
    """Read one date, day first unless it begins with the year, and return the text without it."""
    match = _DATE.search(text) or _SOLID_DATE.search(text)
    if match is None:
        return text
    parts = [int(part) for part in match.groups() if part is not None]
    year, month, day = parts if match[1] and len(match[1]) == 4 else parts[::-1]
    try:
        question.birth_dates = [date(year, month, day)]
    except ValueError:
        return text
    return text[: match.start()] + " " + text[match.end() :]


def take_phone(question: Question, text: str, country: str) -> str:
    """Read one phone number, however it is grouped, and return the text without it."""
    match = _PHONE.search(text)
    if match is None:
        return text
    try:
        question.phone = normalise_phone(match[0], country)
    except ValidationError:
        return text
    return text[: match.start()] + " " + text[match.end() :]


# --- finding ----------------------------------------------------------------------------------------------------


def find_patients(rows: PatientQuerySet, text: str, *, practice: Practice) -> list[UUID]:
    """Return the keys of the patients among `rows` that `text` may mean, best first, at most 200."""
    question = understand(text, practice.country)
    keys = by_keys(question)
    if keys is None and not question.words:
        return []
    if keys is not None:
        rows = rows.filter(keys)
        if not question.words:
            found = rows.order_by("sort_name", "pk").values_list("pk", flat=True)[:MOST_FOUND]
            return list(found)
    return by_words(rows, question.words, practice)


def by_keys(question: Question) -> Q | None:
    """Return the condition of everything but words; a phone may be a contact's, too."""
    conditions = []
    if question.national_id_hash:
        conditions.append(Q(national_id_hash=question.national_id_hash))
    if question.phone:
        conditions.append(Q(phone=question.phone) | Q(phone_secondary=question.phone))
    if question.email:
        conditions.append(Q(email=question.email))
    if question.birth_dates:
        conditions.append(Q(birth_date__in=question.birth_dates))
    if question.file_number is not None:
        conditions.append(Q(file_number=question.file_number))
    return reduce(and_, conditions) if conditions else None


@dataclass(frozen=True, slots=True)
class Meant:
    """What one typed word may stand for: known words with their distance, or simply whatever begins with it."""

    typed: str
    known: dict[str, int]
    open_ended: bool = False

    def condition(self) -> Q:
        """Return the condition of a name that holds it; by whole words, which one index answers."""
        if self.open_ended:
            return Q(search_text__contains=f" {self.typed}")
        return Q(name_words__overlap=list(self.known))

    def distance(self, words: Sequence[str]) -> int:
        """Return how far the nearest of a name's words is: 0 for the word itself, 2 for its continuation."""
        far = (
            self.known.get(word, 2 if self.open_ended and word.startswith(self.typed) else 99)
            for word in words
        )
        return min(far, default=99)


def by_words(rows: PatientQuerySet, words: Sequence[str], practice: Practice) -> list[UUID]:
    """Return the patients whose names hold every word: as typed (or its beginning); when those are few, nearly so."""
    meant = [beginnings(word, practice) for word in words]
    found = ranked(candidates(rows, meant), meant)
    if len(found) < FEW:
        nearly = [with_slips(one, practice) for one in meant]
        if nearly != meant:
            found += [key for key in ranked(candidates(rows, nearly), nearly) if key not in set(found)]
    return found[:MOST_FOUND]


def candidates(rows: PatientQuerySet, meant: Sequence[Meant]) -> list[tuple[UUID, str, str]]:
    """Return patients whose names hold every word; those filed under a single word come first and in order."""
    if not all(one.open_ended or one.known for one in meant):
        return []
    columns = ("pk", "search_text", "sort_name")
    first: list[tuple[UUID, str, str]] = []
    if len(meant) == 1:
        filed = rows.filter(filed_under(meant[0])).order_by("sort_name", "pk")
        first = list(filed.values_list(*columns)[:MOST_FOUND])
        if len(first) >= MOST_FOUND:
            return first
    held = rows.alias(name_words=name_words()).filter(*(one.condition() for one in meant)).order_by()
    known = {row[0] for row in first}
    return first + [row for row in held.values_list(*columns)[:MOST_CANDIDATES] if row[0] not in known]


def filed_under(one: Meant) -> Q:
    """Return the condition of a family name that begins so: ranges of the name order."""
    if one.open_ended or one.typed in one.known:
        return Q(sort_name__gte=one.typed, sort_name__lt=after(one.typed))
    return reduce(or_, (Q(sort_name__gte=word, sort_name__lt=after(word)) for word in one.known))


def after(prefix: str) -> str:
    """Return the first text in code-point order that does not begin with `prefix`."""
    return prefix + "\U0010ffff"


def ranked(rows: Iterable[tuple[UUID, str, str]], meant: Sequence[Meant]) -> list[UUID]:
    """Order candidates: whole words before beginnings, spellings as typed before near ones, family name first."""
    order = sorted((points(text.split(), name, meant), name, key) for key, text, name in rows)
    return [key for _points, _name, key in order]


def points(words: Sequence[str], sort_name: str, meant: Sequence[Meant]) -> int:
    """Return how far a name is from what was typed; 0 is exactly it."""
    filed = any(one.distance(sort_name.split()[:1]) < 99 for one in meant)
    return sum(one.distance(words) for one in meant) + (0 if filed else 1)


# --- words ------------------------------------------------------------------------------------------------------


def beginnings(word: str, practice: Practice) -> Meant:
    """Return the known words that begin with a typed one; too many of them, and any beginning will do."""
    if len(word) < 3:
        return Meant(word, {}, open_ended=True)
    known = NameWord.objects.filter(practice=practice, word__gte=word, word__lt=after(word))
    found = list(known.order_by("word").values_list("word", flat=True)[: MOST_BEGINNINGS + 1])
    if len(found) > MOST_BEGINNINGS:
        return Meant(word, {}, open_ended=True)
    return Meant(word, {other: 0 if other == word else 2 for other in found})


def with_slips(one: Meant, practice: Practice) -> Meant:
    """Add the known words that the typed one may be a slip of."""
    allowed = slips_allowed(one.typed)
    if not allowed or one.open_ended:
        return one
    apart = Func(
        "word", Value(one.typed), arg_joiner=" <-> ", template="(%(expressions)s)", output_field=FloatField()
    )
    near = (
        NameWord.objects.filter(practice=practice).order_by(apart).values_list("word", flat=True)[:NEAR_WORDS]
    )
    # Two letters swapped leave a short word few trigrams in common with itself.
    swapped = NameWord.objects.filter(practice=practice, word__in=swaps(one.typed)).values_list(
        "word", flat=True
    )
    counted = {
        word: slip_count(one.typed, word, allowed) for word in [*near, *swapped] if word not in one.known
    }
    return Meant(one.typed, one.known | {word: 10 * n for word, n in counted.items() if n <= allowed})


def swaps(word: str) -> list[str]:
    """Return the words that differ by two neighbours swapped."""
    return [word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in range(len(word) - 1)]


def slips_allowed(word: str) -> int:
    """Return how many slips a word of this length may hold; a number holds none."""
    if len(word) < 4 or not word.isalpha():
        return 0
    return 1 if len(word) < 7 else 2


def slip_count(one: str, other: str, most: int) -> int:
    """Count insertions, omissions, substitutions and swaps of neighbours (optimal string alignment), up to `most`+1."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    two_back: list[int] = []
    back: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        two_back, back, row = back, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(back[j] + 1, row[j - 1] + 1, back[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, two_back[j - 2] + 1)
            row.append(cost)
    return row[-1]


def in_order(rows: PatientQuerySet, keys: Sequence[UUID]) -> Any:
    """Return the patients of `keys` in that order."""
    place = Func(Value(list(keys)), "pk", function="array_position", template="%(function)s(%(expressions)s)")
    return rows.filter(pk__in=list(keys)).order_by(place, "pk")
