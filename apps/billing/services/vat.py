"""Which VAT code a line ends up with, and how much of its price is VAT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from apps.catalog.models import VatCode
from apps.core.errors import DomainError
from apps.directory.models import Practice

EXEMPT = "EXEMPT"
STANDARD = "STD20"
FRANCHISE = "FRANCHISE"
BY_INDICATION = "BY_INDICATION"


class UnknownVatCode(DomainError):
    """There is no such VAT code."""

    code = "VAT_CODE_UNKNOWN"
    status = 400
    message = _("This VAT code does not exist.")


class VatReasonRequired(DomainError):
    """A taxable act is exempt only for a therapeutic reason, which must be recorded."""

    code = "VAT_REASON_REQUIRED"
    message = _("This act is exempt from VAT only with a therapeutic reason: write it down, or tax the act.")


class VatCodeNotAllowed(DomainError):
    """The code does not go with the practice's VAT status."""

    code = "VAT_CODE_NOT_ALLOWED"
    message = _("This VAT code does not go with the VAT status of the practice.")


@dataclass(frozen=True, slots=True)
class LineVat:
    """The code a line carries, its rate, and the reason that was recorded for it."""

    code: str
    rate_bp: int
    reason: str = ""


def vat_codes() -> Mapping[str, VatCode]:
    """Return all VAT codes by code."""
    return VatCode.objects.in_bulk(field_name="code")


def resolve_vat(
    *, practice: Practice, of_act: str, asked: str, reason: str, codes: Mapping[str, VatCode]
) -> LineVat:
    """Decide a line's VAT from the act's code, the one asked for and the practice's status.

    A taxable act becomes exempt only with a reason; a taxed one becomes FRANCHISE below the small-business
    threshold. Refuses VAT_CODE_UNKNOWN, VAT_REASON_REQUIRED, VAT_CODE_NOT_ALLOWED.
    """
    wanted = asked or of_act or EXEMPT
    if wanted not in codes:
        raise UnknownVatCode(vat_code=wanted)
    taxable_act = of_act not in {"", EXEMPT}
    if wanted == BY_INDICATION or (wanted == EXEMPT and taxable_act):
        if not reason:
            raise VatReasonRequired(vat_code=wanted)
        return LineVat(EXEMPT, codes[EXEMPT].rate_bp, reason)
    if wanted == EXEMPT:
        return LineVat(EXEMPT, codes[EXEMPT].rate_bp, reason)
    status = practice.vat_status
    if status == practice.VatStatus.EXEMPT or (wanted == FRANCHISE and status == practice.VatStatus.LIABLE):
        raise VatCodeNotAllowed(vat_code=wanted, vat_status=status)
    code = FRANCHISE if status == practice.VatStatus.FRANCHISE else wanted
    return LineVat(code, codes[code].rate_bp, reason)
