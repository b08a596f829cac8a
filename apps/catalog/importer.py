"""The catalogue from a CSV file: every row checked before any is written, what is wrong told by line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalog.models import Act, Tariff, VatCode
from apps.catalog.services import VAT_CODES, ensure_vat_codes
from apps.catalog.teeth import validate_tooth_rule
from apps.core.errors import DomainError
from apps.core.money import parse_money
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.text import fold

HOUSE_FILE: Final = Path(__file__).parent / "data" / "dental_acts.csv"
HOUSE_FILE_SINCE: Final = date(2026, 1, 1)
BATCH: Final = 500

REQUIRED: Final = (
    "code code_system label_fr label_en category default_price_eur brss_eur amo_rate_pct basket price_cap_eur "
    "requires_tooth tooth_rule min_surfaces max_surfaces duration_min vat_code consumables"
).split()
OPTIONAL: Final = ("code_confidence", "amount_confidence", "note", "family")
CODES: Final = {
    "CCAM": re.compile(r"[A-HJ-NP-Z]{4}[0-9]{3}"),
    "NGAP": re.compile(r"[A-Z][A-Z0-9]{0,9}"),
    "HN": re.compile(r"HN-[A-Z0-9][A-Z0-9-]{0,15}"),
}
CONSUMABLE: Final = re.compile(r"([A-Z][A-Z0-9_-]{0,19}):([1-9][0-9]{0,3})")

Progress = Callable[[int, int], None]


class BadFile(DomainError):
    """The file cannot be read as a catalogue at all."""

    code = "IMPORT_BAD_FILE"
    status = 400


class BadRows(DomainError):
    """Some rows are wrong and nothing was written; `details.errors` lists line, column and sentence."""

    code = "IMPORT_BAD_ROWS"
    status = 400
    message = gettext_lazy("Some rows are wrong. Nothing was imported.")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one cell; `line` counts the file's physical lines from 1."""

    line: int
    column: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ActRow:
    """One checked row, as model values."""

    line: int
    act: dict[str, Any]
    tariff: dict[str, Any]
    vat_code: str


@dataclass(slots=True)
class Reading:
    """What a file holds: good rows, and errors."""

    rows: list[ActRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; counts of acts, except `tariffs` (new or changed prices)."""

    created: int
    updated: int
    unchanged: int
    tariffs: int
    errors: tuple[RowError, ...] = ()


# --- reading -----------------------------------------------------------------------------------------------------


def read_acts(content: bytes) -> Reading:
    """Check a whole file (UTF-8; commas or semicolons); raises BadFile when it has no usable header."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadFile(_("Line %(line)d is not UTF-8 text.") % {"line": line}, line=line) from error
    if "\0" in text:
        raise BadFile(_("This is not a text file."))
    header = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True)
    reading, seen = Reading(), dict[str, int]()
    columns: list[str] = []
    for line, cells in physical_lines(reader):
        if not columns:
            columns = check_header(cells)
        elif not any(cell.strip() for cell in cells):
            continue
        elif len(cells) != len(columns):
            sentence = _("This row has %(found)d cells, the header has %(expected)d.")
            reading.errors.append(
                RowError(line, "", sentence % {"found": len(cells), "expected": len(columns)})
            )
        else:
            values = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
            read_row(line, values, reading, seen)
    if not columns:
        raise BadFile(_("The file is empty."))
    return reading


def physical_lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it begins on: quoted cells may span several."""
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadFile(_("Line %(line)d is not valid CSV.") % {"line": line}, line=line) from error


def check_header(cells: list[str]) -> list[str]:
    """Return the column names; refuses a header with missing, unknown or repeated ones."""
    names = [cell.strip() for cell in cells]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in REQUIRED and name not in OPTIONAL]
    if missing:
        raise BadFile(_("Line 1: these columns are missing: %(names)s.") % {"names": ", ".join(missing)})
    if unknown:
        raise BadFile(_("Line 1: these columns are not known: %(names)s.") % {"names": ", ".join(unknown)})
    if len(set(names)) != len(names):
        raise BadFile(_("Line 1: a column stands there twice."))
    return names


def read_row(line: int, values: dict[str, str], reading: Reading, seen: dict[str, int]) -> None:
    """Check one row cell by cell and add it, or its errors, to `reading`."""
    cells = Cells(line, values)
    code = cells.code()
    if code in seen:
        cells.wrong("code", _("This code stands on line %(line)d already.") % {"line": seen[code]})
    elif code:
        seen[code] = line
    act: dict[str, Any] = {
        "code": code,
        "code_system": values["code_system"],
        "label_fr": cells.text("label_fr", 200),
        "label_en": cells.text("label_en", 200),
        "category": cells.choice("category", Act.Category.values),
        "requires_tooth": cells.choice("requires_tooth", Act.Location.values),
        "min_surfaces": cells.whole("min_surfaces", 0, 5),
        "max_surfaces": cells.whole("max_surfaces", 0, 5),
        "duration_minutes": cells.whole("duration_min", 0, 600),
        "consumables": cells.consumables(),
        "code_confidence": cells.choice("code_confidence", Act.Confidence.values, Act.Confidence.C),
        "amount_confidence": cells.choice("amount_confidence", Act.Confidence.values, Act.Confidence.U),
        "note": cells.text("note", 300, required=False),
    }
    if "family" in values:
        # A file that does not know families leaves those that are known alone.
        act["family"] = cells.choice("family", Act.Family.values)
    act["tooth_rule"] = cells.tooth_rule(str(act["requires_tooth"]))
    cells.surfaces(act)
    act["search_text"] = fold(f"{code} {act['label_fr']} {act['label_en']}")
    tariff: dict[str, Any] = {
        "price": cells.cents("default_price_eur", required=True),
        "brss": cells.cents("brss_eur"),
        "rate_bp": cells.whole("amo_rate_pct", 0, 100) * 100,
        "cap": cells.cents("price_cap_eur"),
        "basket": cells.choice("basket", Tariff.Basket.values),
    }
    if tariff["cap"] is not None and tariff["price"] is not None and tariff["price"] > tariff["cap"]:
        cells.wrong("default_price_eur", _("The price is above the highest price of its basket."))
    vat_code = cells.choice("vat_code", [str(known["code"]) for known in VAT_CODES])
    reading.errors += cells.errors
    if not cells.errors:
        reading.rows.append(ActRow(line, act, tariff, vat_code))


class Cells:
    """One row being checked: each reader notes what is wrong and returns something harmless instead."""

    def __init__(self, line: int, values: dict[str, str]) -> None:
        self.line, self.values, self.errors = line, values, list[RowError]()

    def wrong(self, column: str, sentence: str) -> None:
        """Note an error."""
        self.errors.append(RowError(self.line, column, sentence))

    def text(self, column: str, longest: int, *, required: bool = True) -> str:
        """Read text."""
        value = self.values.get(column, "")
        if required and not value:
            self.wrong(column, _("This must not be empty."))
        if len(value) > longest:
            self.wrong(column, _("This is longer than %(most)d characters.") % {"most": longest})
        return value

    def choice(self, column: str, allowed: list[str], default: str = "") -> str:
        """Read one of a few words."""
        value = self.values.get(column, "") or default
        if value not in allowed:
            names = {"value": value, "allowed": ", ".join(allowed)}
            self.wrong(column, _("“%(value)s” is not one of: %(allowed)s.") % names)
        return value

    def whole(self, column: str, least: int, most: int) -> int:
        """Read a whole number within bounds."""
        value = self.values[column]
        if not re.fullmatch(r"[0-9]{1,6}", value) or not least <= int(value) <= most:
            bounds = {"value": value, "least": least, "most": most}
            self.wrong(column, _("“%(value)s” is not a whole number from %(least)d to %(most)d.") % bounds)
            return least
        return int(value)

    def cents(self, column: str, *, required: bool = False) -> int | None:
        """Read an amount in euro as cents; empty is unknown."""
        value = self.values[column]
        if not value:
            if required:
                self.wrong(column, _("This must not be empty."))
            return None
        try:
            amount = parse_money(value, "EUR")
        except DomainError:
            amount = -1
        if amount < 0:
            self.wrong(column, _("“%(value)s” is not an amount in euro.") % {"value": value})
            return None
        return amount

    def code(self) -> str:
        """Read the code in the form its nomenclature has."""
        system = self.choice("code_system", list(CODES))
        code = self.values["code"]
        if system in CODES and not CODES[system].fullmatch(code):
            self.wrong("code", _("“%(code)s” is not a %(system)s code.") % {"code": code, "system": system})
        return code

    def consumables(self) -> list[dict[str, Any]]:
        """Read `SKU:quantity|SKU:quantity`."""
        found: dict[str, int] = {}
        for part in filter(None, self.values["consumables"].split("|")):
            match = CONSUMABLE.fullmatch(part)
            if match is None or match[1] in found:
                self.wrong(
                    "consumables", _("“%(part)s” is not SKU:quantity, or stands twice.") % {"part": part}
                )
            else:
                found[match[1]] = int(match[2])
        return [{"sku": sku, "quantity": quantity} for sku, quantity in found.items()]

    def tooth_rule(self, location: str) -> str:
        """Read which teeth are allowed; only an act on a tooth has such a rule."""
        rule = self.values["tooth_rule"]
        if location != "yes":
            if rule:
                self.wrong("tooth_rule", _("Only an act on a tooth has allowed teeth."))
            return rule
        try:
            validate_tooth_rule(rule)
        except ValidationError as error:
            self.wrong("tooth_rule", error.messages[0])
        return rule

    def surfaces(self, act: dict[str, Any]) -> None:
        """Check fewest and most surfaces against each other and the location."""
        if act["min_surfaces"] > act["max_surfaces"]:
            self.wrong("min_surfaces", _("The fewest surfaces are more than the most."))
        elif act["max_surfaces"] and act["requires_tooth"] != "yes":
            self.wrong("max_surfaces", _("Only an act on a tooth has surfaces."))


# --- writing -----------------------------------------------------------------------------------------------------


@service("catalog.act.import")
def import_acts(
    *,
    actor: Viewer,
    content: bytes,
    valid_from: date = HOUSE_FILE_SINCE,
    partial: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Create or update the acts of a CSV file, with prices in force from `valid_from`; twice the same changes nothing.

    An act the file does not name stays. A price that differs ends the one before it on `valid_from`. Raises BadFile, and
    BadRows when a row is wrong, before anything is written; with `partial` the good rows are written and the report
    lists the others.
    """
    reading = read_acts(content)
    if reading.errors and not partial:
        raise BadRows(
            errors=[{"line": e.line, "column": e.column, "sentence": e.sentence} for e in reading.errors]
        )
    vat_codes = ensure_vat_codes(actor=actor)
    done = [0, 0, 0, 0]
    for start in range(0, len(reading.rows), BATCH):
        batch = reading.rows[start : start + BATCH]
        for position, count in enumerate(write_batch(batch, vat_codes, valid_from)):
            done[position] += count
        if progress is not None:
            progress(start + len(batch), len(reading.rows))
    created, updated, unchanged, tariffs = done
    return ImportReport(created, updated, unchanged, tariffs, tuple(reading.errors))


def write_batch(
    batch: list[ActRow], vat_codes: dict[str, VatCode], valid_from: date
) -> tuple[int, int, int, int]:
    """Write some rows; returns how many acts were created, updated, unchanged, and how many prices written."""
    known = {act.code: act for act in Act.objects.filter(code__in=[row.act["code"] for row in batch])}
    created, updated = [], []
    for row in batch:
        values = {**row.act, "vat_code_id": vat_codes[row.vat_code].pk}
        act = known.get(row.act["code"])
        if act is None:
            known[row.act["code"]] = act = Act(**values)
            created.append(act)
        elif any(getattr(act, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(act, name, value)
            updated.append(act)
    Act.objects.bulk_create(created)
    Act.objects.bulk_update(updated, ["vat_code" if n == "vat_code_id" else n for n in values if n != "code"])
    tariffs = write_tariffs([(known[row.act["code"]], row.tariff) for row in batch], valid_from)
    return len(created), len(updated), len(batch) - len(created) - len(updated), tariffs


def write_tariffs(prices: list[tuple[Act, dict[str, Any]]], valid_from: date) -> int:
    """Put prices in force from `valid_from` until the next one known; returns how many differ from what was there."""
    existing: dict[Any, list[Tariff]] = {}
    for tariff in Tariff.objects.filter(act__in=[act for act, _values in prices]).order_by("valid_from"):
        existing.setdefault(tariff.act_id, []).append(tariff)
    closed, changed, created = [], [], []
    for act, values in prices:
        rows = existing.get(act.pk, [])
        current = next(
            (t for t in rows if t.valid_from <= valid_from and (not t.valid_to or t.valid_to > valid_from)),
            None,
        )
        if current is not None and all(getattr(current, name) == value for name, value in values.items()):
            continue
        if current is not None and current.valid_from == valid_from:
            for name, value in values.items():
                setattr(current, name, value)
            changed.append(current)
            continue
        following = next((t.valid_from for t in rows if t.valid_from > valid_from), None)
        created.append(Tariff(act=act, valid_from=valid_from, valid_to=following, **values))
        if current is not None:
            current.valid_to = valid_from
            closed.append(current)
    Tariff.objects.bulk_update(closed, ["valid_to"])
    Tariff.objects.bulk_update(changed, ["price", "brss", "rate_bp", "cap", "basket"])
    Tariff.objects.bulk_create(created)
    return len(created) + len(changed)
