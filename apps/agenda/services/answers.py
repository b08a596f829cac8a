"""What a patient answers through the link of a reminder."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.agenda.lifecycle import OPEN
from apps.agenda.models import Appointment
from apps.agenda.services.visits import step
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service

ANSWERED = (Appointment.Confirmation.CONFIRMED, Appointment.Confirmation.DECLINED)


class LinkSpent(DomainError):
    """The link has done its work: answered, cancelled, or too late."""

    code = "LINK_SPENT"
    message = _("This link can no longer be used. Please call the practice.")


def can_answer(appointment: Appointment, at: datetime) -> bool:
    """Say whether a visit still waits for the patient's answer."""
    waiting = appointment.status in OPEN and appointment.confirmation not in ANSWERED
    return waiting and at < appointment.starts_at


@service("agenda.appointment.answer")
def answer_appointment(*, actor: Viewer, appointment: Appointment, coming: bool, at: datetime) -> Appointment:
    """Note the patient's answer, once; refuses (LinkSpent) when there is one already or the visit has begun."""
    if not can_answer(appointment, at):
        raise LinkSpent
    return step(actor, appointment, "confirm" if coming else "decline", at)
