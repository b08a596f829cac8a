"""Reads of the patient file that cross tables and apps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, Q
from django.utils.translation import gettext_lazy as _

from apps.core.scope import Viewer
from apps.patients.hooks import PatientBalance, TimelineEvent, patient_balance, patient_timeline
from apps.patients.models import Alert, ConsentForm, Household, Patient, PatientContact
from apps.patients.querysets import PatientQuerySet, closed_to

TIMELINE_PAGE: Final = 50


def listed_patients(viewer: Viewer) -> PatientQuerySet:
    """Return the patients of a list, in name order, with their current alerts (`current_alerts`)."""
    rows: PatientQuerySet = Patient.objects.visible_to(viewer).unmerged().in_name_order()
    return rows.prefetch_related(current_alerts())


def patient_files(viewer: Viewer) -> PatientQuerySet:
    """Return whole files: alerts, contacts in force and the consent that counts of each kind."""
    contacts = PatientContact.objects.current().order_by("pk")
    consents = ConsentForm.objects.current_per_kind()
    return Patient.objects.visible_to(viewer).prefetch_related(
        current_alerts(),
        Prefetch("contacts", contacts, to_attr="current_contacts"),
        Prefetch("consents", consents, to_attr="current_consents"),
    )


def current_alerts() -> Prefetch[Any]:
    """Load the warnings in force, the gravest first."""
    return Prefetch("alerts", Alert.objects.current().gravest_first(), to_attr="current_alerts")


def consent_history(patient: Patient) -> Any:
    """Return every decision of a patient, newest first, saying which one counts (`is_current`)."""
    later = ConsentForm.objects.filter(patient=OuterRef("patient"), kind=OuterRef("kind")).filter(
        Q(decided_at__gt=OuterRef("decided_at")) | Q(decided_at=OuterRef("decided_at"), pk__gt=OuterRef("pk"))
    )
    rows = ConsentForm.objects.filter(patient=patient).annotate(is_current=~Exists(later))
    return rows.order_by(F("decided_at").desc(), F("pk").desc())


def hidden_from(viewer: Viewer) -> Mapping[str, Any]:
    """Return the patients whose messages a viewer must not know of."""
    closed = closed_to(viewer, Patient.objects, "")
    return {} if closed is None else {"patients.patient": closed}


# --- balance -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FamilyBalance:
    """A patient's account, and their household's."""

    patient: PatientBalance
    household: Household | None = None
    household_total: PatientBalance | None = None
    members: list[tuple[Patient, PatientBalance]] = field(default_factory=list)


def balance_of(*, viewer: Viewer, patient: Patient) -> FamilyBalance:
    """Return what is open on a patient's account and on those of their household, as the billing app tells."""
    household = patient.household
    members = [patient]
    if household is not None:
        others = Patient.objects.visible_to(viewer).filter(household=household).exclude(pk=patient.pk)
        members += list(others.in_name_order())
    accounts = accounts_of(patient.practice_id, [member.pk for member in members], patient.practice.currency)
    own = accounts[patient.pk]
    if household is None:
        return FamilyBalance(own)
    total = added(accounts.values(), patient.practice.currency)
    return FamilyBalance(own, household, total, [(member, accounts[member.pk]) for member in members])


def accounts_of(practice_id: UUID, keys: Sequence[UUID], currency: str) -> dict[UUID, PatientBalance]:
    """Return each patient's account, nothing open where no app says anything."""
    accounts = {key: PatientBalance(currency) for key in keys}
    for answer in patient_balance.gather(practice_id, keys):
        for key, balance in answer.items():
            accounts[key] = accounts[key].plus(balance)
    return accounts


def added(balances: Iterable[PatientBalance], currency: str) -> PatientBalance:
    """Add accounts."""
    total = PatientBalance(currency)
    for balance in balances:
        total = total.plus(balance)
    return total


# --- timeline ----------------------------------------------------------------------------------------------------


def timeline_of(
    *, viewer: Viewer, patient: Patient, before: datetime | None = None, limit: int = TIMELINE_PAGE
) -> tuple[list[TimelineEvent], datetime | None]:
    """Return the last `limit` events before a moment, newest first, and the moment the next page begins before.

    Every app tells at most `limit` events, so that a long history costs no more than a short one. Events of one moment
    stay together: a page may be longer than `limit` by those.
    """
    asked = limit + 1
    events = own_events(patient, before, asked)
    for answer in patient_timeline.gather(patient, viewer, before, asked):
        events += answer
    events.sort(key=lambda event: (event.at, str(event.object_id)), reverse=True)
    if len(events) <= limit:
        return events, None
    last = events[limit - 1].at
    shown = [event for event in events if event.at >= last]
    return shown, (last if any(event.at < last for event in events) else None)


def own_events(patient: Patient, before: datetime | None, limit: int) -> list[TimelineEvent]:
    """Return what this app tells: registration, consents, alerts, merges."""
    events = [
        TimelineEvent(
            consent.decided_at, "patients.consent", consent.pk, consent_title(consent), consent_facts(consent)
        )
        for consent in until(ConsentForm.objects.filter(patient=patient), "decided_at", before, limit)
    ]
    for alert in until(Alert.objects.filter(patient=patient), "created_at", before, limit):
        facts = {"kind": alert.kind, "label": alert.label, "severity": alert.severity}
        events.append(TimelineEvent(alert.created_at, "patients.alert", alert.pk, _("Alert noted"), facts))
    if before is None or patient.created_at < before:
        title = _("File opened")
        events.append(TimelineEvent(patient.created_at, "patients.patient", patient.pk, title))
    return events


def until(rows: Any, column: str, before: datetime | None, limit: int) -> Any:
    """Return the last rows before a moment."""
    narrowed = rows if before is None else rows.filter(**{f"{column}__lt": before})
    return narrowed.order_by(f"-{column}", "-pk")[:limit]


def consent_title(consent: ConsentForm) -> Any:
    """Say in a sentence what was decided."""
    return {
        ConsentForm.Decision.GIVEN: _("Consent given"),
        ConsentForm.Decision.REFUSED: _("Consent refused"),
        ConsentForm.Decision.WITHDRAWN: _("Consent taken back"),
    }[ConsentForm.Decision(consent.decision)]


def consent_facts(consent: ConsentForm) -> dict[str, Any]:
    """Say what a screen shows beside it."""
    return {"kind": consent.kind, "decision": consent.decision, "channel": consent.channel}
