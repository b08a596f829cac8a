"""Accounts of one's house."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.filters import UserFilter
from apps.accounts.api.serializers import UserChangeInput, UserInviteInput, UserOutput
from apps.accounts.api.views import CallerViewSet
from apps.accounts.invitations import invite_user
from apps.accounts.models import User
from apps.accounts.services import deactivate_user, reactivate_user, reset_mfa, update_user


class UserViewSet(CallerViewSet):
    """Accounts: of one's own house, of every house for the platform's administrator."""

    queryset = User.objects.none()
    permissions = {
        "list": "accounts.view_user",
        "retrieve": "accounts.view_user",
        "create": "accounts.add_user",
        "partial_update": "accounts.change_user",
        "deactivate": "accounts.change_user",
        "reactivate": "accounts.change_user",
        "reset_mfa": "accounts.change_user",
    }
    serializers = {"list": UserOutput, "retrieve": UserOutput}
    inputs = {"create": UserInviteInput, "partial_update": UserChangeInput}
    filterset_class = UserFilter

    def get_queryset(self) -> QuerySet[User]:
        """Return the accounts the caller may see, by name."""
        rows: QuerySet[User] = User.objects.visible_to(self.actor)
        return rows.select_related("practice", "insurer", "practitioner").order_by(
            "last_name", "first_name", "pk"
        )

    def show(self, user: User, status: int = 200) -> Response:
        """Answer one account, read back with its house."""
        return self.answer(self.get_queryset().get(pk=user.pk), status=status)

    def list(self, request: Request) -> Response:
        """List accounts."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one account."""
        return self.answer(self.get_object())

    @extend_schema(request=UserInviteInput, responses={201: UserOutput})
    def create(self, request: Request) -> Response:
        """Create an account and mail its owner a link to choose a password."""
        return self.show(invite_user(actor=self.actor, **self.parsed(), at=timezone.now()), status=201)

    @extend_schema(request=UserChangeInput, responses=UserOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change an account; a new role ends its logins."""
        user = self.get_object()
        return self.show(
            update_user(actor=self.actor, user=user, **self.parsed(partial=True), at=timezone.now())
        )

    @extend_schema(request=None, responses=UserOutput)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: Any = None) -> Response:
        """Close an account; its logins end at once."""
        return self.show(deactivate_user(actor=self.actor, user=self.get_object(), at=timezone.now()))

    @extend_schema(request=None, responses=UserOutput)
    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, pk: Any = None) -> Response:
        """Open a closed account again."""
        return self.show(reactivate_user(actor=self.actor, user=self.get_object(), at=timezone.now()))

    @extend_schema(request=None, responses=UserOutput)
    @action(detail=True, methods=["post"], url_path="reset-mfa")
    def reset_mfa(self, request: Request, pk: Any = None) -> Response:
        """Remove a lost second factor; the account's logins end at once."""
        return self.show(reset_mfa(actor=self.actor, user=self.get_object(), at=timezone.now()))
