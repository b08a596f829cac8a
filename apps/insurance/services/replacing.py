"""A corrected claim names the one it replaces."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput
from apps.insurance.models import Claim
from apps.insurance.services.asking import Asked

# A fourth correction of the same care is a matter for people.
MOST_REPLACEMENTS: Final = 3


def refuse_replacement(asked: Asked) -> None:
    """Refuse (InvalidInput) to replace what is not over, is somebody else's, or was replaced often enough.

    A paid claim is replaced once it was taken back: until then it stands, and is paid.
    """
    replaced = asked.replaces
    if replaced is None:
        return
    if replaced.provider_id != asked.provider.pk or replaced.adherent_id != asked.adherent.pk:
        raise InvalidInput(replaces=[_("This does not exist.")])
    if replaced.status == Claim.Status.PAID:
        if not Claim.objects.filter(reversal_of=replaced).exists():
            raise InvalidInput(replaces=[_("A paid claim is taken back before it is replaced.")])
    elif replaced.status != Claim.Status.REJECTED:
        raise InvalidInput(replaces=[_("Only a claim that was rejected or paid can be replaced.")])
    if corrections_of(replaced) >= MOST_REPLACEMENTS:
        raise InvalidInput(replaces=[_("This claim was replaced three times already.")])


def corrections_of(claim: Claim) -> int:
    """Count the corrections of the claim that was filed first, this one among them, however they follow each other."""
    first = claim
    while first.replaces is not None:
        first = first.replaces
    count, step = 0, [first.pk]
    while step:
        step = list(Claim.objects.filter(replaces__in=step).values_list("pk", flat=True))
        count += len(step)
    return count
