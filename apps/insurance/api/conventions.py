"""Conventions and their price lists over HTTP."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.views import BaseViewSet
from apps.insurance.api.filters import ConventionFilter
from apps.insurance.api.people import insurer_of
from apps.insurance.api.serializers import (
    BaremeInput,
    BaremeOutput,
    ConventionChange,
    ConventionInput,
    ConventionOutput,
)
from apps.insurance.models import Convention
from apps.insurance.selectors import baremes_of, conventions_for
from apps.insurance.services.conventions import agree_convention, change_convention, publish_bareme


class ConventionViewSet(BaseViewSet):
    """Conventions of one's insurer, or of one's practice."""

    queryset = Convention.objects.none()
    permissions = {
        "list": "insurance.view_convention",
        "retrieve": "insurance.view_convention",
        "create": "insurance.add_convention",
        "partial_update": "insurance.change_convention",
        "baremes": "insurance.view_bareme",
        "publish": "insurance.add_bareme",
    }
    serializers = {
        "list": ConventionOutput,
        "retrieve": ConventionOutput,
        "baremes": BaremeOutput,
        "publish": BaremeOutput,
    }
    inputs = {"create": ConventionInput, "partial_update": ConventionChange, "publish": BaremeInput}

    @property
    def filterset_class(self) -> type[ConventionFilter] | None:
        """Filter lists only."""
        return ConventionFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[Convention]:
        """Return those of the caller's house."""
        return conventions_for(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List conventions."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one convention."""
        return self.answer(self.get_object())

    @extend_schema(request=ConventionInput, responses={201: ConventionOutput})
    def create(self, request: Request) -> Response:
        """Agree with a provider."""
        body = self.parsed()
        insurer = insurer_of(self.caller, body)
        return self.answer(agree_convention(actor=self.caller, insurer=insurer, **body), status=201)

    @extend_schema(request=ConventionChange, responses=ConventionOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change days, liability or force."""
        convention = self.get_object()
        body = self.parsed(partial=True)
        return self.answer(
            change_convention(actor=self.caller, convention=convention, at=timezone.now(), **body)
        )

    @extend_schema(responses=BaremeOutput(many=True))
    @action(detail=True, methods=["get"])
    def baremes(self, request: Request, pk: Any = None) -> Response:
        """List the price lists of a convention, the newest first."""
        return self.answer_list(baremes_of(viewer=self.caller, convention=self.get_object()))

    @extend_schema(request=BaremeInput, responses={201: BaremeOutput})
    @baremes.mapping.post
    def publish(self, request: Request, pk: Any = None) -> Response:
        """Publish prices from a day on; the list that was open ends there."""
        convention = self.get_object()
        return self.answer(
            publish_bareme(actor=self.caller, convention=convention, **self.parsed()),
            status=201,
            action="baremes",
        )
