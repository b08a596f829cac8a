"""Accounts for the tax office (FEC) and for the accountant (CSV)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import orjson
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.models import AuditEntry
from apps.billing.accounting import ACCOUNTS, JOURNALS, Entry, Line, entries, takings, turnover_by_vat
from apps.core.crypto import blind_index
from apps.core.errors import DomainError
from apps.core.limits import RateLimited, reserve
from apps.core.money import exponent
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice

# LPF A47 A-1, and the four columns of cash-basis practices.
FEC_COLUMNS: Final = (
    "JournalCode JournalLib EcritureNum EcritureDate CompteNum CompteLib CompAuxNum CompAuxLib PieceRef PieceDate "
    "EcritureLib Debit Credit EcritureLet DateLet ValidDate Montantdevise Idevise DateRglt ModeRglt NatOp IdClient"
).split()
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "|")
REPORTS: Final = ("entries", "vat", "receipts")
PER_HOUR: Final = 10


class NoSiren(DomainError):
    """The file is named by a number the practice has not given."""

    code = "SIREN_MISSING"
    message = gettext_lazy("Give the practice's SIRET first: the file is named by it.")


def fec_name(practice: Practice, year: int) -> str:
    """Return `<SIREN>FEC<last day>.txt`; refuses SIREN_MISSING."""
    if len(practice.siret) != 14:
        raise NoSiren
    return f"{practice.siret[:9]}FEC{year}1231.txt"


def fec_lines(practice: Practice, year: int) -> Iterator[str]:
    """Yield the file: tab separated, one header, decimal commas, no thousands separator."""
    yield "\t".join(FEC_COLUMNS) + "\r\n"
    for entry in entries(practice=practice, first=date(year, 1, 1), last=date(year, 12, 31)):
        for line in entry.lines:
            yield "\t".join(fec_line(entry, line, practice.currency)) + "\r\n"


def fec_line(entry: Entry, line: Line, currency: str) -> list[str]:
    """Return the 22 values of a line."""
    debit, credit = (line.amount, 0) if line.is_debit else (0, line.amount)
    return [
        entry.journal,
        JOURNALS[entry.journal],
        str(entry.number),
        f"{entry.day:%Y%m%d}",
        line.account,
        ACCOUNTS[line.account],
        line.auxiliary,
        line.auxiliary_label,
        entry.piece,
        f"{entry.piece_day:%Y%m%d}",
        entry.label,
        comma(debit, currency),
        comma(credit, currency),
        "",
        "",
        f"{entry.day:%Y%m%d}",
        "",
        "",
        f"{entry.paid_on:%Y%m%d}" if entry.paid_on else "",
        entry.method,
        entry.nature,
        entry.client,
    ]


def comma(amount: int, currency: str) -> str:
    """Write an amount with a decimal comma."""
    digits = exponent(currency)
    whole, fraction = divmod(abs(amount), 10**digits)
    text = f"{whole},{fraction:0{digits}d}" if digits else str(whole)
    return f"-{text}" if amount < 0 else text


def journal_lines(practice: Practice, report: str, first: date, last: date) -> Iterator[str]:
    """Yield a report as CSV for spreadsheets (semicolons, decimal commas, nothing that starts a formula)."""
    yield "\ufeff"
    for row in rows_of(practice, report, first, last):
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=";").writerow([harmless(value) for value in row])
        yield buffer.getvalue()


def rows_of(practice: Practice, report: str, first: date, last: date) -> Iterator[Sequence[Any]]:
    """Yield the head and the rows of a report."""
    currency = practice.currency
    if report == "vat":
        yield [_("VAT code"), _("Rate"), _("Without VAT"), _("VAT"), _("With VAT")]
        for row in turnover_by_vat(practice=practice, first=first, last=last):
            sums = [comma(value, currency) for value in (row.net, row.vat, row.net + row.vat)]
            yield [row.vat_code, f"{row.rate_bp // 100},{row.rate_bp % 100:02d}", *sums]
    elif report == "receipts":
        yield [_("Date"), _("method"), _("amount")]
        for taken in takings(practice=practice, first=first, last=last):
            yield [taken.day.isoformat(), taken.method, comma(taken.amount, currency)]
    else:
        yield [_("Number"), _("Date"), _("Journal"), _("Account"), _("Name of the account"), _("Third party"),
               _("Document"), _("label"), _("Debit"), _("Credit")]  # fmt: skip
        for entry in entries(practice=practice, first=first, last=last):
            for line in entry.lines:
                values = fec_line(entry, line, currency)
                yield [values[2], entry.day.isoformat(), values[0], *values[4:7], values[8], *values[10:13]]


def harmless(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula; a negative amount is a number."""
    text = str(value)
    is_number = text.lstrip("-").replace(",", "").isdigit()
    return f"'{text}" if text.startswith(FORMULA) and not is_number else text


@service("billing.accounting.export")
def record_export(*, actor: Viewer, practice: Practice, what: str, at: datetime) -> None:
    """Count and record that somebody takes the accounts away; raises RateLimited beyond ten an hour."""
    wait = reserve(f"export:{actor.id}", limit=PER_HOUR, window=3600)
    if wait:
        raise RateLimited(retry_after=wait)
    changes = {"export": [None, what]}
    payload = orjson.dumps(changes, option=orjson.OPT_SORT_KEYS).decode()
    AuditEntry.objects.create(
        content_type=ContentType.objects.get_for_model(Practice),
        object_pk=str(practice.pk),
        action=AuditEntry.Action.ACCESS,
        changes=changes,
        practice_id=practice.pk,
        timestamp=at,
        payload_sha256=blind_index(payload, purpose="audit.export").removeprefix("h1:"),
    )
