"""Which contract pays for a practice's patient: found by exact key, kept with the file."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from apps.core.clock import day_in_calendar
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer
from apps.insurance.identifiers import identity_index, normalise_identity
from apps.insurance.models import Contract, ContractMember, PatientCoverage
from apps.insurance.services.guards import refusing
from apps.patients.models import Patient

UNKNOWN: Final = _("This does not exist.")
ONE_OF_A_RANK: Final = "insurance_patientcoverage_one_of_a_rank"


class RankTaken(DomainError):
    """Another contract has this rank in a part of the period."""

    code = "COVERAGE_RANK_TAKEN"
    message = _("Another contract has this rank in this period.")


@service("insurance.coverage.link")
def link_coverage(
    *,
    actor: Viewer,
    patient: Patient,
    contract: Contract | None = None,
    contract_number: str = "",
    insurer: Insurer | None = None,
    adherent: Any = None,
    national_id: str = "",
    rank: int | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
    at: datetime,
) -> PatientCoverage:
    """Point a patient's file at the contract that pays for it, from the person's first day under it unless said.

    The contract is found by key, number or national identifier, whoever's it is; the person by key, by national
    identifier (the patient's own unless another is given), or as the contract's only member. Refuses (InvalidInput)
    what finds nothing or several, and a rank that is taken (RankTaken); without a rank it comes after the others.
    """
    member = member_for(
        patient,
        contract=contract,
        number=contract_number.strip(),
        insurer=insurer,
        adherent=adherent,
        national_id=national_id,
        day=valid_from or at.astimezone(patient.practice.zone).date(),
    )
    coverage = PatientCoverage(
        practice_id=patient.practice_id,
        patient=patient,
        contract=member.contract,
        adherent_id=member.adherent_id,
        rank=rank or next_rank(patient),
        valid_from=valid_from or max(member.joined_on, member.contract.start_date),
        valid_to=valid_to,
    )
    return kept(coverage)


@service("insurance.coverage.change")
def change_coverage(*, actor: Viewer, coverage: PatientCoverage, **changes: Any) -> PatientCoverage:
    """Change the rank or the days of a link (`rank`, `valid_from`, `valid_to`); a last day ends it."""
    coverage = PatientCoverage.objects.select_for_update().get(pk=coverage.pk)
    for name, value in changes.items():
        setattr(coverage, name, value)
    return kept(coverage)


def kept(coverage: PatientCoverage) -> PatientCoverage:
    """Store a link; refuse days out of order and a rank that is taken."""
    day_in_calendar(coverage.valid_from)
    if coverage.valid_to is not None and coverage.valid_to < coverage.valid_from:
        raise InvalidInput(valid_to=[_("The last day must not come before the first.")])
    coverage.clean_fields(exclude=["practice", "patient", "contract", "adherent"])
    with refusing({ONE_OF_A_RANK: RankTaken()}):
        coverage.save()
    return coverage


def next_rank(patient: Patient) -> int:
    """Return the rank after the patient's last."""
    return (PatientCoverage.objects.filter(patient=patient).aggregate(last=Max("rank"))["last"] or 0) + 1


def member_for(
    patient: Patient,
    *,
    contract: Contract | None,
    number: str,
    insurer: Insurer | None,
    adherent: Any,
    national_id: str,
    day: date,
) -> ContractMember:
    """Find the person's part of a contract by what is known of it."""
    rows = ContractMember.objects.select_related("contract", "adherent")
    if insurer is not None:
        rows = rows.filter(insurer=insurer)
    if contract is not None:
        rows = rows.filter(contract=contract)
    elif number:
        rows = rows.filter(contract__contract_number=number)
        if not rows.exists():
            raise InvalidInput(contract_number=[UNKNOWN])
        if rows.values("contract").distinct().count() > 1:
            raise InvalidInput(
                insurer=[_("Several insurers have a contract of this number: name the insurer.")]
            )
    elif not national_id and adherent is None:
        raise InvalidInput(contract=[_("Name the contract, its number, or the national identifier.")])
    return one_of(rows, patient, adherent=adherent, national_id=national_id, day=day)


def one_of(rows: Any, patient: Patient, *, adherent: Any, national_id: str, day: date) -> ContractMember:
    """Pick the person among members: by key, by identifier, or because there is only one."""
    field = "adherent" if adherent is not None else "national_id" if national_id else ""
    if adherent is not None:
        rows = rows.filter(adherent=adherent)
    elif national_id:
        rows = rows.filter(adherent__national_id_hash=index_of(national_id))
    elif patient.national_id and (own := hash_of(patient.national_id)):
        # The patient's own number picks the person where it is known to the contract.
        known = rows.filter(adherent__national_id_hash=own)
        rows = known if known.exists() else rows
    found = list(rows.order_by("-contract__start_date", "-joined_on", "pk")[:20])
    if not found:
        raise InvalidInput(**{field or "contract": [UNKNOWN]})
    current = [row for row in found if row.contract.covers(day) and row.covers(day)] or found
    if len({row.adherent_id for row in current}) > 1:
        raise InvalidInput(adherent=[_("Several people are under this contract: name the insured person.")])
    if len({row.contract_id for row in current}) > 1:
        raise InvalidInput(contract=[_("This person is under several contracts: name the contract.")])
    member: ContractMember = current[0]
    return member


def index_of(text: str) -> str:
    """Return the keyed hash of an identifier as typed."""
    found = hash_of(text)
    if found is None:
        raise InvalidInput(national_id=[UNKNOWN])
    return found


def hash_of(text: str) -> str | None:
    """Return the keyed hash of an identifier, if it is one."""
    try:
        return identity_index(normalise_identity(text))
    except ValidationError:
        return None


def move_coverages(actor: Viewer, kept_patient: Patient, merged: Patient, at: datetime) -> None:
    """Move the links of a merged file, after the ranks the kept file has; within the service that merges."""
    for coverage in PatientCoverage.objects.filter(patient=merged).order_by("rank", "pk"):
        coverage.patient, coverage.rank = kept_patient, next_rank(kept_patient)
        coverage.save(update_fields=["patient", "rank", "updated_at"])
