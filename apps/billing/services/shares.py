"""Who owes what: the shares of an invoice always add up to its total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.core.errors import DomainError, InvalidInput
from apps.directory.models import Insurer


class SharesDoNotAddUp(DomainError):
    """The shares do not make the total."""

    code = "SHARES_MISMATCH"
    message = _("The shares do not add up to the total of the invoice.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareInput:
    """One share as asked for; the patient's may be left out: it is the rest."""

    payer: str
    amount: int
    insurer: Insurer | None = None
    kind: str | None = None


def build_shares(invoice: Invoice, shares: Sequence[ShareInput]) -> list[InvoiceShare]:
    """Return the unsaved shares of a draft: insurers as asked for, the patient the rest.

    Refuses SHARES_MISMATCH, and shares that name no insurer, name one twice or are negative.
    """
    insurers = [share for share in shares if share.payer == Payer.INSURER]
    patients = [share for share in shares if share.payer == Payer.PATIENT]
    check_named(insurers, patients)
    rest = invoice.total_amount - sum(share.amount for share in insurers)
    if rest < 0 or (patients and patients[0].amount != rest):
        asked = sum(share.amount for share in shares)
        raise SharesDoNotAddUp(total_amount=invoice.total_amount, shares_amount=asked)
    everybody = [*insurers, ShareInput(payer=Payer.PATIENT, amount=rest)]
    return [
        InvoiceShare(
            practice_id=invoice.practice_id,
            invoice=invoice,
            position=position,
            payer=share.payer,
            insurer=share.insurer,
            kind=(share.kind or default_kind(share.insurer)) if share.insurer else None,
            amount=share.amount,
        )
        for position, share in enumerate(everybody, start=1)
    ]


def check_named(insurers: Sequence[ShareInput], patients: Sequence[ShareInput]) -> None:
    """Refuse shares that cannot be told apart."""
    if any(share.amount < 0 for share in (*insurers, *patients)):
        raise InvalidInput(shares=[str(_("A share is not negative."))])
    if any(share.insurer is None for share in insurers):
        raise InvalidInput(shares=[str(_("An insurer's share names the insurer."))])
    if len(patients) > 1 or any(share.insurer or share.kind for share in patients):
        raise InvalidInput(shares=[str(_("The patient has one share, without an insurer."))])
    named = [
        (share.insurer.pk, share.kind or default_kind(share.insurer)) for share in insurers if share.insurer
    ]
    if len(set(named)) != len(named):
        raise InvalidInput(shares=[str(_("Each insurer has one share per scheme."))])


def default_kind(insurer: Insurer) -> str:
    """Return the scheme an insurer usually pays for."""
    return str(insurer.kind)
