"""Two records of one person become one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import ManyToOneRel
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.hooks import patient_merge, patient_reach_changed
from apps.patients.models import Alert, ConsentForm, EmergencyAccess, Household, Patient, PatientContact
from apps.patients.search import search_fields

# What the kept record takes over where it says nothing itself.
TAKEN_OVER: Final = (
    "birth_name birth_date national_id national_id_hash email phone phone_secondary address postal_code city "
    "profession household practitioner referred_by comment"
).split()


class NotMergeable(DomainError):
    """These two records cannot become one."""

    code = "NOT_MERGEABLE"
    message = _("These two files cannot be merged.")


class MergeIncomplete(DomainError):
    """Rows still point at the merged record: an app with a key to patients did not move them."""

    code = "MERGE_INCOMPLETE"
    message = _("Something of this file cannot be moved yet, so the files were left as they are.")


@service("patients.patient.merge")
def merge_patients(*, actor: Viewer, kept: Patient, merged: Patient, at: datetime) -> Patient:
    """Move everything of `merged` to `kept`, fill what `kept` does not know, and archive `merged` with a pointer.

    Refuses one and the same record, records of two practices, and a record that was merged or restricted.
    """
    if kept.pk == merged.pk:
        raise NotMergeable(_("A file cannot be merged with itself."))
    rows = Patient.objects.select_for_update(of=("self",)).filter(pk__in=[kept.pk, merged.pk]).order_by("pk")
    locked = {row.pk: row for row in rows}
    kept, merged = locked[kept.pk], locked[merged.pk]
    if kept.practice_id != merged.practice_id:
        raise NotMergeable
    if kept.merged_into_id or merged.merged_into_id:
        raise NotMergeable(_("One of these files was merged before."))
    if kept.restricted_at or merged.restricted_at:
        raise NotMergeable(_("One of these files is restricted."))
    move_own_rows(kept, merged)
    patient_merge.send(actor, kept, merged, at)
    refuse_leftovers(merged)
    take_over(kept, merged)
    merged.merged_into = kept
    merged.status = Patient.Status.ARCHIVED
    merged.save(update_fields=["merged_into", "status", "updated_at"])
    # What was moved was planned for the merged file's phone and wishes.
    patient_reach_changed.send(actor, kept, at)
    return kept


def move_own_rows(kept: Patient, merged: Patient) -> None:
    """Move what this app keeps about a patient."""
    for model in (PatientContact, ConsentForm, Alert, EmergencyAccess):
        model.objects.filter(patient=merged).update(patient=kept)
    Household.objects.filter(guarantor=merged).update(guarantor=kept)
    Patient.objects.filter(merged_into=merged).update(merged_into=kept)


def take_over(kept: Patient, merged: Patient) -> None:
    """Fill the blanks of the kept record, and keep a second phone rather than lose it."""
    written = [name for name in TAKEN_OVER if not getattr(kept, name) and getattr(merged, name)]
    for name in written:
        setattr(kept, name, getattr(merged, name))
    if not kept.phone_secondary and merged.phone not in {"", kept.phone}:
        kept.phone_secondary = merged.phone
        written.append("phone_secondary")
    if merged.do_not_contact and not kept.do_not_contact:
        kept.do_not_contact = True
        written.append("do_not_contact")
    tags = list(dict.fromkeys([*kept.tags, *merged.tags]))[:20]
    if tags != kept.tags:
        kept.tags = tags
        written.append("tags")
    for name, value in search_fields(kept).items():
        setattr(kept, name, value)
    kept.full_clean(exclude=["practice", "file_number"])
    kept.save(update_fields=[*dict.fromkeys(written), "search_text", "sort_name", "updated_at"])


def refuse_leftovers(merged: Patient) -> None:
    """Stop the merge, and roll it back, when any row of any app still points at the merged record."""
    for relation in Patient._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            rows = relation.related_model._base_manager.filter(**{relation.field.name: merged.pk})
            if rows.exists():
                left = f"{relation.related_model._meta.label_lower}.{relation.field.name}"
                raise MergeIncomplete(left=left)
