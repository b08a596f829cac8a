"""Who is under a contract, and from when to when."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.clock import day_in_calendar
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.models import Adherent, Claim, Contract, ContractMember
from apps.insurance.services.guards import own_row

R = ContractMember.Relation


class PlanCoversOne(DomainError):
    """An individual contract covers its subscriber alone."""

    code = "PLAN_COVERS_ONE"
    message = _("An individual contract covers its subscriber alone.")


class AlreadyMember(DomainError):
    """The person is under the contract in a part of this period already."""

    code = "ALREADY_MEMBER"
    message = _("This person is already under the contract in this period.")


class MemberInUse(DomainError):
    """Claims of days that would fall outside were decided."""

    code = "MEMBER_IN_USE"
    message = _("Claims of this person were decided for days that would no longer be covered.")


@service("insurance.member.add")
def add_member(
    *,
    actor: Viewer,
    contract: Contract,
    adherent: Adherent,
    relation: str,
    joined_on: date | None = None,
    left_on: date | None = None,
    is_chronic: bool = False,
) -> ContractMember:
    """Put a person under a contract, from its first day unless said otherwise.

    Refuses a person of another insurer, days outside the contract, a second subscriber, anybody under an individual
    contract (PlanCoversOne), and a period the person is a member in already (AlreadyMember).
    """
    own_row(actor, contract.insurer_id)
    contract = Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
    if adherent.insurer_id != contract.insurer_id or adherent.is_deleted:
        raise InvalidInput(adherent=[_("This does not exist.")])
    if relation == R.SELF:
        raise InvalidInput(relation=[_("The subscriber is a member from the beginning.")])
    if contract.plan_type == Contract.Plan.INDIVIDUAL:
        raise PlanCoversOne
    member = ContractMember(
        insurer_id=contract.insurer_id,
        contract=contract,
        adherent=adherent,
        relation=relation,
        joined_on=joined_on or contract.start_date,
        left_on=left_on,
        is_chronic=is_chronic,
    )
    check_period(member)
    member.full_clean(validate_constraints=False)
    member.save()
    return member


@service("insurance.member.change")
def change_member(*, actor: Viewer, member: ContractMember, at: datetime, **changes: Any) -> ContractMember:
    """Change relation, days or long-term illness of a member; refuses what `add_member` does, and to leave decided
    claims outside (MemberInUse).
    """
    own_row(actor, member.insurer_id)
    contract = Contract.objects.select_for_update(no_key=True).get(pk=member.contract_id)
    member = ContractMember.objects.select_for_update().get(pk=member.pk)
    member.contract = contract
    relation = changes.get("relation", member.relation)
    if (relation == R.SELF) != (member.relation == R.SELF):
        raise InvalidInput(relation=[_("The subscriber stays the subscriber.")])
    for name, value in changes.items():
        setattr(member, name, value)
    check_period(member)
    decided = Claim.objects.filter(member=member).holding()
    if any(not member.covers(day) for day in decided.values_list("service_date", flat=True).distinct()):
        raise MemberInUse
    member.full_clean(validate_constraints=False)
    member.save()
    return member


def check_period(member: ContractMember) -> None:
    """Refuse days out of order, outside the contract, or that the person is a member in already; contract locked."""
    contract = member.contract
    day_in_calendar(member.joined_on)
    if not contract.covers(member.joined_on):
        raise InvalidInput(joined_on=[_("This day is outside the contract.")])
    if member.left_on is not None and member.left_on < member.joined_on:
        raise InvalidInput(left_on=[_("The last day must not come before the first.")])
    others = ContractMember.objects.filter(contract=contract, adherent=member.adherent_id).exclude(
        pk=member.pk
    )
    if any(overlap(member, other) for other in others):
        raise AlreadyMember


def overlap(one: ContractMember, other: ContractMember) -> bool:
    """Whether two memberships share a day."""
    return (one.left_on is None or other.joined_on <= one.left_on) and (
        other.left_on is None or one.joined_on <= other.left_on
    )
