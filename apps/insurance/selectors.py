"""Reads of insured people, contracts and conventions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.core.scope import Viewer
from apps.insurance.models import Adherent, Bareme, Contract, ContractMember, Convention

DEPENDANTS = (
    ContractMember.Relation.SPOUSE,
    ContractMember.Relation.CHILD,
    ContractMember.Relation.PARENT,
    ContractMember.Relation.OTHER,
)


def adherents_for(*, viewer: Viewer) -> QuerySet[Adherent]:
    """Return the insurer's own people; for a provider, those an exact key may be looked up among."""
    return Adherent.objects.reachable_by(viewer).current().in_name_order()


def contracts_for(*, viewer: Viewer) -> QuerySet[Contract]:
    """Return the insurer's own contracts; for a provider, those an exact key may be looked up among."""
    return Contract.objects.reachable_by(viewer).select_related("adherent").newest_first()


def members_of(*, viewer: Viewer, contract: Contract) -> QuerySet[ContractMember]:
    """Return who is or was under a contract."""
    return (
        ContractMember.objects.reachable_by(viewer)
        .filter(contract=contract)
        .select_related("adherent")
        .order_by("joined_on", "id")
    )


def conventions_for(*, viewer: Viewer) -> QuerySet[Convention]:
    """Return the conventions of the viewer's insurer or practice."""
    return Convention.objects.visible_to(viewer).select_related("insurer", "practice").newest_first()


def baremes_of(*, viewer: Viewer, convention: Convention) -> QuerySet[Bareme]:
    """Return a convention's price lists, the newest first."""
    return Bareme.objects.visible_to(viewer).filter(convention=convention).newest_first()


def dependants_on(contract: Contract, day: date) -> int:
    """Count who depends on the subscriber on a day: spouse, children, parents."""
    members = ContractMember.objects.filter(contract=contract, relation__in=DEPENDANTS).on(day)
    counted: dict[str, Any] = members.aggregate(n=Count("pk"))
    return int(counted["n"])


def waiting_since(*, contract: Contract, adherent_id: Any) -> date | None:
    """Return the first day of a person's unbroken cover at the insurer that reaches into this contract.

    A renewal, or any contract that follows another of the person's without a day between, does not start the wait
    again; who joins late waits from the day of joining. None for somebody who is not under the contract.
    """
    rows = ContractMember.objects.filter(insurer=contract.insurer_id, adherent=adherent_id).filter(
        Q(contract=contract) | Q(joined_on__lte=contract.end_date)
    )
    spans = [(span(row), row.contract_id) for row in rows.select_related("contract")]
    own = [period for period, contract_id in spans if contract_id == contract.pk]
    if not own:
        return None
    return chain_start(min(first for first, _last in own), [period for period, _id in spans])


def span(member: ContractMember) -> tuple[date, date]:
    """Return the days a membership really covers."""
    contract = member.contract
    last = contract.ends_on() if member.left_on is None else min(contract.ends_on(), member.left_on)
    return max(contract.start_date, member.joined_on), last


def chain_start(start: date, spans: list[tuple[date, date]]) -> date:
    """Return the first day of the unbroken chain of renewals that `start` belongs to.

    One follows another if it begins the day after the other's last; cover that runs beside it is no renewal.
    """
    while True:
        eve = start - timedelta(days=1)
        earlier = [first for first, last in spans if first <= last == eve]
        if not earlier:
            return start
        start = min(earlier)
