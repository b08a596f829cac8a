"""Who owes what: the shares of an invoice always add up to its total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from apps.billing.coverage import CoverableLine, Terms, TooMuchCovered, cover
from apps.billing.models import Invoice, InvoiceItem, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services.vat import EXEMPT
from apps.core.errors import DomainError, InvalidInput
from apps.directory.models import Insurer

Basis, Kind = InvoiceShare.Basis, InvoiceShare.Kind


class SharesDoNotAddUp(DomainError):
    """The shares do not make the total."""

    code = "SHARES_MISMATCH"
    message = _("The shares do not add up to the total of the invoice.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareInput:
    """One share as asked for; the patient's may be left out: it is the rest.

    An insurer's is an amount, or follows from the lines: a rate of their bases (a mandatory scheme's is each act's own
    when none is named), a lump sum that is cut where the fees are lower, or the answer of the payer network.
    """

    payer: str
    amount: int | None = None
    insurer: Insurer | None = None
    kind: str | None = None
    basis: str = Basis.GIVEN
    rate_bp: int | None = None
    lump: int | None = None


def build_shares(
    invoice: Invoice, shares: Sequence[ShareInput], items: Sequence[InvoiceItem] = ()
) -> list[InvoiceShare]:
    """Return the unsaved shares of a draft: insurers as asked for or as their terms say, the patient the rest.

    Refuses SHARES_MISMATCH, and shares that name no insurer, name one twice, say nothing or are negative.
    """
    insurers = [share for share in shares if share.payer == Payer.INSURER]
    patients = [share for share in shares if share.payer == Payer.PATIENT]
    check_named(insurers, patients)
    for share in insurers:
        check_terms(share)
    amounts = amounts_of(invoice, insurers, items)
    rest = invoice.total_amount - sum(amounts)
    if rest < 0 or (patients and patients[0].amount != rest):
        asked = sum(amounts) + sum(share.amount or 0 for share in patients)
        raise SharesDoNotAddUp(total_amount=invoice.total_amount, shares_amount=asked)
    owed = [*zip(insurers, amounts, strict=True), (ShareInput(payer=Payer.PATIENT), rest)]
    return [
        InvoiceShare(
            practice_id=invoice.practice_id,
            invoice=invoice,
            position=position,
            payer=share.payer,
            insurer=share.insurer,
            kind=kind_of(share) if share.insurer else None,
            amount=amount,
            basis=share.basis,
            rate_bp=share.rate_bp,
            lump_amount=share.lump,
        )
        for position, (share, amount) in enumerate(owed, start=1)
    ]


def amounts_of(invoice: Invoice, insurers: Sequence[ShareInput], items: Sequence[InvoiceItem]) -> list[int]:
    """Return what each insurer owes."""
    if all(share.basis == Basis.GIVEN for share in insurers):
        return [share.amount or 0 for share in insurers]
    terms = [
        terms_of(kind_of(share), share.basis, share.rate_bp, share.lump, share.amount) for share in insurers
    ]
    try:
        parts = cover([coverable(item) for item in items], terms)
    except TooMuchCovered:
        asked = sum(share.amount or 0 for share in insurers)
        raise SharesDoNotAddUp(total_amount=invoice.total_amount, shares_amount=asked) from None
    return [sum(row[at] for row in parts) for at in range(len(insurers))]


def terms_of(kind: str, basis: str, rate_bp: int | None, lump: int | None, amount: int | None) -> Terms:
    """Return an insurer's terms as the computation takes them."""
    if basis in {Basis.GIVEN, Basis.NETWORK}:
        return Terms(mandatory=kind == Kind.MANDATORY, lump=amount or 0, exact=True)
    return Terms(
        mandatory=kind == Kind.MANDATORY, rate_bp=rate_bp, lump=lump if basis == Basis.LUMP else None
    )


def coverable(item: InvoiceItem) -> CoverableLine:
    """Return what coverage needs of a line; insurers' rates have no base in care without a therapeutic purpose."""
    base = (item.brss or 0) * item.quantity if item.vat_code == EXEMPT else 0
    return CoverableLine(fee=item.total_amount, base=base, rate_bp=item.rate_bp or 0)


def check_named(insurers: Sequence[ShareInput], patients: Sequence[ShareInput]) -> None:
    """Refuse shares that cannot be told apart."""
    if any((share.amount or 0) < 0 for share in (*insurers, *patients)):
        raise InvalidInput(shares=[str(_("A share is not negative."))])
    if any(share.insurer is None for share in insurers):
        raise InvalidInput(shares=[str(_("An insurer's share names the insurer."))])
    if len(patients) > 1 or any(
        share.insurer or share.kind or share.basis != Basis.GIVEN for share in patients
    ):
        raise InvalidInput(shares=[str(_("The patient has one share, without an insurer."))])
    named = [(share.insurer.pk, kind_of(share)) for share in insurers if share.insurer]
    if len(set(named)) != len(named):
        raise InvalidInput(shares=[str(_("Each insurer has one share per scheme."))])


def check_terms(share: ShareInput) -> None:
    """Refuse an insurer's share that says nothing, or two things at once."""
    said = {
        Basis.GIVEN: share.amount is not None and share.rate_bp is None and share.lump is None,
        Basis.RATE: share.lump is None and (share.rate_bp is not None or kind_of(share) == Kind.MANDATORY),
        Basis.LUMP: share.lump is not None and share.rate_bp is None,
        Basis.NETWORK: share.lump is None and share.rate_bp is None,
    }
    if not said[Basis(share.basis)] or min(share.rate_bp or 0, share.lump or 0) < 0:
        raise InvalidInput(shares=[str(_("An insurer pays an amount, a rate of the base or a lump sum."))])


def kind_of(share: ShareInput) -> str:
    """Return the scheme a share is for: the one named, else the one its insurer usually pays for."""
    return str(share.kind or (share.insurer.kind if share.insurer else ""))
