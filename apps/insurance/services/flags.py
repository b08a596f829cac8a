"""What reviewers make of flags: each one teaches how far a rule can be trusted."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.models import ClaimFlag
from apps.insurance.services.guards import own_row


class ClaimNotDecided(DomainError):
    """The claim of the flag has no answer yet."""

    code = "CLAIM_NOT_DECIDED"
    message = _("This claim is still being decided.")


@service("insurance.flag.review")
def record_outcome(*, actor: Viewer, flag: ClaimFlag, outcome: str, at: datetime) -> ClaimFlag:
    """Say whether a flag was right; saying something else later replaces it, and the audit keeps both.

    Refuses (403) the flags of another insurer, and CLAIM_NOT_DECIDED while the claim is pending.
    """
    own_row(actor, flag.insurer_id)
    if flag.claim.status == flag.claim.Status.PENDING:
        raise ClaimNotDecided
    row: ClaimFlag = ClaimFlag.objects.select_for_update(of=("self",)).get(pk=flag.pk)
    if row.outcome == outcome and row.reviewed_by_id == actor.id:
        return row
    row.outcome, row.reviewed_by_id, row.reviewed_at = outcome, actor.id, at
    row.save(update_fields=["outcome", "reviewed_by", "reviewed_at"])
    return row
