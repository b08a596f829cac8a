"""Shapes of treatments."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.agenda.models import Appointment
from apps.catalog.models import Act
from apps.clinical.models import Treatment
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.directory.models import Practitioner

MOST = 100_000_000


class TreatmentOutput(serializers.ModelSerializer[Treatment]):
    """One treatment; amounts in minor units of `currency`."""

    patient = serializers.UUIDField(source="patient_id")
    act = serializers.UUIDField(source="act_id")
    code = serializers.CharField(source="act.code")
    label = serializers.CharField(source="act.label")  # type: ignore[assignment]  # DRF has this name
    practitioner = serializers.UUIDField(source="practitioner_id")
    appointment = serializers.UUIDField(source="appointment_id", allow_null=True)
    price = serializers.IntegerField()
    planned_at = PracticeTimeField()
    performed_at = PracticeTimeField(allow_null=True)
    cancelled_at = PracticeTimeField(allow_null=True)

    class Meta:
        model = Treatment
        fields = (
            "id", "patient", "act", "code", "label", "practitioner", "appointment", "tooth", "surfaces",
            "status", "price", "currency", "planned_at", "performed_at", "cancelled_at",
        )  # fmt: skip
        read_only_fields = fields


class TreatmentInput(serializers.Serializer[Any]):
    """A new treatment; without a practitioner it is the caller's own, without a price the practice's fee."""

    act = VisibleKeyField(Act)
    practitioner = VisibleKeyField(Practitioner, required=False)
    appointment = VisibleKeyField(Appointment, required=False, allow_null=True)
    tooth = serializers.CharField(max_length=2, required=False, allow_blank=True)
    surfaces = serializers.CharField(max_length=12, required=False, allow_blank=True)
    status = serializers.ChoiceField(choices=["planned", "done"], default="planned")
    price = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the caller as practitioner, and say `done` as the service does."""
        attrs["done"] = attrs.pop("status") == "done"
        if "practitioner" not in attrs:
            own = self.context["request"].user.practitioner
            if own is None:
                raise serializers.ValidationError({"practitioner": [_("Name who treats.")]})
            attrs["practitioner"] = own
        return attrs


class CancelTreatmentInput(serializers.Serializer[Any]):
    """Why it is given up."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)
