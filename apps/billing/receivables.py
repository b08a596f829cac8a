"""Who owes the practice what, and since when: patients and insurers by age of debt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from apps.billing.instalments import Due, owed_since
from apps.billing.models import Invoice, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.plans import left_of
from apps.billing.statements import ages_of, open_plans
from apps.core.scope import Viewer
from apps.directory.models import Practice


@dataclass(frozen=True, slots=True)
class Debtor:
    """A patient or an insurer: minor units by the four columns of age, how many invoices, since which day."""

    payer: str
    key: UUID
    name: str
    invoices: int
    since: date
    ages: Sequence[int]

    @property
    def total(self) -> int:
        """All that is owed."""
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Receivables:
    """What is owed on a day, the largest debts first."""

    on: date
    currency: str
    debtors: Sequence[Debtor]

    def ages(self, payer: str) -> list[int]:
        """Return the four columns of one kind of payer."""
        mine = [debtor.ages for debtor in self.debtors if debtor.payer == payer]
        return [sum(column) for column in zip(*mine, strict=True)] if mine else [0, 0, 0, 0]


class Debt(NamedTuple):
    """What is left of one share."""

    payer: str
    key: UUID
    name: str
    parts: list[Due]


def receivables(*, viewer: Viewer, practice: Practice, today: date) -> Receivables:
    """Return what the patients a viewer sees and their insurers owe today; three queries whatever is owed.

    A patient's debt ages as in their statement (`statements.aging`), an insurer's from the day of issue.
    """
    invoices = Invoice.objects.visible_to(viewer).filter(practice=practice)
    shares = InvoiceShare.objects.owed().filter(invoice__in=invoices).with_balance().filter(balance__gt=0)
    rows = list(shares.select_related("insurer", "invoice__patient"))
    patients = {row.invoice.patient_id for row in rows if row.payer == Payer.PATIENT}
    plans = open_plans(practice, sorted(patients))
    debts = []
    for row in rows:
        invoice, issued_on = row.invoice, row.invoice.issued_on or today
        if row.insurer is None:
            left = left_of(plans.get(invoice.pk), today)
            parts = owed_since(row.balance, issued_on, left)
            debts.append(Debt(row.payer, invoice.patient_id, invoice.patient.display_name, parts))
        else:
            debts.append(Debt(row.payer, row.insurer.pk, row.insurer.name, [Due(issued_on, row.balance)]))
    return Receivables(today, practice.currency, arranged(debts, today))


def arranged(debts: Sequence[Debt], today: date) -> list[Debtor]:
    """Put the debts of each debtor together, the largest first."""
    found = []
    ordered = sorted(debts, key=lambda debt: (debt.payer, str(debt.key)))
    for (payer, key), mine in groupby(ordered, key=lambda debt: (debt.payer, debt.key)):
        owed = list(mine)
        parts = [part for debt in owed for part in debt.parts]
        since = min(part.due_on for part in parts)
        found.append(Debtor(payer, key, owed[0].name, len(owed), since, ages_of(parts, today)))
    return sorted(found, key=lambda debtor: (-debtor.total, debtor.name, str(debtor.key)))
