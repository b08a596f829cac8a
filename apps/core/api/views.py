"""The base of every API view."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import GenericViewSet

from apps.core.access import access_denied, denial_of, rows_read, rows_shown
from apps.core.context import bind
from apps.core.idempotency import HEADER, once
from apps.core.scope import Viewer


class BaseViewSet(GenericViewSet[Any]):
    """Parses, calls one service or selector, answers.

    `permissions` maps action to permission; `serializers` maps action to the serializer of its answer, `inputs` to that
    of its body; `recorded_reads` maps action to the name under which the access trail records the
    rows it answers, before it answers. The actor is bound after authentication and unbound when the request ends.
    """

    permissions: ClassVar[dict[str, str]] = {}
    serializers: ClassVar[dict[str, type[BaseSerializer[Any]]]] = {}
    inputs: ClassVar[dict[str, type[BaseSerializer[Any]]]] = {}
    recorded_reads: ClassVar[dict[str, str]] = {}
    lookup_value_converter = "uuid"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Give the request a place to unbind its actor."""
        self.told: set[Any] = set()
        # A POST with an Idempotency-Key runs inside `once`; this is the place where DRF will look its handler up.
        method = (request.method or "").lower()
        handler = getattr(self, method, None)
        if method == "post" and handler is not None and HEADER in request.headers:
            self.post = partial(once, handler)
        with ExitStack() as self.bound_for_request:
            return super().dispatch(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        """Authenticate, then bind who acts."""
        super().perform_authentication(request)
        user = request.user
        if user.is_authenticated:
            self.bound_for_request.enter_context(
                bind(
                    actor_id=user.pk,
                    actor_role=user.role,
                    practice_id=user.practice_id,
                    insurer_id=user.insurer_id,
                )
            )

    @property
    def caller(self) -> Any:
        """Who calls: a user of ours, once the permission table let them in."""
        return self.request.user

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell of a refusal: what was refused has rolled back by now, and the actor is still bound."""
        if response.status_code == 403:
            body = getattr(response, "data", None) or {}
            code = body.get("error", {}).get("code", "FORBIDDEN")
            access_denied.send(denial_of(request, code=code, view=self))
        return super().finalize_response(request, response, *args, **kwargs)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """Return the answer's serializer of the current action."""
        return (
            self.serializers.get(self.action)
            or self.serializers.get("retrieve")
            or super().get_serializer_class()
        )

    def parsed(self, partial: bool = False) -> dict[str, Any]:
        """Return the validated body of the current action; `partial` lets its own fields be left out.

        DRF's own `partial` would let the fields of nested objects be left out as well: half a line, half a share.
        """
        serializer = self.inputs[self.action](data=self.request.data, context=self.get_serializer_context())
        if partial:
            for field in cast("Serializer[Any]", serializer).fields.values():
                field.required, field.default = False, empty
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def answer(self, instance: Any, status: int = 200, action: str = "retrieve") -> Response:
        """Answer one object as `action` shows it."""
        shape = self.serializers[action]
        self.record_read([instance])
        return Response(shape(instance, context=self.get_serializer_context()).data, status=status)

    def answer_list(self, rows: Any, action: str | None = None) -> Response:
        """Answer a page of rows as `action` shows them."""
        shape = self.serializers[action or self.action]
        page = self.paginate_queryset(rows)
        self.record_read(page or [])
        return self.get_paginated_response(shape(page, many=True, context=self.get_serializer_context()).data)

    def get_object(self) -> Any:
        """Return the object of the path; what is read of it from here on is told to those who keep a trail."""
        found = super().get_object()
        self.tell_shown([found])
        return found

    def tell_shown(self, rows: Sequence[Any]) -> None:
        """Tell that rows are about to be shown to a known caller."""
        if rows and self.request.user.is_authenticated:
            rows_shown.send(cast("Viewer", self.request.user), rows, self.told)

    def record_read(self, rows: Sequence[Any]) -> None:
        """Record what this action is about to show, where it is sensitive."""
        self.tell_shown(rows)
        event = self.recorded_reads.get(self.action or "")
        if event and rows:
            rows_read.send(cast("Viewer", self.request.user), rows, event)
