"""Is this person in the files already?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.text import fold
from apps.patients.models import Patient
from apps.patients.querysets import SEE_RESTRICTED
from apps.patients.search import slip_count

MOST_COMPARED: Final = 500
MOST_SHOWN: Final = 10


class PossibleDuplicate(DomainError):
    """Somebody very like this person is in the files; `details.candidates` lists who."""

    code = "POSSIBLE_DUPLICATE"
    message = _("This person may be in the files already. Compare, or register them all the same.")


@dataclass(frozen=True, slots=True)
class Likeness:
    """A known patient and what they share with the new one."""

    patient: Patient
    reasons: tuple[str, ...]


def find_duplicates(*, actor: Viewer, patient: Patient) -> list[Likeness]:
    """Return the patients of the practice who may be this one, the likeliest first; at most ten.

    The same national id, or a like name (one slip forgiven, first and last name swapped, birth name) together with the
    same birth date, phone or email, or the same name where a birth date is missing.
    """
    rows = Patient.objects.filter(practice_id=patient.practice_id).unmerged().exclude(pk=patient.pk)
    if not actor.has_perm(SEE_RESTRICTED):
        rows = rows.filter(restricted_at__isnull=True)
    shared = [Q(sort_name=patient.sort_name)]
    if patient.national_id_hash:
        shared.append(Q(national_id_hash=patient.national_id_hash))
    if patient.birth_date:
        shared.append(Q(birth_date=patient.birth_date))
    for phone in filter(None, {patient.phone, patient.phone_secondary}):
        shared.append(Q(phone=phone) | Q(phone_secondary=phone))  # noqa: PERF401 - an `or` per phone reads better
    if patient.email:
        shared.append(Q(email=patient.email))
    known = rows.filter(reduce(or_, shared)).order_by("sort_name", "pk")[:MOST_COMPARED]
    found = [Likeness(row, reasons) for row in known if (reasons := likeness(patient, row))]
    return sorted(found, key=lambda like: (-len(like.reasons), like.patient.sort_name))[:MOST_SHOWN]


def likeness(new: Patient, known: Patient) -> tuple[str, ...]:
    """Return what makes two records look like one person; nothing when they do not."""
    if new.national_id_hash and new.national_id_hash == known.national_id_hash:
        return ("national_id", *shared_facts(new, known))
    if not alike(new, known):
        return ()
    facts = shared_facts(new, known)
    if new.birth_date and known.birth_date:
        # A father and a son may share name, phone and address: two known birth dates decide.
        return ("name", *facts) if "birth_date" in facts else ()
    return ("name", *facts) if facts or new.sort_name == known.sort_name else ()


def shared_facts(new: Patient, known: Patient) -> tuple[str, ...]:
    """Return which of birth date, phone and email two records share."""
    facts = []
    if new.birth_date and new.birth_date == known.birth_date:
        facts.append("birth_date")
    if {new.phone, new.phone_secondary} & {known.phone, known.phone_secondary} - {""}:
        facts.append("phone")
    if new.email and new.email == known.email:
        facts.append("email")
    return tuple(facts)


def alike(new: Patient, known: Patient) -> bool:
    """Say whether two records bear like names, in either order, by birth name or by name in use."""
    firsts = fold(new.first_name), fold(known.first_name)
    for one in filter(None, {fold(new.last_name), fold(new.birth_name)}):
        for other in filter(None, {fold(known.last_name), fold(known.birth_name)}):
            if near(one, other) and near(*firsts):
                return True
            if near(one, firsts[1]) and near(firsts[0], other):
                return True
    return False


def near(one: str, other: str) -> bool:
    """Say whether two names differ by a slip at most; short names not at all, hyphens and spaces do not count."""
    one, other = one.replace(" ", ""), other.replace(" ", "")
    return one == other or (min(len(one), len(other)) > 3 and slip_count(one, other, 1) <= 1)


def shown(like: Likeness) -> dict[str, Any]:
    """Return a candidate as the refusal lists it."""
    patient = like.patient
    return {
        "id": str(patient.pk),
        "display_name": patient.display_name,
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
        "file_number": patient.file_number,
        "status": patient.status,
        "reasons": list(like.reasons),
    }
