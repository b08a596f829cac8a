"""Insured people and contracts over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.access import rows_read
from apps.core.api.views import BaseViewSet
from apps.directory.models import Insurer
from apps.insurance.api.filters import EXACT_KEYS, AdherentFilter, ContractFilter
from apps.insurance.api.serializers import (
    AdherentInput,
    AdherentOutput,
    ContractChange,
    ContractInput,
    ContractOutput,
    MemberChange,
    MemberInput,
    MemberOutput,
)
from apps.insurance.models import Adherent, Contract, ContractMember
from apps.insurance.selectors import adherents_for, contracts_for, members_of
from apps.insurance.services.adherents import change_adherent, register_adherent
from apps.insurance.services.contracts import change_contract, write_contract
from apps.insurance.services.lookups import count_lookup
from apps.insurance.services.members import add_member, change_member


class LookedUpViewSet(BaseViewSet):
    """Rows an insurer lists and a provider looks up: by exact key only, so often a minute, and on record."""

    resolved_as: ClassVar[str] = ""

    @property
    def is_provider(self) -> bool:
        """Whether a practice asks."""
        return self.caller.practice_id is not None

    def looked_up(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows to list: for a provider nothing without an exact key."""
        if not self.is_provider:
            return rows
        asked = EXACT_KEYS & {name for name, value in self.request.query_params.items() if str(value).strip()}
        if not asked:
            # The filters still run, so that a wrong parameter is told; they find nothing.
            return rows.none()
        count_lookup(self.caller)
        return rows

    def record_read(self, rows: Sequence[Any]) -> None:
        """Record whom a practice looked up, before it is told."""
        if self.is_provider and rows:
            rows_read.send(self.caller, rows, self.resolved_as)


def insurer_of(caller: Any, body: dict[str, Any]) -> Insurer:
    """Take the insurer out of a body: the one that is named, or the caller's own."""
    insurer: Insurer = body.pop("insurer", None) or caller.insurer
    return insurer


class AdherentViewSet(LookedUpViewSet):
    """Insured people."""

    queryset = Adherent.objects.none()
    permissions = {
        "list": "insurance.view_adherent",
        "retrieve": "insurance.view_adherent",
        "create": "insurance.add_adherent",
        "partial_update": "insurance.change_adherent",
    }
    serializers = {"list": AdherentOutput, "retrieve": AdherentOutput}
    inputs = {"create": AdherentInput, "partial_update": AdherentInput}
    filterset_class = AdherentFilter
    resolved_as = "insurance.adherent.resolve"

    def get_queryset(self) -> QuerySet[Adherent]:
        """Return one's own people, or those among whom a provider looks."""
        return adherents_for(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List one's insured people; a provider finds one by national identifier, contract number or key."""
        return self.answer_list(self.filter_queryset(self.looked_up(self.get_queryset())))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one person."""
        return self.answer(self.get_object())

    @extend_schema(request=AdherentInput, responses={201: AdherentOutput})
    def create(self, request: Request) -> Response:
        """Register a person; 409 ADHERENT_EXISTS names who has this national identifier."""
        body = self.parsed()
        insurer = insurer_of(self.caller, body)
        adherent = register_adherent(actor=self.caller, insurer=insurer, at=timezone.now(), **body)
        return self.answer(adherent, status=201)

    @extend_schema(request=AdherentInput, responses=AdherentOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change a person's card."""
        adherent = self.get_object()
        body = self.parsed(partial=True)
        body.pop("insurer", None)
        return self.answer(change_adherent(actor=self.caller, adherent=adherent, at=timezone.now(), **body))


class ContractViewSet(LookedUpViewSet):
    """Contracts and who is under them."""

    queryset = Contract.objects.none()
    permissions = {
        "list": "insurance.view_contract",
        "retrieve": "insurance.view_contract",
        "create": "insurance.add_contract",
        "partial_update": "insurance.change_contract",
        "members": "insurance.view_contractmember",
        "add_member": "insurance.add_contractmember",
        "change_member": "insurance.change_contractmember",
    }
    serializers = {
        "list": ContractOutput,
        "retrieve": ContractOutput,
        "members": MemberOutput,
        "add_member": MemberOutput,
        "change_member": MemberOutput,
    }
    inputs = {
        "create": ContractInput,
        "partial_update": ContractChange,
        "add_member": MemberInput,
        "change_member": MemberChange,
    }
    resolved_as = "insurance.contract.resolve"

    @property
    def filterset_class(self) -> type[ContractFilter] | None:
        """Filter lists only."""
        return ContractFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[Contract]:
        """Return one's own contracts, or those among which a provider looks."""
        return contracts_for(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List one's contracts; a provider finds one by number, by person or by national identifier."""
        return self.answer_list(self.filter_queryset(self.looked_up(self.get_queryset())))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one contract."""
        return self.answer(self.get_object())

    @extend_schema(request=ContractInput, responses={201: ContractOutput})
    def create(self, request: Request) -> Response:
        """Write a contract; one that follows the subscriber's last without a gap renews it."""
        body = self.parsed()
        insurer = insurer_of(self.caller, body)
        contract = write_contract(actor=self.caller, insurer=insurer, at=timezone.now(), **body)
        return self.answer(contract, status=201)

    @extend_schema(request=ContractChange, responses=ContractOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change terms or status; a status counts from `status_from`, or from today."""
        contract = self.get_object()
        body = self.parsed(partial=True)
        return self.answer(change_contract(actor=self.caller, contract=contract, at=timezone.now(), **body))

    @extend_schema(responses=MemberOutput(many=True))
    @action(detail=True, methods=["get"])
    def members(self, request: Request, pk: Any = None) -> Response:
        """List who is or was under a contract."""
        return self.answer_list(members_of(viewer=self.caller, contract=self.get_object()))

    @extend_schema(request=MemberInput, responses={201: MemberOutput})
    @members.mapping.post
    def add_member(self, request: Request, pk: Any = None) -> Response:
        """Put a person under a contract."""
        contract = self.get_object()
        member = add_member(actor=self.caller, contract=contract, **self.parsed())
        return self.answer(member, status=201, action="members")

    @extend_schema(request=MemberChange, responses=MemberOutput)
    @action(detail=True, methods=["patch"], url_path="members/(?P<member_id>[0-9a-f-]{36})")
    def change_member(self, request: Request, pk: Any = None, member_id: str = "") -> Response:
        """Change a member's days or relation; `left_on` ends the membership."""
        rows = members_of(viewer=self.caller, contract=self.get_object())
        member: ContractMember = get_object_or_404(rows, pk=member_id)
        changed = change_member(
            actor=self.caller, member=member, at=timezone.now(), **self.parsed(partial=True)
        )
        return self.answer(changed, action="members")
