"""Serializer fields that know who asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Model
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.clock import day_in_calendar, from_wall_clock, in_calendar
from apps.core.errors import InvalidInput


@extend_schema_field(OpenApiTypes.UUID)
class VisibleKeyField(serializers.RelatedField[Any, Any, Any]):
    """A reference to a row the caller can see; one they cannot see reads exactly as one that does not exist."""

    default_error_messages = {
        "does_not_exist": _("This does not exist."),
        "invalid": _("This is not a valid identifier."),
    }

    def __init__(self, model: type[Model] | None = None, **kwargs: Any) -> None:
        self.model = model
        if not kwargs.get("read_only") and model is not None and "queryset" not in kwargs:
            kwargs["queryset"] = model._default_manager.none()
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Model:
        """Return the row."""
        request = self.context.get("request")
        rows = self.model._default_manager.visible_to(request.user if request else None)  # type: ignore[union-attr]  # ours
        try:
            return rows.get(pk=serializers.UUIDField().to_internal_value(data))  # type: ignore[no-any-return]  # a model
        except serializers.ValidationError:
            self.fail("invalid")
        except self.model.DoesNotExist:  # type: ignore[union-attr]  # set for writable fields
            self.fail("does_not_exist")

    def to_representation(self, value: Any) -> str:
        """Return the key."""
        return str(value.pk)

    def use_pk_only_optimization(self) -> bool:
        """Read the key without loading the row."""
        return True


def zone_of(serializer_context: Mapping[str, Any]) -> ZoneInfo:
    """Return the caller's practice's time zone, or the insurer's default."""
    request = serializer_context.get("request")
    practice = getattr(getattr(request, "user", None), "practice", None)
    return practice.zone if practice is not None else ZoneInfo("Europe/Paris")


@extend_schema_field(OpenApiTypes.DATE)
class DayField(serializers.DateField):
    """A day that other days are counted from; one beyond the calendar's years is refused."""

    def to_internal_value(self, value: Any) -> Any:
        """Return the day."""
        day = super().to_internal_value(value)
        try:
            return day_in_calendar(day)
        except InvalidInput as error:
            raise serializers.ValidationError(error.message) from error


@extend_schema_field(OpenApiTypes.DATETIME)
class PracticeTimeField(serializers.Field[Any, Any, Any, Any]):
    """A moment: with an offset as it is, without one on the practice's wall clock; read with the practice's offset."""

    default_error_messages = {"invalid": _("This is not a valid date and time (ISO 8601).")}

    def to_internal_value(self, data: Any) -> datetime:
        """Return an aware moment."""
        try:
            moment = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            moment = None
        if moment is None:
            self.fail("invalid")
        try:
            if moment.tzinfo is not None:
                return in_calendar(moment)
            return from_wall_clock(moment, zone_of(self.context))
        except InvalidInput as error:
            raise serializers.ValidationError(error.message) from error

    def to_representation(self, value: datetime) -> str:
        """Return ISO 8601 with the practice's offset."""
        return value.astimezone(zone_of(self.context)).isoformat()
