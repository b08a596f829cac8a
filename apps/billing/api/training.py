"""The training mode over HTTP: how it is, and its switches."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import TrainingSwitch
from apps.billing.services import switch_training
from apps.core.api.fields import PracticeTimeField
from apps.core.api.views import BaseViewSet


class SwitchOutput(serializers.ModelSerializer[TrainingSwitch]):
    """One switch; the newest says how the mode is."""

    switched_at = PracticeTimeField()
    documents = serializers.IntegerField()
    amount = serializers.IntegerField()
    payments = serializers.IntegerField()

    class Meta:
        model = TrainingSwitch
        fields = (
            "id",
            "turned_on",
            "reason",
            "switched_at",
            "switched_by",
            "documents",
            "amount",
            "payments",
        )
        read_only_fields = fields


class SwitchInput(serializers.Serializer[Any]):
    """On or off, and why."""

    turned_on = serializers.BooleanField()
    reason = serializers.CharField(max_length=200)


class TrainingViewSet(BaseViewSet):
    """Switches of the practice's training mode, the newest first."""

    queryset = TrainingSwitch.objects.none()
    permissions = {"list": "billing.view_trainingswitch", "create": "billing.add_trainingswitch"}
    serializers = {"list": SwitchOutput, "retrieve": SwitchOutput}
    inputs = {"create": SwitchInput}

    def get_queryset(self) -> QuerySet[TrainingSwitch]:
        """Return what the caller sees."""
        return TrainingSwitch.objects.visible_to(self.caller).order_by("-id")

    def list(self, request: Request) -> Response:
        """List the switches."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=SwitchInput, responses={201: SwitchOutput})
    def create(self, request: Request) -> Response:
        """Switch the mode; what is issued from now on is a specimen, or is real again."""
        given = self.parsed()
        switch = switch_training(actor=self.caller, practice=self.caller.practice, at=timezone.now(), **given)
        return self.answer(switch, status=201)
