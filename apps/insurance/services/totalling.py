"""What a reconciliation comes to, provider by provider: reads and sums, nothing is written.

Generating and previewing are the same calls; they differ in how the claims are counted, taken or only looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from apps.directory.models import Practice
from apps.insurance.models import (
    Dispute,
    Reconciliation,
    ReconciliationProvider,
    Retention,
)
from apps.insurance.retaining import Kept, kept_back, terms_of
from apps.insurance.services.reconciling_sql import CARRIED


@dataclass(slots=True)
class Account:
    """What one provider's row is made of while it is being added up."""

    kind: str
    claims: int = 0
    asked: int = 0
    covered: int = 0
    credits: int = 0
    releases: int = 0
    carried_in: int = 0
    disputes: list[Dispute] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    @property
    def retentions(self) -> int:
        """What is kept back under all codes."""
        return sum(row.amount for row in self.kept)

    @property
    def balance(self) -> int:
        """What is left for the provider, or by it."""
        return self.covered - self.retentions - self.credits + self.releases


def accounts_from(rows: Iterable[tuple[UUID, int, int, int, int]]) -> dict[UUID, Account]:
    """Return what claims come to by provider, from rows of provider, claims, asked, covered and taken back."""
    return {
        provider: Account("", claims=claims, asked=asked, covered=covered, credits=taken_back)
        for provider, claims, asked, covered, taken_back in rows
    }


def add_the_rest(header: Reconciliation, accounts: dict[UUID, Account]) -> list[UUID]:
    """Add guarantees that fall due, decided disputes, balances of before and retentions; return the guarantees' keys."""
    released = list(releasable(header).values_list("pk", "provider_id", "amount"))
    for _pk, provider, amount in released:
        accounts.setdefault(provider, Account("")).releases += amount
    for dispute in to_carry(header):
        account = accounts.setdefault(dispute.provider_id, Account(""))
        account.disputes.append(dispute)
        account.releases += max(carried_amount(dispute), 0)
        account.credits += max(-carried_amount(dispute), 0)
    with connection.cursor() as cursor:
        cursor.execute(CARRIED, {"insurer": header.insurer_id, "currency": header.currency})
        owed = dict(cursor.fetchall())
    kinds = dict(Practice.objects.filter(pk__in=list(accounts)).values_list("pk", "kind"))
    terms = terms_of(header.insurer.config)
    for provider, account in accounts.items():
        account.kind = kinds[provider]
        account.carried_in = owed.get(provider, 0)
        account.credits += account.carried_in
        account.kept = kept_back(
            terms,
            provider_kind=account.kind,
            covered=account.covered,
            taken=account.credits,
            day=header.period_end,
        )
    return [pk for pk, *_rest in released]


def releasable(header: Reconciliation) -> Any:
    """Return the guarantees of paid reconciliations that fall due by the end of the period."""
    return Retention.objects.filter(
        insurer=header.insurer_id,
        releasable_on__lte=header.period_end,
        released_in__isnull=True,
        reconciliation__currency=header.currency,
        reconciliation__status=Reconciliation.Status.PAID,
    )


def to_carry(header: Reconciliation) -> list[Dispute]:
    """Return the decided disputes of paid lines that no reconciliation has settled yet."""
    rows = Dispute.objects.filter(
        Q(withheld_amount__gt=0) | (Q(outcome_amount__isnull=False) & ~Q(outcome_amount=0)),
        insurer=header.insurer_id,
        carried_to__isnull=True,
        line__reconciliation__currency=header.currency,
        line__reconciliation__status=Reconciliation.Status.PAID,
    ).exclude(status=Dispute.Status.OPEN)
    return list(rows.select_related("line").order_by("pk"))


def carried_amount(dispute: Dispute) -> int:
    """Return what a decided dispute gives the provider, or takes: what was withheld, corrected by the outcome."""
    return int(dispute.withheld_amount + (dispute.outcome_amount or 0))


def totals_of(
    header: Reconciliation, accounts: dict[UUID, Account]
) -> tuple[list[ReconciliationProvider], list[Retention]]:
    """Return each provider's row and its retentions, unsaved, and add the header up from them."""
    providers, retentions = [], []
    sums: dict[str, int] = defaultdict(int)
    for number, (provider, account) in enumerate(sorted(accounts.items()), start=1):
        certificate = f"RS-{header.number.removeprefix('BRD-')}-{number:04d}" if account.kept else ""
        row = total_of(header, provider, account, certificate)
        providers.append(row)
        retentions += [retention_of(header, row, kept, certificate) for kept in account.kept]
        for name in ("claims", "amount", "covered", "retentions", "credits", "releases", "carried_out"):
            sums[name] += getattr(row, "total_amount" if name == "amount" else name)
        sums["net_payable"] += row.net
    for name, value in sums.items():
        setattr(header, f"total_{name}", value)
    return providers, retentions


def total_of(
    header: Reconciliation, provider: UUID, account: Account, certificate: str
) -> ReconciliationProvider:
    """Return a provider's row: nothing is paid where it owes more than it earned, the rest is carried forward."""
    return ReconciliationProvider(
        insurer_id=header.insurer_id,
        reconciliation=header,
        provider_id=provider,
        claims=account.claims,
        total_amount=account.asked,
        covered=account.covered,
        retentions=account.retentions,
        credits=account.credits,
        releases=account.releases,
        carried_in=account.carried_in,
        carried_out=max(-account.balance, 0),
        net=max(account.balance, 0),
        certificate_number=certificate,
    )


def retention_of(
    header: Reconciliation, row: ReconciliationProvider, kept: Kept, certificate: str
) -> Retention:
    """Return the row of what one code keeps back."""
    return Retention(
        insurer_id=header.insurer_id,
        reconciliation=header,
        provider_row=row,
        provider_id=row.provider_id,
        code=kept.code,
        kind=kept.kind,
        base=kept.base,
        base_amount=kept.base_amount,
        rate_bp=kept.rate_bp,
        amount=kept.amount,
        certificate_number=certificate,
        releasable_on=kept.releasable_on,
    )
