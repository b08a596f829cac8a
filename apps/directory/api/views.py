"""Practitioners, rooms and insurers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.pagination import WholePagination
from apps.core.api.permissions import ANYBODY_LOGGED_IN
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput
from apps.directory.api.filters import InsurerFilter, PractitionerFilter, RoomFilter
from apps.directory.api.serializers import (
    BankAccountInput,
    BankAccountOutput,
    InsurerInput,
    InsurerOutput,
    PractitionerInput,
    PractitionerOutput,
    RoomInput,
    RoomOutput,
)
from apps.directory.identifiers import TUNISIAN, grouped, masked_account
from apps.directory.models import BankAccount, Insurer, Practice, Practitioner, Room
from apps.directory.selectors import account_of, house_hours, insurers_for, practitioners_of, rooms_of
from apps.directory.services import (
    change_insurer,
    change_practitioner,
    change_room,
    create_practitioner,
    create_room,
    keeps_account,
    remove_room,
    set_bank_account,
)


def owning_practice(user: Any, body: dict[str, Any]) -> Practice:
    """Take the practice out of a body: the caller's own, or the one the platform's administrator names."""
    given: Practice | None = body.pop("practice", None)
    practice: Practice | None = user.practice or given
    if practice is None:
        raise InvalidInput(practice=[_("Name the practice this belongs to.")])
    return practice


class PractitionerViewSet(BaseViewSet):
    """People who treat or assist."""

    queryset = Practitioner.objects.none()
    permissions = {
        "list": "directory.view_practitioner",
        "retrieve": "directory.view_practitioner",
        "create": "directory.add_practitioner",
        "partial_update": "directory.change_practitioner",
    }
    serializers = {"list": PractitionerOutput, "retrieve": PractitionerOutput}
    inputs = {"create": PractitionerInput, "partial_update": PractitionerInput}
    pagination_class = WholePagination
    filterset_class = PractitionerFilter

    def get_queryset(self) -> QuerySet[Practitioner]:
        """Return those of the caller's practice."""
        return practitioners_of(viewer=self.caller)

    def show(self, person: Practitioner, status: int = 200) -> Response:
        """Answer one practitioner, read back with the hours."""
        fresh = self.get_queryset().get(pk=person.pk)
        context = {**self.get_serializer_context(), "house_hours": house_hours(practices=[fresh.practice_id])}
        return Response(PractitionerOutput(fresh, context=context).data, status=status)

    def list(self, request: Request) -> Response:
        """List practitioners."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        houses = house_hours(practices={row.practice_id for row in rows})
        context = {**self.get_serializer_context(), "house_hours": houses}
        return self.get_paginated_response(PractitionerOutput(rows, many=True, context=context).data)

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one practitioner."""
        return self.show(self.get_object())

    @extend_schema(request=PractitionerInput, responses={201: PractitionerOutput})
    def create(self, request: Request) -> Response:
        """Add a practitioner."""
        body = self.parsed()
        practice = owning_practice(self.caller, body)
        return self.show(create_practitioner(actor=self.caller, practice=practice, **body), status=201)

    @extend_schema(request=PractitionerInput, responses=PractitionerOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change a practitioner; given hours replace the former ones."""
        person = self.get_object()
        body = self.parsed(partial=True)
        body.pop("practice", None)
        return self.show(change_practitioner(actor=self.caller, practitioner=person, **body))


class RoomViewSet(BaseViewSet):
    """Rooms and chairs."""

    queryset = Room.objects.none()
    permissions = {
        "list": "directory.view_room",
        "retrieve": "directory.view_room",
        "create": "directory.add_room",
        "partial_update": "directory.change_room",
        "destroy": "directory.delete_room",
    }
    serializers = {"list": RoomOutput, "retrieve": RoomOutput}
    inputs = {"create": RoomInput, "partial_update": RoomInput}
    pagination_class = WholePagination
    filterset_class = RoomFilter

    def get_queryset(self) -> QuerySet[Room]:
        """Return those of the caller's practice."""
        return rooms_of(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List rooms."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one room."""
        return self.answer(self.get_object())

    @extend_schema(request=RoomInput, responses={201: RoomOutput})
    def create(self, request: Request) -> Response:
        """Add a room."""
        body = self.parsed()
        practice = owning_practice(self.caller, body)
        return self.answer(create_room(actor=self.caller, practice=practice, **body), status=201)

    @extend_schema(request=RoomInput, responses=RoomOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change a room."""
        room = self.get_object()
        body = self.parsed(partial=True)
        body.pop("practice", None)
        return self.answer(change_room(actor=self.caller, room=room, **body))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Take a room out of use."""
        remove_room(actor=self.caller, room=self.get_object(), at=timezone.now())
        return Response(status=204)


class BankAccountViewSet(BaseViewSet):
    """Where the caller's practice is paid."""

    queryset = BankAccount.objects.none()
    permissions = {"show": "directory.view_bankaccount", "set": "directory.change_bankaccount"}
    serializers = {"show": BankAccountOutput, "set": BankAccountOutput}
    inputs = {"set": BankAccountInput}
    pagination_class = None

    @extend_schema(operation_id="bank_account_show", responses=BankAccountOutput)
    def show(self, request: Request) -> Response:
        """Show the account."""
        return self.shown(account_of(viewer=self.caller))

    @extend_schema(operation_id="bank_account_set", request=BankAccountInput, responses=BankAccountOutput)
    def set(self, request: Request) -> Response:
        """Change the account, or name the first one; reconciliations made before keep theirs."""
        body = self.parsed()
        return self.shown(set_bank_account(actor=self.caller, practice=self.caller.practice, **body))

    def shown(self, row: BankAccount | None) -> Response:
        """Answer an account as the caller may read it."""
        iban = row.iban if row is not None else ""
        whole = keeps_account(self.caller, self.caller.practice)
        return Response(
            {
                "iban": grouped(iban) if whole else masked_account(iban),
                "masked": masked_account(iban),
                "rib": iban.removeprefix(TUNISIAN) if whole and iban.startswith(TUNISIAN) else "",
                "is_missing": not iban,
            }
        )


class InsurerViewSet(BaseViewSet):
    """Insurers of the network, known to everybody who is logged in."""

    queryset = Insurer.objects.none()
    permissions = {
        "list": ANYBODY_LOGGED_IN,
        "retrieve": ANYBODY_LOGGED_IN,
        "partial_update": "directory.change_insurer",
    }
    serializers = {"list": InsurerOutput, "retrieve": InsurerOutput}
    inputs = {"partial_update": InsurerInput}
    filterset_class = InsurerFilter

    def get_queryset(self) -> QuerySet[Insurer]:
        """Return the insurers; one's own alone is there to change."""
        return insurers_for(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List insurers."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one insurer."""
        return self.answer(self.get_object())

    @extend_schema(request=InsurerInput, responses=InsurerOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change one's own card."""
        insurer = self.get_object()
        return self.answer(change_insurer(actor=self.caller, insurer=insurer, **self.parsed(partial=True)))
