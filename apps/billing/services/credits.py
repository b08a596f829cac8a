"""Credit notes: the only way to take back what an issued invoice asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceItem, InvoiceShare, PaymentAllocation
from apps.billing.services.drafts import add_up
from apps.billing.services.issuing import finish
from apps.billing.services.network_credits import locked_claims, withdraw_claims
from apps.billing.services.settlement import locked, settle, shares_of
from apps.billing.states import INVOICE
from apps.core.errors import DomainError, InvalidInput
from apps.core.money import extract_vat, split
from apps.core.scope import Viewer
from apps.core.service import service


class NothingToCredit(DomainError):
    """Everything has been credited already, or a line less than asked is left."""

    code = "CREDIT_EXCEEDS_INVOICE"
    message = _("This is more than what is left of the invoice to credit.")


class CreditNoteNotCreditable(DomainError):
    """A credit note is not corrected by another one."""

    code = "CREDIT_NOTE_NOT_CREDITABLE"
    message = _("A credit note cannot be credited. Write a new invoice.")


class CreditWholeInvoice(DomainError):
    """A claim is taken back as a whole, and so is the invoice it was filed for."""

    code = "CREDIT_WHOLE_INVOICE"
    message = _("The payer network pays for this invoice: credit all of it and write another one.")


@service("billing.invoice.credit")
def credit_invoice(
    *,
    actor: Viewer,
    invoice: Invoice,
    reason: str,
    amounts: Mapping[UUID, int] | None = None,
    at: datetime,
) -> Invoice:
    """Issue a credit note over the rest of an invoice, or over `amounts` by line (minor units, VAT included).

    The shares are credited in proportion to what is left of them. Money already received beyond what remains
    due goes back on the payer's account. Treatments of a wholly credited invoice can be billed again. Refuses
    ILLEGAL_TRANSITION, CREDIT_EXCEEDS_INVOICE, CREDIT_NOTE_NOT_CREDITABLE, CREDIT_WHOLE_INVOICE (the payer network pays
    for it: its claims are withdrawn, or taken back once they are paid), and a missing reason.
    """
    claims = locked_claims(invoice)
    invoice = locked(invoice)
    if invoice.is_credit_note:
        raise CreditNoteNotCreditable
    INVOICE.next_state(invoice.status, "credit", invoice)
    if not reason.strip():
        raise InvalidInput(reason=[str(_("A credit note says why."))])
    if amounts is not None and any(claim.covered_amount for claim in claims):
        raise CreditWholeInvoice
    shares = shares_of(invoice)
    note = Invoice(
        practice=invoice.practice,
        kind=Invoice.Kind.CREDIT_NOTE,
        patient=invoice.patient,
        practitioner=invoice.practitioner,
        corrects=invoice,
        reason=reason.strip(),
        currency=invoice.currency,
        language=invoice.language,
    )
    items = credited_lines(note, invoice, amounts)
    add_up(note, items)
    note.clean_fields(exclude=["practice", "patient", "practitioner", "corrects"])
    parts = split_credit(note, shares)
    owed = [mirrored(note, share, part) for share, part in zip(shares, parts, strict=True)]
    note.save()
    InvoiceItem.objects.bulk_create(items)
    InvoiceShare.objects.bulk_create(owed)
    moved = release_payments(shares, parts, at=at)
    moved += PaymentAllocation.objects.bulk_create(
        [
            PaymentAllocation(
                practice_id=note.practice_id, share=share, credit_note=note, amount=part, allocated_at=at
            )
            for share, part in zip(shares, parts, strict=True)
            if part
        ]
    )
    settle(invoice, at=at)
    if invoice.status == Invoice.Status.CREDITED:
        invoice.items.filter(treatment__isnull=False).update(holds_treatment=False)
        withdraw_claims(claims, reason.strip(), at=at)
    return finish(note, Invoice.Status.ISSUED, items, owed, moved, at=at)


def credited_lines(note: Invoice, invoice: Invoice, amounts: Mapping[UUID, int] | None) -> list[InvoiceItem]:
    """Return the lines of a credit note, each naming the line it takes back."""
    items = list(invoice.items.order_by("position"))
    before = {
        row["corrects"]: row
        for row in InvoiceItem.objects.filter(corrects__invoice=invoice)
        .values("corrects")
        .annotate(total=Sum("total_amount"), vat=Sum("vat_amount"))
    }
    unknown = set(amounts or {}) - {item.pk for item in items}
    if unknown:
        raise InvalidInput(items=[str(_("This line is not on the invoice."))])
    lines: list[InvoiceItem] = []
    for item in items:
        done = before.get(item.pk, {"total": 0, "vat": 0})
        left = item.total_amount - done["total"]
        amount = left if amounts is None else amounts.get(item.pk, 0)
        if amount < 0 or amount > left:
            raise NothingToCredit(line=item.position, left=left)
        if amount:
            # The last credit of a line takes the VAT that is left, so that all of them together mirror it.
            vat = (
                item.vat_amount - done["vat"] if amount == left else extract_vat(amount, item.vat_rate_bp)[1]
            )
            lines.append(credited_line(note, item, amount, vat, position=len(lines) + 1))
    if not lines:
        raise NothingToCredit(left=0)
    return lines


def credited_line(note: Invoice, item: InvoiceItem, amount: int, vat: int, *, position: int) -> InvoiceItem:
    """Return a line that takes `amount` of another one back; a whole line keeps its quantity and price."""
    whole = amount == item.total_amount
    return InvoiceItem(
        practice_id=note.practice_id,
        invoice=note,
        position=position,
        act_id=item.act_id,
        corrects=item,
        performed_on=item.performed_on,
        code=item.code,
        label=item.label,
        tooth=item.tooth,
        quantity=item.quantity if whole else 1,
        unit_price=item.unit_price if whole else amount,
        discount=item.discount if whole else 0,
        total_amount=amount,
        net_amount=amount - vat,
        vat_amount=vat,
        vat_code=item.vat_code,
        vat_rate_bp=item.vat_rate_bp,
    )


def split_credit(note: Invoice, shares: Sequence[InvoiceShare]) -> list[int]:
    """Return how much of a credit falls on each share, in proportion to what is not credited yet."""
    return split(note.total_amount, [share.amount - share.moved - share.credited for share in shares])  # type: ignore[attr-defined]  # annotated


def mirrored(note: Invoice, share: InvoiceShare, part: int) -> InvoiceShare:
    """Return the credit note's own share."""
    return InvoiceShare(
        practice_id=note.practice_id,
        invoice=note,
        position=share.position,
        payer=share.payer,
        insurer_id=share.insurer_id,
        kind=share.kind,
        amount=part,
    )


def release_payments(
    shares: Sequence[InvoiceShare], parts: Sequence[int], *, at: datetime
) -> list[PaymentAllocation]:
    """Take payments back, the latest first, as far as the credit leaves less due than was paid; return the rows."""
    rows = []
    for share, part in zip(shares, parts, strict=True):
        excess = share.paid + share.credited + part - share.amount + share.moved  # type: ignore[attr-defined]  # annotated
        if excess <= 0:
            continue
        held = share.allocations.filter(payment__isnull=False).values("payment").annotate(held=Sum("amount"))
        for row in held.order_by("-payment"):
            taken = min(excess, row["held"])
            if taken > 0:
                rows.append(
                    PaymentAllocation(
                        practice_id=share.practice_id,
                        share=share,
                        payment_id=row["payment"],
                        amount=-taken,
                        allocated_at=at,
                    )
                )
                excess -= taken
    return list(PaymentAllocation.objects.bulk_create(rows))
