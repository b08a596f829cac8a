"""Serializer fields of the payer network."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api.fields import VisibleKeyField
from apps.directory.models import Practice


class ReachableKeyField(VisibleKeyField):
    """A reference by exact key: any insurer's for a provider, whom the gates then answer; one's own for an insurer."""

    def get_queryset(self) -> Any:
        """Return the rows in which the key is looked up."""
        request = self.context.get("request")
        return self.model._default_manager.reachable_by(request.user if request else None)  # type: ignore[union-attr]  # ours

    def to_internal_value(self, data: Any) -> Any:
        """Return the row."""
        try:
            return self.get_queryset().get(pk=serializers.UUIDField().to_internal_value(data))
        except serializers.ValidationError:
            self.fail("invalid")
        except self.model.DoesNotExist:  # type: ignore[union-attr]  # set for writable fields
            self.fail("does_not_exist")


@extend_schema_field(OpenApiTypes.UUID)
class ProviderField(serializers.RelatedField[Any, Any, Any]):
    """A provider of the network by exact key: insurers agree with providers they see nothing of before."""

    default_error_messages = {
        "does_not_exist": _("This does not exist."),
        "invalid": _("This is not a valid identifier."),
    }

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs["queryset"] = Practice.objects.none()
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Practice:
        """Return the practice, if it is in use."""
        try:
            key = serializers.UUIDField().to_internal_value(data)
        except serializers.ValidationError:
            self.fail("invalid")
        practice: Practice | None = Practice.objects.filter(pk=key, is_active=True).first()
        if practice is None:
            self.fail("does_not_exist")
        return practice

    def to_representation(self, value: Any) -> str:
        """Return the key."""
        return str(value.pk)

    def use_pk_only_optimization(self) -> bool:
        """Read the key without loading the row."""
        return True


class CoordinateField(serializers.FloatField):
    """A latitude or longitude, kept to six decimals: about ten centimetres."""

    def to_internal_value(self, data: Any) -> Any:
        """Return a Decimal."""
        value = super().to_internal_value(data)
        if not isfinite(value):
            self.fail("invalid")
        return Decimal(str(round(value, 6)))

    def to_representation(self, value: Any) -> Any:
        """Return a plain number."""
        return float(value)


def is_provider(context: Any) -> bool:
    """Whether a practice reads: it is shown what it needs to identify somebody, no more."""
    request = context.get("request")
    return getattr(getattr(request, "user", None), "practice_id", None) is not None
