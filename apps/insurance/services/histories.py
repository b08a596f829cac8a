"""What a person has had before, as the engine asks for it: one statement, whatever the number of lines."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from apps.insurance.engine import ContractTerms, History, PastLine, Request
from apps.insurance.models import Claim, ClaimItem
from apps.insurance.models.claims import HOLDING


def read_history(
    *,
    request: Request,
    terms: ContractTerms | None,
    fingerprint: str = "",
    leaving_out: Collection[UUID] = (),
) -> History:
    """Return the lines that hold their amounts: those of the days of care, those a frequency counts, and those given
    on the prior agreements the request names.

    Read under the lock of the person's balances, it holds until commit. `leaving_out` names claims that are not to
    count: the one that is decided again, the one a person said is not the same care. A claim that was taken back is no
    longer had, and still stands in the way of its like: its correction names it.
    """
    day = request.service_date
    until = request.service_end_date or day
    codes = {line.code for line in request.lines}
    wanted = Q(claim__service_date__range=(day, until))
    days = longest_window(terms, request.type, codes)
    if days > 1:
        reach = timedelta(days=days - 1)
        wanted |= Q(code__in=sorted(codes), claim__service_date__range=(day - reach, day + reach))
    quoted = sorted({line.agreement for line in request.lines if line.agreed_quantity})
    unused = Q()
    if quoted:
        # A question that still holds its amounts makes way for the claim that names it; one confirmed was used.
        wanted |= Q(preauthorisation__in=quoted) | Q(claim__in=[UUID(key) for key in quoted])
        unused = Q(claim__in=[UUID(key) for key in quoted], claim__status=Claim.Status.ELIGIBLE)
    rows = (
        ClaimItem.objects.filter(
            wanted,
            claim__adherent=UUID(request.adherent_id),
            claim__insurer=UUID(request.insurer_id),
            claim__status__in=HOLDING,
            claim__reversal_of__isnull=True,
        )
        .exclude(Q(claim__in=list(leaving_out)) | unused)
        .order_by("claim_id", "sequence")
        .values_list(
            "claim_id",
            "code",
            "claim__service_date",
            "explanation__quantity_allowed",
            "tooth",
            "preauthorisation",
            "claim__fingerprint",
            "claim__reversal",
        )
    )
    lines: list[PastLine] = []
    duplicate_of = ""
    for claim_id, code, on, quantity, tooth, quotes, known, reversal in rows:
        if fingerprint and known == fingerprint:
            duplicate_of = str(claim_id)
        if quantity and reversal is None:
            agreement = str(claim_id) if str(claim_id) in quoted else quotes
            lines.append(PastLine(str(claim_id), code, on, quantity, tooth, agreement))
    return History(tuple(lines), duplicate_of)


def longest_window(terms: ContractTerms | None, care_type: str, codes: Collection[str]) -> int:
    """Return the longest frequency window, in days, of these acts in the contract."""
    care = None if terms is None else terms.coverage.get(care_type)
    if care is None:
        return 0
    return max((care.acts[code].per_days or 1 for code in codes if code in care.acts), default=0)
