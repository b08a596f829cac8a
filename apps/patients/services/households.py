"""Families that settle each other's bills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.patients.models import Household, Patient


@service("patients.household.create")
def create_household(
    *,
    actor: Viewer,
    practice: Practice,
    name: str,
    at: datetime,
    guarantor: Patient | None = None,
    members: Sequence[Patient] = (),
) -> Household:
    """Open a household; whoever pays for it and its members belong to the same practice."""
    household = Household(practice=practice, name=" ".join(name.split()))
    set_guarantor(household, guarantor)
    household.full_clean(exclude=["practice"])
    household.save()
    if any(member.practice_id != practice.pk for member in members):
        raise ValidationError({"members": [_("This does not exist.")]})
    everybody = {member.pk for member in members} | ({guarantor.pk} if guarantor else set())
    Patient.objects.filter(pk__in=everybody).update(household=household)
    return household


@service("patients.household.update")
def update_household(*, actor: Viewer, household: Household, at: datetime, **fields: Any) -> Household:
    """Rename a household or change who pays."""
    household = Household.objects.select_for_update(of=("self",)).get(pk=household.pk)
    if "name" in fields:
        household.name = " ".join(str(fields["name"]).split())
    if "guarantor" in fields:
        set_guarantor(household, fields["guarantor"])
    household.full_clean(exclude=["practice"])
    household.save(update_fields=["name", "guarantor", "updated_at"])
    return household


def set_guarantor(household: Household, guarantor: Patient | None) -> None:
    """Set who pays, refusing a patient of another practice."""
    if guarantor is not None and guarantor.practice_id != household.practice_id:
        raise ValidationError({"guarantor": [_("This does not exist.")]})
    household.guarantor = guarantor
