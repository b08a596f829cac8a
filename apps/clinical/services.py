"""Treatments: recorded, carried out, cancelled."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.agenda.models import Appointment
from apps.catalog.models import Act
from apps.catalog.selectors import price_of
from apps.catalog.teeth import check_location
from apps.clinical.hooks import treatment_cancelling
from apps.clinical.models import Treatment
from apps.core.errors import DomainError, InvalidInput, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.transitions import Table, Transition
from apps.directory.models import Practitioner
from apps.patients.models import Patient

S = Treatment.Status
TREATMENT: Final = Table(
    "treatment",
    [
        Transition((S.PLANNED,), "complete", S.DONE, "clinical.complete_treatment"),
        Transition((S.PLANNED, S.DONE), "cancel", S.CANCELLED, "clinical.cancel_treatment"),
    ],
    states=S.values,
)


class NotOneVisit(DomainError):
    """The appointment is another patient's."""

    code = "APPOINTMENT_OF_ANOTHER_PATIENT"
    message = _("This appointment belongs to another patient.")


class ActOutOfUse(DomainError):
    """The act is no longer in the catalogue's use."""

    code = "ACT_NOT_IN_USE"
    message = _("This act is no longer in use.")


class NotATreater(DomainError):
    """An assistant helps and does not treat."""

    code = "NOT_A_PRACTITIONER"
    message = _("Acts are carried out by a practitioner or a hygienist.")


@service("clinical.treatment.record")
def record_treatment(
    *,
    actor: Viewer,
    patient: Patient,
    act: Act,
    practitioner: Practitioner,
    appointment: Appointment | None = None,
    tooth: str = "",
    surfaces: str = "",
    price: int | None = None,
    done: bool = False,
    at: datetime,
) -> Treatment:
    """Write down an act, planned or already done; the price is the practice's fee unless given (minor units).

    Refuses: the tooth rules of `check_location`, ACT_NOT_IN_USE, APPOINTMENT_OF_ANOTHER_PATIENT,
    NOT_A_PRACTITIONER.
    """
    if done and not actor.has_perm("clinical.complete_treatment"):
        raise PermissionRefused
    if not act.is_active:
        raise ActOutOfUse(act=act.code)
    if practitioner.kind == Practitioner.Kind.ASSISTANT:
        raise NotATreater
    if appointment is not None and appointment.patient_id != patient.pk:
        raise NotOneVisit
    if price is not None and price < 0:
        raise InvalidInput(price=[str(_("A price is not negative."))])
    practice = patient.practice
    tooth, surfaces = check_location(act, tooth, surfaces)
    if price is None:
        price = price_of(act=act, practice=practice, on=at.astimezone(practice.zone).date()).price
    treatment = Treatment(
        practice=practice,
        patient=patient,
        act=act,
        practitioner=practitioner,
        appointment=appointment,
        tooth=tooth,
        surfaces=surfaces,
        price=price,
        currency=practice.currency,
        planned_at=at,
        status=S.DONE if done else S.PLANNED,
        performed_at=at if done else None,
    )
    treatment.clean_fields()
    treatment.save()
    return treatment


@service("clinical.treatment.complete")
def complete_treatment(*, actor: Viewer, treatment: Treatment, at: datetime) -> Treatment:
    """Mark a planned treatment as carried out; from now on it can be billed. Refuses ILLEGAL_TRANSITION."""
    treatment = locked(treatment)
    treatment.status = TREATMENT.next_state(treatment.status, "complete", treatment)
    treatment.performed_at = at
    treatment.save(update_fields=["status", "performed_at", "updated_at"])
    return treatment


@service("clinical.treatment.cancel")
def cancel_treatment(*, actor: Viewer, treatment: Treatment, reason: str = "", at: datetime) -> Treatment:
    """Give a treatment up, or take back one that was marked as carried out by mistake.

    Refuses ILLEGAL_TRANSITION, and TREATMENT_BILLED while an invoice holds it.
    """
    treatment = locked(treatment)
    treatment.status = TREATMENT.next_state(treatment.status, "cancel", treatment)
    treatment_cancelling.send(treatment)
    treatment.cancelled_at = at
    treatment.cancel_reason = reason
    treatment.clean_fields()
    treatment.save(update_fields=["status", "cancelled_at", "cancel_reason", "updated_at"])
    return treatment


def locked(treatment: Treatment) -> Treatment:
    """Re-read a treatment under its row lock: verbs of two people follow one another."""
    rows = Treatment.objects.select_for_update(of=("self",)).with_names()
    return rows.get(pk=treatment.pk)  # type: ignore[no-any-return]  # a treatment


def move_to_patient(actor: Viewer, kept: Patient, merged: Patient, at: datetime) -> None:
    """Give a merged record's treatments to the one that is kept, within the service that merges."""
    Treatment.objects.filter(patient=merged).update(patient=kept)
