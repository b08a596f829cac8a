"""The payments a reconciliation comes to, one per provider: what a bank statement is matched with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.scope import Viewer
from apps.insurance.bordereau_files import account_shown, decimal, row_text
from apps.insurance.models import Reconciliation, ReconciliationProvider
from apps.insurance.reconciliation_selectors import left_out, totals_for


@dataclass(frozen=True, slots=True)
class Transfer:
    """One provider's payment: its reference, where it goes, and what it is made of; minor units.

    `amount` is what was transferred, or would be today: the net less what disputes leave out. `account` is whole for
    the insurer that pays, else masked, and empty when it was not known.
    """

    reference: str
    total: ReconciliationProvider
    account: str
    disputed: int
    amount: int


def transfers_of(reconciliation: Reconciliation, viewer: Viewer) -> list[Transfer]:
    """Return the payments the viewer has to do with, in the order of their references; nothing is paid to nobody."""
    order = ReconciliationProvider.objects.filter(reconciliation=reconciliation).order_by("pk")
    numbers = {pk: number for number, pk in enumerate(order.values_list("pk", flat=True), start=1)}
    withheld = left_out(reconciliation)
    rows = totals_for(viewer=viewer).filter(reconciliation=reconciliation)
    return [
        Transfer(
            reference=reference_of(reconciliation, numbers[row.pk]),
            total=row,
            account=account_shown(row, viewer),
            disputed=withheld.get(row.provider_id, 0),
            amount=row.net - withheld.get(row.provider_id, 0),
        )
        for row in sorted(rows, key=lambda row: numbers[row.pk])
    ]


def reference_of(reconciliation: Reconciliation, number: int) -> str:
    """Return the reference of one payment: the bordereau's number and the provider's place in it, which never change."""
    return f"{reconciliation.number}-{number:04d}"


def payment_lines(reconciliation: Reconciliation, viewer: Viewer) -> Iterator[str]:
    """Yield a line per payment and one that closes the lot with its counts and sums, as semicolon-separated values.

    Providers that get nothing have no payment; a cancelled reconciliation has none at all.
    """
    yield "\ufeff" + row_text(
        [
            _("Record"), _("Bordereau"), _("Reference"), _("Payment reference"), _("Day of payment"), _("Provider"),
            _("Tax number"), _("Account"), _("Account known"), _("Claims"), _("Currency"), _("Covered"),
            _("Retentions"), _("Credits"), _("Releases"), _("Disputed"), _("Amount"), "SHA-256",
        ]
    )  # fmt: skip
    is_cancelled = reconciliation.status == Reconciliation.Status.CANCELLED
    transfers = [] if is_cancelled else [each for each in transfers_of(reconciliation, viewer) if each.amount]
    for each in transfers:
        name, tax_id = each.total.provider.name, each.total.provider.tax_id
        known = _("yes") if each.account else _("MISSING")
        yield record(
            reconciliation, [_("payment"), each.reference], [name, tax_id, each.account, known], [each]
        )
    missing = sum(not each.account for each in transfers)
    count = len(transfers)
    counts = [ngettext("%(count)d payment", "%(count)d payments", count) % {"count": count}, "", ""]
    yield record(
        reconciliation,
        [_("lot"), ""],
        [*counts, _("MISSING: %(count)d") % {"count": missing} if missing else _("yes")],
        transfers,
    )


def record(reconciliation: Reconciliation, head: list[str], who: list[str], paid: list[Transfer]) -> str:
    """Return one line: what it is, who is paid, and the sums of the payments it stands for."""
    currency = reconciliation.currency
    kind, reference = head
    totals = [each.total for each in paid]
    sums = [
        sum(getattr(row, name) for row in totals) for name in ("covered", "retentions", "credits", "releases")
    ]
    sums += [sum(each.disputed for each in paid), sum(each.amount for each in paid)]
    return row_text(
        [
            kind,
            reconciliation.number,
            reference,
            reconciliation.payment_reference or "",
            reconciliation.payment_date or "",
            *who,
            sum(row.claims for row in totals),
            currency,
            *(decimal(amount, currency) for amount in sums),
            reconciliation.content_sha256,
        ]
    )
