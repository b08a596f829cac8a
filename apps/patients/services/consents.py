"""What a patient agrees to, refuses and takes back."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import orjson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.models import ConsentForm, Patient, PatientContact

DEFAULT_VERSION: Final = "1"
# Clocks of two machines differ a little.
CLOCK_SLACK: Final = timedelta(minutes=5)


class NothingToWithdraw(DomainError):
    """There is no consent of this kind in force."""

    code = "CONSENT_NOT_GIVEN"
    message = _("There is no consent of this kind to take back.")


@service("patients.consent.record")
def record_consent(
    *,
    actor: Viewer,
    patient: Patient,
    kind: str,
    at: datetime,
    decision: str = ConsentForm.Decision.GIVEN,
    text_version: str = DEFAULT_VERSION,
    text: str = "",
    channel: str = ConsentForm.Channel.PAPER,
    signer_name: str = "",
    signer_contact: PatientContact | None = None,
    decided_at: datetime | None = None,
) -> ConsentForm:
    """Add a decision to the patient's history; the last one of a kind counts.

    A withdrawal names the consent it takes back and is refused when there is none (NothingToWithdraw). Refuses a
    decision of the future and a signer who is somebody else's contact.
    """
    decided_at = decided_at or at
    if decided_at > at + CLOCK_SLACK:
        raise ValidationError({"decided_at": [_("A decision is not taken in the future.")]})
    if signer_contact is not None and signer_contact.patient_id != patient.pk:
        raise ValidationError({"signer_contact": [_("This does not exist.")]})
    # Decisions on one patient come one after the other: a withdrawal reads what it takes back.
    Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    consent = ConsentForm(
        practice_id=patient.practice_id,
        patient=patient,
        kind=kind,
        decision=decision,
        text_version=text_version.strip() or DEFAULT_VERSION,
        text=text,
        channel=channel,
        signer_name=signer_of(patient, signer_name, signer_contact),
        signer_contact=signer_contact,
        decided_at=decided_at,
    )
    if decision == ConsentForm.Decision.WITHDRAWN:
        consent.withdraws = consent_in_force(patient, kind)
    consent.proof_sha256 = proof_of(consent)
    consent.full_clean(exclude=["practice", "patient"])
    consent.save()
    return consent


def signer_of(patient: Patient, given: str, contact: PatientContact | None) -> str:
    """Return who decided: as written, else the contact, else the patient."""
    return " ".join(given.split()) or (contact.name if contact is not None else patient.display_name)


def consent_in_force(patient: Patient, kind: str) -> ConsentForm:
    """Return the consent a withdrawal takes back."""
    last: ConsentForm | None = ConsentForm.objects.filter(patient=patient, kind=kind).newest_first().first()
    if last is None or last.decision != ConsentForm.Decision.GIVEN:
        raise NothingToWithdraw(kind=kind)
    return last


def proof_of(consent: ConsentForm) -> str:
    """Return the SHA-256 of what was decided, by whom, on which text and when."""
    facts = {
        "patient": str(consent.patient_id),
        "kind": consent.kind,
        "decision": consent.decision,
        "text_version": consent.text_version,
        "text_sha256": hashlib.sha256(consent.text.encode()).hexdigest(),
        "channel": consent.channel,
        "signer": consent.signer_name,
        "decided_at": consent.decided_at.isoformat(),
    }
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def state_of(patient: Patient) -> dict[str, str]:
    """Return the decision that counts, by kind."""
    rows = ConsentForm.objects.filter(patient=patient).current_per_kind()
    return {row.kind: row.decision for row in rows}
