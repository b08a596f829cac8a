"""What a reconciliation would say, before anything of it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from apps.core.scope import Viewer
from apps.directory.models import Insurer, Practice
from apps.insurance.models import Reconciliation, ReconciliationProvider, Retention
from apps.insurance.reconciliation_selectors import totals_for
from apps.insurance.services.guards import own_insurer
from apps.insurance.services.jobs import is_large
from apps.insurance.services.reconciling import (
    NothingToReconcile,
    cutoff_of,
    new_header,
    standing_one,
    waiting_currency,
)
from apps.insurance.services.reconciling_sql import LOOK
from apps.insurance.services.totalling import accounts_from, add_the_rest, totals_of


@dataclass(frozen=True, slots=True)
class CodeTotal:
    """What one code keeps back of all providers, in minor units; the rate is None for fixed amounts."""

    code: str
    kind: str
    rate_bp: int | None
    providers: int
    base_amount: int
    amount: int

    @property
    def kind_label(self) -> str:
        """Return the kind as people read it."""
        return str(Retention.Kind(self.kind).label)


@dataclass(frozen=True, slots=True)
class Preview:
    """A reconciliation as it would be: `header` and the rows are not stored unless `existing` is set.

    `existing` is the one that stands for the period already; generating returns it, so the totals are its own.
    `is_large` says that a worker would make it. Providers are in the order of their names.
    """

    header: Reconciliation
    providers: Sequence[ReconciliationProvider]
    retentions: Sequence[Retention]
    codes: Sequence[CodeTotal]
    existing: Reconciliation | None
    is_large: bool

    @property
    def carried_in(self) -> int:
        """What providers owe from before, part of the credits."""
        return sum(row.carried_in for row in self.providers)


def preview_reconciliation(
    *,
    viewer: Viewer,
    insurer: Insurer,
    period_start: date,
    period_end: date,
    currency: str | None = None,
    at: datetime,
) -> Preview:
    """Return what generating a reconciliation now would give; nothing is locked, taken or stored.

    The sums are those of `generate_reconciliation`, which calls the same functions. The number of statements does not
    depend on how many claims or providers there are. Refuses what generating refuses: VALIDATION_ERROR,
    PERIOD_OVERLAPS, CURRENCY_MISMATCH and NOTHING_TO_RECONCILE.
    """
    own_insurer(viewer, insurer)
    cutoff = cutoff_of(insurer, period_start, period_end, at)
    currency = currency or waiting_currency(insurer, cutoff)
    existing = standing_one(insurer, currency, period_start, period_end)
    if existing is not None:
        rows = list(totals_for(viewer=viewer).filter(reconciliation=existing))
        kept = list(Retention.objects.filter(reconciliation=existing).order_by("provider_id", "code"))
        return Preview(existing, rows, kept, codes_of(kept), existing, is_large=False)
    header = new_header(
        insurer=insurer,
        period_start=period_start,
        period_end=period_end,
        cutoff=cutoff,
        currency=currency,
        at=at,
    )
    with connection.cursor() as cursor:
        cursor.execute(LOOK, {"insurer": insurer.pk, "currency": currency, "cutoff": cutoff})
        accounts = accounts_from(cursor.fetchall())
    add_the_rest(header, accounts)
    if not accounts:
        raise NothingToReconcile(insurer=str(insurer.pk), currency=currency)
    providers, retentions = totals_of(header, accounts)
    practices = Practice.objects.in_bulk([row.provider_id for row in providers])
    for row in providers:
        row.provider = practices[row.provider_id]
    return Preview(
        header=header,
        providers=sorted(providers, key=lambda row: (row.provider.name, str(row.provider_id))),
        retentions=retentions,
        codes=codes_of(retentions),
        existing=None,
        is_large=is_large(insurer=insurer, at=at),
    )


def codes_of(retentions: Sequence[Retention]) -> list[CodeTotal]:
    """Add retentions up by code and rate, in the order of the codes."""
    found: dict[tuple[str, str, int], list[Retention]] = {}
    for row in retentions:
        found.setdefault((row.code, row.kind, -1 if row.rate_bp is None else row.rate_bp), []).append(row)
    return [
        CodeTotal(
            code=code,
            kind=kind,
            rate_bp=rows[0].rate_bp,
            providers=len(rows),
            base_amount=sum(row.base_amount for row in rows),
            amount=sum(row.amount for row in rows),
        )
        for (code, kind, _rate), rows in sorted(found.items())
    ]
