"""Official tariffs from a file: bases and dates of known acts, shown before they are written, told line by line.

The file is one row per act and date, as the published tables of the CCAM are once saved as CSV: `code`, `tarif` and
`date_debut`, and where known `taux`, `panier` and `plafond`. What is free keeps its price; what is opposable costs its base.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.catalog.importer import CODES, BadFile, physical_lines, write_tariffs
from apps.catalog.models import Act, Tariff
from apps.core.errors import DomainError
from apps.core.money import parse_money
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.text import fold

REQUIRED: Final = ("code", "tarif", "date_debut")
OPTIONAL: Final = ("taux", "panier", "plafond")
# Headings of published tables that mean the same.
ALIASES: Final = {
    "code acte": "code", "code ccam": "code", "prix": "tarif", "tarif secteur 1": "tarif", "brss": "tarif",
    "date d'effet": "date_debut", "date d effet": "date_debut", "date effet": "date_debut", "debut": "date_debut",
    "taux amo": "taux",
    "prix limite": "plafond", "honoraire limite": "plafond",
}  # fmt: skip
FORMATS: Final = ("%Y-%m-%d", "%d/%m/%Y", "%Y%m%d")
EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(2100, 1, 1)
OPPOSABLE: Final = frozenset({Tariff.Basket.OPPOSABLE, Tariff.Basket.PREVENTION})
MOST_BYTES: Final = 20_000_000
VALUES: Final = ("price", "brss", "rate_bp", "cap", "basket")


@dataclass(frozen=True, slots=True)
class OfficialRow:
    """One row as read: what the file says, nothing where it is silent."""

    line: int
    code: str
    base: int
    valid_from: date
    rate_bp: int | None
    basket: str
    cap: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one line; `before` and `after` are the base in cents."""

    line: int
    code: str
    outcome: str
    sentence: str = ""
    valid_from: date | None = None
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class OfficialReport:
    """What an import did, or would do: each line of the file that counts, in its order."""

    dry_run: bool
    lines: Sequence[Told]

    def count(self, outcome: str) -> int:
        """Return how many lines came out so: `new`, `changed`, `same`, `unknown` or `wrong`."""
        return sum(line.outcome == outcome for line in self.lines)


def read_official(content: bytes) -> tuple[list[OfficialRow], list[Told]]:
    """Read a file (UTF-8 or Windows Latin; semicolons, commas or tabs); raises BadFile without a usable header."""
    if len(content) > MOST_BYTES:
        raise BadFile(_("The file is larger than 20 MB."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise BadFile(_("This is not a text file."))
    header = text.split("\n", 1)[0]
    mark = next((sign for sign in (";", "\t", ",") if sign in header), ";")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows: list[OfficialRow] = []
    wrong: list[Told] = []
    names: list[str] = []
    seen: dict[tuple[str, date], int] = {}
    for line, cells in physical_lines(reader):
        if not names:
            names = columns_of(cells)
        elif any(cell.strip() for cell in cells):
            values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
            try:
                row = row_of(line, values)
            except ValueError as error:
                wrong.append(Told(line, values.get("code", "")[:20], "wrong", str(error)))
                continue
            first = seen.setdefault((row.code, row.valid_from), line)
            if first == line:
                rows.append(row)
            else:
                sentence = _("This code and day stand on line %(line)d already.") % {"line": first}
                wrong.append(Told(line, row.code, "wrong", sentence, row.valid_from))
    if not names:
        raise BadFile(_("The file is empty."))
    return rows, wrong


def columns_of(cells: Sequence[str]) -> list[str]:
    """Return what each column is, nothing for those that do not count; refuses a header that lacks one."""
    known = {*REQUIRED, *OPTIONAL}
    names = []
    for cell in cells:
        heading = fold(cell.strip()).replace("_", " ")
        name = ALIASES.get(heading, heading.replace(" ", "_"))
        names.append(name if name in known and name not in names else "")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise BadFile(_("Line 1: these columns are missing: %(names)s.") % {"names": ", ".join(missing)})
    return names


def row_of(line: int, values: dict[str, str]) -> OfficialRow:
    """Return a checked row; raises ValueError with the sentence that says what is wrong."""
    code = values.get("code", "").upper()
    if not any(form.fullmatch(code) for form in CODES.values()):
        raise ValueError(_("“%(code)s” is not the code of an act.") % {"code": code[:20]})
    base = amount_of(values.get("tarif", ""))
    if base is None:
        raise ValueError(_("The tariff must not be empty."))
    basket = values.get("panier", "")
    if basket and basket not in Tariff.Basket.values:
        raise ValueError(_("“%(value)s” is not a basket.") % {"value": basket[:20]})
    rate = values.get("taux", "").removesuffix("%").strip()
    if rate and not (rate.isascii() and rate.isdigit() and int(rate) <= 100):
        raise ValueError(_("“%(value)s” is not a rate in whole per cent.") % {"value": rate[:20]})
    return OfficialRow(
        line=line,
        code=code,
        base=base,
        valid_from=day_of(values.get("date_debut", "")),
        rate_bp=int(rate) * 100 if rate else None,
        basket=basket,
        cap=amount_of(values.get("plafond", "")),
    )


def amount_of(text: str) -> int | None:
    """Read an amount in euro as cents."""
    if not text:
        return None
    try:
        amount = parse_money(text, "EUR")
    except DomainError:
        amount = -1
    if amount < 0:
        raise ValueError(_("“%(value)s” is not an amount in euro.") % {"value": text[:20]})
    return amount


def day_of(text: str) -> date:
    """Read a day in one of the forms published tables have."""
    for form in FORMATS:
        try:
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if EARLIEST <= day <= LATEST:
            return day
    raise ValueError(_("“%(value)s” is not a day, such as 2026-01-31 or 31/01/2026.") % {"value": text[:20]})


@service("catalog.tariff.import_official")
def import_official(*, actor: Viewer, content: bytes, dry_run: bool = True) -> OfficialReport:
    """Put the tariffs of a file in force from their days, or only say what that would do.

    The tariff open on such a day ends there and none overlaps another; the same file twice changes nothing. Codes the
    catalogue does not know are told and left out, and so are wrong lines. Raises BadFile.
    """
    rows, told = read_official(content)
    with transaction.atomic():
        acts = {act.code: act for act in Act.objects.filter(code__in={row.code for row in rows})}
        known = timeline_of(acts.values())
        days: dict[date, list[OfficialRow]] = defaultdict(list)
        for row in rows:
            if row.code in acts:
                days[row.valid_from].append(row)
            else:
                told.append(
                    Told(
                        row.line,
                        row.code,
                        "unknown",
                        _("The catalogue does not know this act."),
                        row.valid_from,
                    )
                )
        for day in sorted(days):
            told += write_day(day, days[day], acts, known)
        if dry_run:
            transaction.set_rollback(True)
    return OfficialReport(dry_run, sorted(told, key=lambda line: line.line))


Timeline = dict[UUID, list[tuple[date, dict[str, Any]]]]


def timeline_of(acts: Any) -> Timeline:
    """Return what each act costs from which day on, in order."""
    found: Timeline = defaultdict(list)
    for tariff in Tariff.objects.filter(act__in=list(acts)).order_by("valid_from"):
        found[tariff.act_id].append((tariff.valid_from, {name: getattr(tariff, name) for name in VALUES}))
    return found


def write_day(day: date, rows: Sequence[OfficialRow], acts: dict[str, Act], known: Timeline) -> list[Told]:
    """Write the tariffs that begin on one day and tell them."""
    prices, told = [], []
    for row in rows:
        act = acts[row.code]
        line = known[act.pk]
        before = next((values for start, values in reversed(line) if start <= day), None)
        after = merged(row, before or (line[0][1] if line else None))
        if after["cap"] is not None and after["price"] > after["cap"]:
            told.append(
                Told(
                    row.line, row.code, "wrong", _("The price is above the highest price of its basket."), day
                )
            )
            continue
        outcome = "new" if before is None else "same" if before == after else "changed"
        told.append(
            Told(row.line, row.code, outcome, "", day, before["brss"] if before else None, after["brss"])
        )
        if outcome != "same":
            prices.append((act, after))
            known[act.pk] = sorted(
                [*((start, values) for start, values in line if start != day), (day, after)],
                key=lambda one: one[0],
            )
    if prices:
        write_tariffs(prices, day)
    return told


def merged(row: OfficialRow, before: dict[str, Any] | None) -> dict[str, Any]:
    """Return the values of a tariff: what the file says, else what was, else what an opposable act has."""
    basket = row.basket or (before["basket"] if before else Tariff.Basket.OPPOSABLE)
    follows = basket in OPPOSABLE or before is None
    return {
        "price": row.base if follows else before["price"],  # type: ignore[index]  # known where it does not follow
        "brss": row.base,
        "rate_bp": row.rate_bp if row.rate_bp is not None else before["rate_bp"] if before else 6000,
        "cap": row.cap if row.cap is not None else before["cap"] if before else None,
        "basket": str(basket),
    }
