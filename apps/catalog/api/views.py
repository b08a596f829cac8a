"""The catalogue over HTTP."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.catalog.api.filters import ActFilter
from apps.catalog.api.serializers import ActOutput, FavouriteInput, FeeInput
from apps.catalog.models import Act
from apps.catalog.querysets import favourites
from apps.catalog.selectors import acts_with_prices
from apps.catalog.services import set_favourite, set_practice_fee
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput, PermissionRefused


class ActViewSet(BaseViewSet):
    """Acts and what they cost at the caller's practice."""

    permissions = {
        "list": "catalog.view_act",
        "retrieve": "catalog.view_act",
        "fee": "catalog.change_practicefee",
        "favourite": "catalog.add_favouriteact",
    }
    serializers = {"list": ActOutput, "retrieve": ActOutput}
    inputs = {"fee": FeeInput, "favourite": FavouriteInput}
    filterset_class = ActFilter
    queryset = Act.objects.none()

    def get_queryset(self) -> Any:
        """Return the acts with today's prices."""
        practice = self.caller.practice
        at = timezone.now()
        on = at.astimezone(practice.zone).date() if practice is not None else at.date()
        rows = Act.objects.visible_to(self.caller).order_by("category", "code", "pk")
        if self.action == "list" and "is_active" not in self.request.query_params:
            rows = rows.active()
        mine = favourites(self.caller.practice_id, getattr(self.caller, "practitioner_id", None))
        rows = rows.prefetch_related(Prefetch("favourites", mine, to_attr="favourites_here"))
        return acts_with_prices(rows, practice=practice, on=on)

    @extend_schema(responses=ActOutput(many=True))
    def list(self, request: Request) -> Response:
        """List the catalogue, best match first when searching."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(responses=ActOutput)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one act."""
        return self.answer(self.get_object())

    @extend_schema(request=FeeInput, responses=ActOutput)
    @action(detail=True, methods=["patch"])
    def fee(self, request: Request, pk: str) -> Response:
        """Set what the practice charges for an act."""
        act = self.get_object()
        set_practice_fee(actor=self.caller, practice=self.caller.practice, act=act, **self.parsed())
        return self.answer(self.get_object())

    @extend_schema(request=FavouriteInput, responses=ActOutput)
    @action(detail=True, methods=["patch"])
    def favourite(self, request: Request, pk: str) -> Response:
        """Keep an act at hand, or no longer; for the whole practice it takes the right to set its fees."""
        act, given = self.get_object(), self.parsed()
        practitioner = None
        if given["whole_practice"]:
            if not self.caller.has_perm("catalog.change_practicefee"):
                raise PermissionRefused
        else:
            practitioner = self.caller.practitioner
            if practitioner is None:
                raise InvalidInput(
                    whole_practice=[str(_("Who does not treat has no favourites of their own."))]
                )
        set_favourite(
            actor=self.caller,
            practice=self.caller.practice,
            act=act,
            practitioner=practitioner,
            favourite=given["favourite"],
        )
        return self.answer(self.get_object())
