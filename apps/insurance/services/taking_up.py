"""One claim taken up by one person: locked, as they saw it, and theirs to decide."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput, PermissionRefused, Stale
from apps.core.scope import SystemActor, Viewer
from apps.core.transitions import IllegalTransition
from apps.insurance.models import Claim
from apps.insurance.states import CLAIM


class OwnClaim(DomainError):
    """Who filed a claim does not decide it."""

    code = "SEPARATION_OF_DUTIES"
    message = _("Whoever entered a claim does not review it.")


class ClaimReconciled(DomainError):
    """The claim stands in a reconciliation."""

    code = "CLAIM_RECONCILED"
    message = _("This claim stands in a reconciliation and does not change any more.")


def taken_up(actor: Viewer, claim: Claim, verb: str, expected_status: str) -> Claim:
    """Lock a claim and check that this person of the insurer may do this to it as it stands."""
    claim = allowed(actor, locked(claim), verb, expected_status)
    if claim.created_by_id is not None and claim.created_by_id == actor.id:
        raise OwnClaim
    if claim.reconciliation_id is not None:
        raise ClaimReconciled
    return claim


def own_claim(actor: Viewer, claim: Claim, verb: str, expected_status: str) -> Claim:
    """Lock one's own claim and check that its provider may do this to it as it stands."""
    claim = locked(claim)
    if not isinstance(actor, SystemActor) and actor.practice_id != claim.provider_id:
        raise PermissionRefused
    return allowed(actor, claim, verb, expected_status)


def allowed(actor: Viewer, claim: Claim, verb: str, expected_status: str) -> Claim:
    """Refuse a status that has moved, a verb it does not allow, and somebody who may not use it.

    A claim that takes another back is what it is: a reconciliation takes it, nobody decides it.
    """
    if claim.status != expected_status:
        raise Stale(status=claim.status)
    transition = CLAIM.find(claim.status, verb)
    if claim.reversal_of_id is not None:
        raise IllegalTransition(status=claim.status, allowed=[])
    if not actor.has_perm(transition.permission):
        raise PermissionRefused
    return claim


def locked(claim: Claim) -> Claim:
    """Return the claim under a lock, with whom it is between."""
    rows = Claim.objects.select_for_update(of=("self",), no_key=True)
    found: Claim = rows.select_related("insurer", "provider", "contract__insurer", "adherent").get(
        pk=claim.pk
    )
    return found


def require(reason: str) -> None:
    """Refuse a decision without a reason."""
    if not reason.strip():
        raise InvalidInput(reason=[_("A reason is needed.")])
