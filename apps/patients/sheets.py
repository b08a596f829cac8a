"""Patient lists as files: CSV or XLSX in, one row of plain fields per line out."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput
from apps.core.text import fold

MOST_BYTES: Final = 10 * 1024 * 1024
# A few kilobytes of ZIP can hold gigabytes: what it says it unpacks to is bounded before anything is read.
MOST_UNPACKED: Final = 100 * 1024 * 1024
MOST_LINES: Final = 50_000

# Headings, accents and capitals aside, to fields; None: known, and not imported (the practice numbers its files).
HEADINGS: Final[Mapping[str, str | None]] = {
    "file number": None, "numero de dossier": None, "dossier": None,
    "last name": "last_name", "nom": "last_name", "nom d usage": "last_name",
    "first name": "first_name", "prenom": "first_name",
    "birth name": "birth_name", "nom de naissance": "birth_name",
    "birth date": "birth_date", "date de naissance": "birth_date", "ne le": "birth_date",
    "sex": "sex", "sexe": "sex", "gender": "sex",
    "national id": "national_id", "nir": "national_id", "ins": "national_id", "numero de securite sociale": "national_id",
    "phone": "phone", "telephone": "phone", "mobile": "phone", "portable": "phone",
    "phone secondary": "phone_secondary", "telephone 2": "phone_secondary", "telephone fixe": "phone_secondary",
    "email": "email", "e mail": "email", "courriel": "email",
    "address": "address", "adresse": "address", "postal code": "postal_code", "code postal": "postal_code",
    "city": "city", "ville": "city", "country": "country", "pays": "country", "language": "language", "langue": "language",
    "profession": "profession", "status": "status", "statut": "status", "tags": "tags", "etiquettes": "tags",
    "do not contact": "do_not_contact", "ne pas contacter": "do_not_contact",
    "reminder sms": "reminder_sms", "rappel sms": "reminder_sms",
    "reminder email": "reminder_email", "rappel email": "reminder_email",
    "referred by": "referred_by", "adresse par": "referred_by", "comment": "comment", "commentaire": "comment",
}  # fmt: skip
SEXES: Final = {
    "f": "female", "female": "female", "femme": "female", "2": "female",
    "m": "male", "h": "male", "male": "male", "homme": "male", "1": "male", "unknown": "unknown", "inconnu": "unknown",
}  # fmt: skip
TRUE: Final = frozenset("yes oui true vrai 1 x".split())
FALSE: Final = frozenset("no non false faux 0".split())


class BadFile(InvalidInput):
    """This file is no list of patients."""

    message = _("This file cannot be read as a list of patients.")


@dataclass(frozen=True, slots=True)
class Line:
    """One person as the file tells: fields as they were read, and what could not be."""

    number: int
    fields: dict[str, Any]
    problems: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list that was read."""

    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    def __len__(self) -> int:
        return len(self.lines)


def read_sheet(content: bytes) -> Sheet:
    """Read a CSV (comma, semicolon or tab; UTF-8 or Windows) or an XLSX file; raises BadFile."""
    if len(content) > MOST_BYTES:
        raise BadFile(_("This file is too big."))
    rows = xlsx_rows(content) if content.startswith(b"PK\x03\x04") else csv_rows(content)
    return sheet_of(rows)


def csv_rows(content: bytes) -> Iterator[Sequence[Any]]:
    """Yield the rows of a CSV file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise BadFile
    heading = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=heading.count)
    try:
        yield from csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise BadFile from error


def xlsx_rows(content: bytes) -> Iterator[Sequence[Any]]:
    """Yield the rows of the first sheet of a workbook, values rather than formulas."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED:
                raise BadFile(_("This file is too big."))
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError, SyntaxError, OSError) as error:
        raise BadFile from error


def sheet_of(rows: Iterable[Sequence[Any]]) -> Sheet:
    """Read headings, then one line after the other; empty lines are passed over."""
    source = iter(rows)
    columns = [column_of(title) for title in next(source, [])]
    if not {"first_name", "last_name"} <= set(columns):
        raise BadFile(_("The first line must name the columns, with at least a first name and a last name."))
    named = [column for column in columns if column]
    if len(named) != len(set(named)):
        raise BadFile(_("Two columns have the same name."))
    lines: list[Line] = []
    for number, row in enumerate(source, start=2):
        if all(blank(value) for value in row):
            continue
        if len(lines) == MOST_LINES:
            raise BadFile(_("This file has too many lines."))
        lines.append(line_of(number, columns, row))
    return Sheet(tuple(named), tuple(lines))


def column_of(title: Any) -> str | None:
    """Return the field a heading stands for; raises BadFile for one that nobody knows."""
    if blank(title):
        return None
    key = fold(str(title).replace("_", " "))
    if key not in HEADINGS:
        raise BadFile(_("The column “%(title)s” is not known.") % {"title": str(title)[:60]})
    return HEADINGS[key]


def line_of(number: int, columns: Sequence[str | None], row: Sequence[Any]) -> Line:
    """Read one line; what it leaves empty is left out."""
    fields: dict[str, Any] = {}
    problems: dict[str, list[Any]] = {}
    if len(row) > len(columns) and not all(blank(value) for value in row[len(columns) :]):
        problems["__all__"] = [_("This line has more cells than there are columns.")]
    for column, value in zip(columns, row, strict=False):
        if column is None or blank(value):
            continue
        try:
            fields[column] = READERS.get(column, text_of)(value)
        except ValidationError as error:
            problems[column] = error.messages
    return Line(number, fields, problems)


def blank(value: Any) -> bool:
    """Say whether a cell holds nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def text_of(value: Any) -> str:
    """Return a cell as text: numbers without decimals, and without the quote an export puts before a formula."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return text[1:] if text[:1] == "'" and text[1:2] in {"=", "+", "-", "@"} else text


def date_of(value: Any) -> date:
    """Return a day: a date cell, `1984-05-12` or `12/05/1984`."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = text_of(value)
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            continue
    raise ValidationError(_("This is not a date: write 1984-05-12 or 12/05/1984."))


def sex_of(value: Any) -> str:
    """Return a sex as it is stored."""
    found = SEXES.get(text_of(value).lower())
    if found is None:
        raise ValidationError(_("Write F, M or leave the cell empty."))
    return found


def truth_of(value: Any) -> bool:
    """Return yes or no."""
    text = text_of(value).lower()
    if text not in TRUE | FALSE:
        raise ValidationError(_("Write yes or no."))
    return text in TRUE


def word_of(value: Any) -> str:
    """Return a word of a fixed list."""
    return text_of(value).lower()


def tags_of(value: Any) -> list[str]:
    """Return tags, which stand in one cell separated by commas."""
    return [tag.strip() for tag in text_of(value).split(",") if tag.strip()]


READERS: Final[Mapping[str, Any]] = {
    "birth_date": date_of,
    "sex": sex_of,
    "do_not_contact": truth_of,
    "reminder_sms": truth_of,
    "reminder_email": truth_of,
    "status": word_of,
    "language": word_of,
    "tags": tags_of,
}
