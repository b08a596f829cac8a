"""What the patient file asks of the apps above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.core.hooks import Hook
from apps.core.scope import Viewer
from apps.patients.models import Patient


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One thing that happened to a patient.

    `kind` is dotted and stable (`agenda.appointment`), `title` a short sentence in the reader's language, `facts` what
    a screen needs beside it. Nothing in it is more than `viewer` may read where it comes from.
    """

    at: datetime
    kind: str
    object_id: UUID
    title: Any
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PatientBalance:
    """What is open on a patient's account, in minor units of `currency`; `credit` is paid and not yet allocated."""

    currency: str
    patient_due: int = 0
    insurer_due: int = 0
    overdue: int = 0
    credit: int = 0

    def plus(self, other: PatientBalance) -> PatientBalance:
        """Add two accounts kept in one currency."""
        return PatientBalance(
            self.currency,
            self.patient_due + other.patient_due,
            self.insurer_due + other.insurer_due,
            self.overdue + other.overdue,
            self.credit + other.credit,
        )


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """The request that was opened, or found pending: its key and its status."""

    id: UUID
    status: str


# (patient, viewer, before, limit) -> at most `limit` events older than `before` (None: now), newest first.
patient_timeline: Hook[[Patient, Viewer, datetime | None, int], Sequence[TimelineEvent]] = Hook(
    "patient_timeline"
)

# (practice id, patient ids) -> balances by patient id; a patient without any movement may be left out.
patient_balance: Hook[[UUID, Sequence[UUID]], Mapping[UUID, PatientBalance]] = Hook("patient_balance")

# (actor, kept, merged, at): move every row that points at `merged` to `kept`, in the caller's transaction. What is
# frozen (an issued invoice keeps the name it was issued to) moves by its key alone.
patient_merge: Hook[[Viewer, Patient, Patient, datetime], None] = Hook("patient_merge")

# (actor, patient, at): how this person is reached has changed (phone, email, language, wishes, file closed); called in
# the transaction of the change, once the patient holds the new values.
patient_reach_changed: Hook[[Viewer, Patient, datetime], None] = Hook("patient_reach_changed")

# (actor, patient, at) -> the request that is now pending: somebody asked that this person be forgotten. Called in the
# transaction that restricts the file.
erasure_requested: Hook[[Viewer, Patient, datetime], ErasureRequest] = Hook("erasure_requested")
