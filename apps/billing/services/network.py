"""Third-party payment through the payer network: a draft shows what would be paid, its issue files the claims.

One claim per insurer and day of care. The claims are decided inside the transaction that issues the invoice, before its
number is taken, and their answer fixes the shares: two people who issue at once, or a process that dies in between,
leave one invoice with its claims or neither.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from apps.billing.coverage import TooMuchCovered, cover
from apps.billing.models import Invoice, InvoiceItem, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services.lines import price_line
from apps.billing.services.shares import ShareInput, SharesDoNotAddUp, coverable, kind_of, terms_of
from apps.billing.services.training import is_training
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.directory.models import Insurer
from apps.insurance.engine.explain import explain
from apps.insurance.models import Claim, PatientCoverage
from apps.insurance.services.asking import Asked, AskedLine
from apps.insurance.services.claims import submit_claim
from apps.insurance.services.eligibility import check_eligibility

SOURCE: Final = "billing.invoice"
NETWORK: Final = InvoiceShare.Basis.NETWORK
# A claim of these keeps its place in the limits of the contract: what its provider bears is not asked of the patient.
GRANTED: Final = frozenset({Claim.Status.ELIGIBLE, Claim.Status.APPROVED, Claim.Status.PENDING_REVIEW})


class NoNetworkCoverage(DomainError):
    """The patient's file names no contract of this insurer for the day of care."""

    code = "NO_NETWORK_COVERAGE"
    message = _("The patient's file names no contract of this insurer on the day of care.")


class CurrencyMismatch(DomainError):
    """The contract pays in another currency than the invoice asks in."""

    code = "CURRENCY_MISMATCH"
    message = _("The contract and the invoice are in different currencies.")


@dataclass(frozen=True, slots=True)
class Answered:
    """What the network answers for one line: what the insurer pays, what nobody may ask of the patient, and why."""

    covered: int = 0
    writeoff: int = 0
    explanation: str = ""


def with_network_amounts(
    actor: Viewer,
    invoice: Invoice,
    shares: Sequence[ShareInput],
    items: Sequence[InvoiceItem],
    *,
    at: datetime,
) -> list[ShareInput]:
    """Fill in what the network would pay of a draft; nothing is stored. Refuses as `ask_network` does."""
    if not any(share.basis == NETWORK for share in shares):
        return list(shares)
    asking = Asking(actor, invoice, list(items), at, files=False)
    filled = []
    before = paid_by_others(shares, items)
    for position, share in enumerate(shares, start=1):
        if share.basis != NETWORK or share.insurer is None:
            filled.append(share)
            continue
        answers = asking.ask(share.insurer, position, before)
        filled.append(replace(share, amount=sum(answer.covered for answer in answers.values())))
        for at_line, item in enumerate(items):
            before[at_line] += answers[item.pk].covered
    return filled


@dataclass(frozen=True, slots=True)
class Previewed:
    """What an insurer of the network would answer for a draft's lines today, by line, or why it would not."""

    share: InvoiceShare
    answers: Mapping[UUID, Answered]
    refusal: str = ""


def preview_network(actor: Viewer, invoice: Invoice, *, at: datetime) -> list[Previewed]:
    """Ask the network about a stored draft, one insurer after the other, as its issue would; nothing is stored."""
    items = list(invoice.items.select_related("treatment").order_by("position"))
    shares = list(invoice.shares.select_related("insurer").order_by("position"))
    asking = Asking(actor, invoice, items, at, files=False)
    found: list[Previewed] = []
    try:
        before = paid_by_others([as_input(share) for share in shares], items)
    except SharesDoNotAddUp:
        return found
    for share in shares:
        if share.basis != NETWORK or share.insurer is None:
            continue
        try:
            answers = asking.ask(share.insurer, share.position, before)
        except DomainError as refusal:
            found.append(Previewed(share, {}, str(refusal)))
            continue
        found.append(Previewed(share, answers))
        for at_line, item in enumerate(items):
            before[at_line] += answers[item.pk].covered
    return found


def file_claims(
    actor: Viewer, invoice: Invoice, items: list[InvoiceItem], shares: list[InvoiceShare], *, at: datetime
) -> None:
    """File the claims of a locked draft and let their answers fix its shares; what the provider bears is a discount.

    Does nothing where no share is the network's. Refuses as `ask_network` does, and shares that no longer add up.
    """
    asked = [share for share in shares if share.basis == NETWORK and share.insurer is not None]
    if not asked:
        return
    asking = Asking(actor, invoice, items, at, files=not is_training(invoice.practice_id))
    before = paid_by_others([as_input(share) for share in shares], items)
    for share in asked:
        answers = asking.ask(insurer_of(share), share.position, before)
        share.amount = sum(answer.covered for answer in answers.values())
        for at_line, item in enumerate(items):
            before[at_line] += answers[item.pk].covered
            item.discount += answers[item.pk].writeoff
            price_line(item)
    patient = next(share for share in shares if share.payer == Payer.PATIENT)
    invoice.total_amount = sum(item.total_amount for item in items)
    invoice.net_amount = sum(item.net_amount for item in items)
    invoice.vat_amount = sum(item.vat_amount for item in items)
    patient.amount = invoice.total_amount - sum(share.amount for share in shares if share is not patient)
    if patient.amount < 0:
        raise SharesDoNotAddUp(total_amount=invoice.total_amount)
    InvoiceItem.objects.bulk_update(items, ["discount", "total_amount", "net_amount", "vat_amount"])
    InvoiceShare.objects.bulk_update(shares, ["amount"])


@dataclass(slots=True)
class Asking:
    """One invoice before the network; `files` says whether claims are stored or only priced."""

    actor: Viewer
    invoice: Invoice
    items: list[InvoiceItem]
    at: datetime
    files: bool

    def ask(self, insurer: Insurer, position: int, before: Sequence[int]) -> dict[UUID, Answered]:
        """Return the insurer's answer for each line; free lines are not asked about.

        Refuses NO_NETWORK_COVERAGE and CURRENCY_MISMATCH.
        """
        found: Counter[UUID] = Counter()
        borne: Counter[UUID] = Counter()
        said: dict[UUID, list[str]] = defaultdict(list)
        days: dict[date, list[tuple[InvoiceItem, int]]] = defaultdict(list)
        for item, prior in zip(self.items, before, strict=True):
            if item.code and item.total_amount > prior:
                days[item.performed_on].append((item, prior))
        if not days:
            self.coverage(insurer, self.at.astimezone(self.invoice.practice.zone).date())
        for day, asked_items in sorted(days.items()):
            owners = [(item, line) for item, prior in asked_items for line in lines_of(item, prior)]
            asked = self.asked(self.coverage(insurer, day), day, [line for _item, line in owners])
            for (item, _line), answer in zip(owners, self.answers(asked, position), strict=True):
                found[item.pk] += answer.covered
                borne[item.pk] += answer.writeoff
                said[item.pk].append(answer.explanation)
        return {
            item.pk: Answered(found[item.pk], borne[item.pk], " ".join(dict.fromkeys(said[item.pk])).strip())
            for item in self.items
        }

    def coverage(self, insurer: Insurer, day: date) -> PatientCoverage:
        """Return the patient's contract with an insurer on a day."""
        rows = PatientCoverage.objects.filter(
            practice_id=self.invoice.practice_id, patient=self.invoice.patient_id, contract__insurer=insurer
        )
        found: PatientCoverage | None = (
            rows.on(day).select_related("contract__insurer", "adherent__insurer").first()
        )
        if found is None:
            raise NoNetworkCoverage(insurer=str(insurer.pk), day=day.isoformat())
        if found.contract.currency != self.invoice.currency:
            raise CurrencyMismatch(invoice=self.invoice.currency, contract=found.contract.currency)
        return found

    def asked(self, coverage: PatientCoverage, day: date, lines: Sequence[AskedLine]) -> Asked:
        """Return the claim of one day."""
        return Asked(
            type="dental",
            provider=self.invoice.practice,
            adherent=coverage.adherent,
            contract=coverage.contract,
            service_date=day,
            lines=tuple(lines),
            practitioner_ref=str(self.invoice.practitioner_id),
            source_type=SOURCE,
            source_id=self.invoice.pk,
        )

    def answers(self, asked: Asked, position: int) -> Iterator[Answered]:
        """Yield the answer to each line asked about."""
        if not self.files:
            preview = check_eligibility(actor=self.actor, asked=asked, at=self.at).preview
            for sequence in range(len(asked.lines)):
                line = preview.lines[sequence] if preview is not None else None
                if line is None:
                    yield Answered()
                    continue
                why = explain(line, self.invoice.currency, get_language() or "fr")
                yield Answered(line.covered, line.writeoff, why)
            return
        key = f"invoice:{self.invoice.pk}:{position}:{asked.service_date}"
        claim = submit_claim(actor=self.actor, asked=asked, idempotency_key=key, at=self.at)
        for row in claim.items.order_by("sequence"):
            granted = claim.status in GRANTED
            yield Answered(row.covered_amount, row.writeoff_amount if granted else 0)


def lines_of(item: InvoiceItem, prior: int) -> list[AskedLine]:
    """Return a line as claims know it: quantity times a whole price; two where a discount does not divide evenly."""
    low, rest = divmod(item.total_amount, item.quantity)
    parts = [(rest, low + 1), (item.quantity - rest, low)]
    lines = []
    for quantity, unit_price in parts:
        if quantity:
            paid = min(prior, quantity * unit_price)
            prior -= paid
            lines.append(
                AskedLine(
                    code=item.code,
                    quantity=quantity,
                    unit_price=unit_price,
                    label=item.label,
                    tooth=item.tooth,
                    surfaces=item.treatment.surfaces if item.treatment is not None else "",
                    prior_paid=paid,
                )
            )
    return lines


def paid_by_others(shares: Sequence[ShareInput], items: Sequence[InvoiceItem]) -> list[int]:
    """Return what insurers outside the network pay of each line: to the network they paid before."""
    others = [share for share in shares if share.payer == Payer.INSURER and share.basis != NETWORK]
    terms = [terms_of(kind_of(s), s.basis, s.rate_bp, s.lump, s.amount) for s in others]
    try:
        parts = cover([coverable(item) for item in items], terms)
    except TooMuchCovered:
        raise SharesDoNotAddUp(total_amount=sum(item.total_amount for item in items)) from None
    return [sum(row[:-1]) for row in parts]


def as_input(share: InvoiceShare) -> ShareInput:
    """Return a stored share as it was asked for."""
    return ShareInput(
        payer=share.payer,
        insurer=share.insurer,
        kind=share.kind,
        basis=share.basis,
        amount=share.amount,
        rate_bp=share.rate_bp,
        lump=share.lump_amount,
    )


def insurer_of(share: InvoiceShare) -> Insurer:
    """Return the insurer of an insurer's share."""
    if share.insurer is None:
        raise SharesDoNotAddUp
    return share.insurer


def claims_of(invoice: Invoice) -> Mapping[UUID, Claim]:
    """Return the claims filed for an invoice by key, those taken back and what takes them back left out."""
    rows = Claim.objects.filter(
        source_type=SOURCE, source_id=invoice.pk, reversal_of__isnull=True, reversal__isnull=True
    )
    return {claim.pk: claim for claim in rows.order_by("pk")}
