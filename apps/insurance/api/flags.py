"""Flags over HTTP: the insurer's side only, and the platform's to measure the rules by."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.fields import DayField, VisibleKeyField
from apps.core.api.filters import ALWAYS_KNOWN, refuse_unknown_parameters
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput
from apps.insurance.fraud.catalogue import BY_CODE
from apps.insurance.models import ClaimFlag
from apps.insurance.precision import precision_by_month, zone_of
from apps.insurance.services.flags import record_outcome

RULE_CHOICES = [(code, code) for code in BY_CODE]


class FlagFilter(filters.FilterSet):
    """Flags of a claim, of a rule, or those nobody has looked at."""

    claim = filters.UUIDFilter(field_name="claim_id")
    rule = filters.ChoiceFilter(choices=RULE_CHOICES)
    family = filters.ChoiceFilter(choices=ClaimFlag.Family.choices)
    outcome = filters.ChoiceFilter(choices=ClaimFlag.Outcome.choices)
    reviewed = filters.BooleanFilter(field_name="outcome", lookup_expr="isnull", exclude=True)
    shadow = filters.BooleanFilter()

    class Meta:
        model = ClaimFlag
        fields: tuple[str, ...] = ()


class FlagOutput(serializers.ModelSerializer[ClaimFlag]):
    """One rule that fired; `evidence` holds line numbers, keys of earlier claims and a word, never a name."""

    claim = VisibleKeyField(read_only=True)
    observed = serializers.DecimalField(max_digits=18, decimal_places=3, coerce_to_string=True)
    threshold = serializers.DecimalField(max_digits=18, decimal_places=3, coerce_to_string=True)
    reviewed_by = VisibleKeyField(read_only=True, allow_null=True)

    class Meta:
        model = ClaimFlag
        fields = (
            "id", "claim", "rule", "family", "weight", "points", "observed", "threshold", "evidence", "rules_version",
            "shadow", "raised_at", "outcome", "reviewed_by", "reviewed_at",
        )  # fmt: skip
        read_only_fields = fields


class OutcomeInput(serializers.Serializer[Any]):
    """Whether the flag was right."""

    outcome = serializers.ChoiceField(choices=ClaimFlag.Outcome.choices)


class PrecisionInput(serializers.Serializer[Any]):
    """Which months (both days inclusive, the last twelve months when absent) and which rule."""

    to = DayField(required=False)
    rule = serializers.ChoiceField(choices=RULE_CHOICES, required=False)
    vars()["from"] = DayField(required=False)


class PrecisionOutput(serializers.Serializer[Any]):
    """A rule in a month: `precision_bp` is confirmed of reviewed, in basis points."""

    rule = serializers.CharField()
    family = serializers.CharField()
    month = serializers.DateField()
    raised = serializers.IntegerField()
    on_trial = serializers.IntegerField()
    reviewed = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    false_positive = serializers.IntegerField()
    precision_bp = serializers.IntegerField(allow_null=True)


class ClaimFlagViewSet(BaseViewSet):
    """What screening noticed, and what reviewers made of it."""

    queryset = ClaimFlag.objects.none()
    permissions = {
        "list": "insurance.view_claimflag",
        "retrieve": "insurance.view_claimflag",
        "outcome": "insurance.change_claimflag",
        "precision": "insurance.view_claimflag",
    }
    serializers = {"list": FlagOutput, "retrieve": FlagOutput, "precision": PrecisionOutput}
    inputs = {"outcome": OutcomeInput}

    @property
    def filterset_class(self) -> type[FlagFilter] | None:
        """Filter lists only."""
        return FlagFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[ClaimFlag]:
        """Return what the caller sees, the latest first."""
        rows: QuerySet[ClaimFlag] = ClaimFlag.objects.visible_to(self.caller)
        return rows.order_by("-raised_at", "-points", "pk")

    def list(self, request: Request) -> Response:
        """List flags."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one flag."""
        return self.answer(self.get_object())

    @extend_schema(request=OutcomeInput, responses=FlagOutput)
    @action(detail=True, methods=["post"])
    def outcome(self, request: Request, pk: Any = None) -> Response:
        """Say whether a flag was right; saying something else later replaces it."""
        flag = self.get_object()
        body = self.parsed()
        return self.answer(record_outcome(actor=self.caller, flag=flag, at=timezone.now(), **body))

    @extend_schema(parameters=[PrecisionInput], responses=PrecisionOutput(many=True))
    @action(detail=False, methods=["get"])
    def precision(self, request: Request) -> Response:
        """Tell how often each rule was right, month by month."""
        refuse_unknown_parameters(request, ALWAYS_KNOWN | {"from", "to", "rule"})
        asked = PrecisionInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        zone = zone_of(self.caller)
        last: date = asked.validated_data.get("to") or timezone.now().astimezone(zone).date()
        first: date = asked.validated_data.get("from") or last - timedelta(days=365)
        if last < first:
            raise InvalidInput(to=[_("The last day must not come before the first.")])
        rows = precision_by_month(
            viewer=self.caller, first=first, last=last, zone=zone, rule=asked.validated_data.get("rule", "")
        )
        return self.answer_list(rows)
