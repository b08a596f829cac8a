"""A reconciliation as CSV and JSON: streams over the frozen rows, each carrying the one hash."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.utils.translation import gettext as _

from apps.core.money import exponent
from apps.core.scope import Viewer
from apps.directory.identifiers import masked_account
from apps.insurance.bordereau import content_now
from apps.insurance.models import Reconciliation, ReconciliationLine, ReconciliationProvider
from apps.insurance.reconciliation_selectors import line_values, totals_for

# A spreadsheet takes a cell that begins so for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


def csv_lines(reconciliation: Reconciliation, viewer: Viewer) -> Iterator[str]:
    """Yield the lines the viewer reads: semicolons, decimal commas, the bordereau's number and hash on each."""
    yield "\ufeff" + row_text(
        [
            _("Bordereau"), _("Provider"), _("Tax number"), _("Account"), _("Kind"), _("Claim"), _("Care"), _("Day of care"),
            _("Currency"), _("Asked"), _("Covered"), _("Retention"), _("Net"), "SHA-256",
        ]
    )  # fmt: skip
    currency, accounts = reconciliation.currency, accounts_shown(reconciliation, viewer)
    kinds = dict(ReconciliationLine.Kind.choices)
    for line in line_values(reconciliation, viewer):
        yield row_text(
            [
                reconciliation.number,
                line["provider__name"],
                line["provider__tax_id"],
                accounts[line["provider_id"]] or _("MISSING"),
                kinds[line["kind"]],
                line["claim_id"] or "",
                line["claim__type"] or "",
                line["claim__service_date"] or "",
                currency,
                *(decimal(line[name], currency) for name in ("amount", "covered", "retention", "net")),
                reconciliation.content_sha256,
            ]
        )


def json_lines(reconciliation: Reconciliation, viewer: Viewer) -> Iterator[str]:
    """Yield the canonical content and the lines its providers' hashes are made of; a provider's own part for it."""
    content = content_now(reconciliation)
    if viewer.practice_id is not None:
        own = str(viewer.practice_id)
        content = {
            name: content[name]
            for name in ("version", "insurer", "number", "currency", "period_start", "period_end")
        } | {"providers": [hidden(row) for row in content["providers"] if row["provider"] == own]}
    head = {"sha256": reconciliation.content_sha256, "content": content}
    yield orjson.dumps(head, option=orjson.OPT_SORT_KEYS).decode()[:-1] + ',"lines":['
    separator = ""
    for line in line_values(reconciliation, viewer):
        shown = {
            "provider": line["provider_id"],
            "claim": line["claim_id"],
            **{name: line[name] for name in ("kind", "amount", "covered", "retention", "net")},
        }
        yield separator + orjson.dumps(shown).decode()
        separator = ","
    yield "]}"


def hidden(row: dict[str, Any]) -> dict[str, Any]:
    """Return a provider's row with its account masked."""
    return {**row, "account": masked_account(row["account"])} if "account" in row else row


def accounts_shown(reconciliation: Reconciliation, viewer: Viewer) -> dict[UUID, str]:
    """Return where each provider the viewer reads of is paid, by provider."""
    rows = totals_for(viewer=viewer).filter(reconciliation=reconciliation)
    return {row.provider_id: account_shown(row, viewer) for row in rows}


def account_shown(row: ReconciliationProvider, viewer: Viewer) -> str:
    """Return where a provider is paid: whole for the insurer that pays, masked for anybody else, empty if unknown."""
    account = row.account or ""
    return account if viewer.insurer_id == row.insurer_id else masked_account(account)


def row_text(values: Sequence[Any]) -> str:
    """Return one row, none of whose cells a spreadsheet takes for a formula."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";").writerow([harmless(value) for value in values])
    return buffer.getvalue()


def harmless(value: Any) -> str:
    """Return a cell's text; a negative amount is a number, not a formula."""
    text = str(value)
    is_number = text.removeprefix("-").replace(",", "", 1).isdecimal()
    return f"'{text}" if text.startswith(FORMULA) and not is_number else text


def decimal(amount: int, currency: str) -> str:
    """Write an amount for a spreadsheet: `-1234,567`."""
    digits = exponent(currency)
    whole, rest = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole},{rest:0{digits}d}" if digits else f"{sign}{whole}"
