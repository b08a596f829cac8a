"""Instalment plans over HTTP."""

from __future__ import annotations

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

from apps.billing.api.serializers import MOST, PatientBrief
from apps.billing.instalments import Due, evenly
from apps.billing.models import Instalment, InstalmentPlan, Invoice
from apps.billing.plans import plan_on, plans_for
from apps.billing.querysets import InstalmentPlanQuerySet
from apps.billing.selectors import owed_by_patient
from apps.billing.services.plans import MOST_INSTALMENTS, agree_plan, cancel_plan
from apps.core.api.fields import DayField, PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.directory.models import Practice


class InstalmentOutput(serializers.Serializer[Any]):
    """One instalment with what is settled of it."""

    position = serializers.IntegerField(source="instalment.position")
    due_on = serializers.DateField(source="instalment.due_on")
    amount = serializers.IntegerField(source="instalment.amount")
    settled = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Instalment.State.choices)


class PlanOutput(serializers.Serializer[InstalmentPlan]):
    """A plan as it stands today."""

    id = serializers.UUIDField(source="plan.id")
    invoice = serializers.UUIDField(source="plan.invoice_id")
    number = serializers.CharField(source="plan.invoice.number", allow_null=True)
    patient = PatientBrief(source="plan.invoice.patient")
    currency = serializers.CharField(source="plan.invoice.currency")
    status = serializers.ChoiceField(choices=InstalmentPlan.Status.choices)
    amount = serializers.IntegerField(source="plan.amount")
    settled = serializers.IntegerField()
    overdue = serializers.IntegerField()
    next_due_on = serializers.DateField(allow_null=True)
    agreed_at = PracticeTimeField(source="plan.agreed_at")
    cancelled_at = PracticeTimeField(source="plan.cancelled_at", allow_null=True)
    reason = serializers.CharField(source="plan.reason")
    instalments = InstalmentOutput(many=True)

    def to_representation(self, instance: Any) -> Any:
        """Return a plan that was loaded with its details."""
        today = timezone.now().astimezone(instance.invoice.practice.zone).date()
        return super().to_representation(plan_on(instance, today))  # type: ignore[arg-type]  # the view of the plan


class InstalmentInput(serializers.Serializer[Any]):
    """So much on a day."""

    due_on = DayField()
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10)


class PlanInput(serializers.Serializer[Any]):
    """Either the instalments, or how many of them, from when on and how many months apart."""

    invoice = VisibleKeyField(Invoice)
    instalments = serializers.ListField(
        child=InstalmentInput(), required=False, min_length=1, max_length=MOST_INSTALMENTS
    )
    count = serializers.IntegerField(min_value=1, max_value=MOST_INSTALMENTS, required=False)
    first_due_on = DayField(required=False)
    months = serializers.IntegerField(min_value=1, max_value=12, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say a schedule as instalments; an even one is spread over what the patient still owes."""
        invoice, given = attrs["invoice"], attrs.get("instalments")
        even = {"count", "first_due_on", "months"} & set(attrs)
        if bool(given) == bool(even) or (even and not {"count", "first_due_on"} <= even):
            raise serializers.ValidationError(
                {"instalments": [_("Name the instalments, or their number and the first day.")]}
            )
        if given:
            return {"invoice": invoice, "instalments": [Due(**one) for one in given]}
        spread = evenly(
            owed_by_patient(invoice), attrs["count"], attrs["first_due_on"], attrs.get("months", 1)
        )
        return {"invoice": invoice, "instalments": spread}


class PlanCancelInput(serializers.Serializer[Any]):
    """Why the plan ends."""

    reason = serializers.CharField(max_length=200)


class PlanFilter(filters.FilterSet):
    """By patient and invoice; `late` plans are those of which an instalment is overdue today."""

    patient = filters.UUIDFilter(field_name="invoice__patient_id")
    invoice = filters.UUIDFilter(field_name="invoice_id")
    late = filters.BooleanFilter(method="filter_late")

    class Meta:
        model = InstalmentPlan
        fields: tuple[str, ...] = ()

    def filter_late(self, rows: InstalmentPlanQuerySet, name: str, value: bool) -> InstalmentPlanQuerySet:
        """Keep the late ones, or the others."""
        practice: Practice | None = getattr(getattr(self.request, "user", None), "practice", None)
        if practice is None:
            return rows.none()
        late = InstalmentPlan.objects.filter(practice=practice).late(
            timezone.now().astimezone(practice.zone).date()
        )
        return rows.filter(pk__in=late.values("pk")) if value else rows.exclude(pk__in=late.values("pk"))


class InstalmentPlanViewSet(BaseViewSet):
    """Payment by instalments."""

    queryset = InstalmentPlan.objects.none()
    permissions = {
        "list": "billing.view_instalmentplan",
        "retrieve": "billing.view_instalmentplan",
        "create": "billing.add_instalmentplan",
        "cancel": "billing.change_instalmentplan",
    }
    serializers = {"list": PlanOutput, "retrieve": PlanOutput}
    inputs = {"create": PlanInput, "cancel": PlanCancelInput}
    filterset_class = PlanFilter

    def get_queryset(self) -> QuerySet[InstalmentPlan]:
        """Return what the caller sees, with details."""
        return plans_for(viewer=self.caller)

    def show(self, plan: InstalmentPlan, status: int = 200) -> Response:
        """Answer a plan as it now stands."""
        return self.answer(self.get_queryset().get(pk=plan.pk), status=status)

    def list(self, request: Request) -> Response:
        """List plans, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one plan."""
        return self.answer(self.get_object())

    @extend_schema(request=PlanInput, responses={201: PlanOutput})
    def create(self, request: Request) -> Response:
        """Agree on instalments for what the patient still owes of an invoice."""
        return self.show(agree_plan(actor=self.caller, at=timezone.now(), **self.parsed()), status=201)

    @extend_schema(request=PlanCancelInput, responses=PlanOutput)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """End a plan; what is left is due at once."""
        plan = self.get_object()
        given = self.parsed()
        return self.show(cancel_plan(actor=self.caller, plan=plan, at=timezone.now(), **given))
