"""Recalls: the call list, its dates and the tries to reach people."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda.api.filters import ChoicesFilter, KeysFilter
from apps.agenda.api.serializers import NamedPerson
from apps.agenda.models import Recall, RecallAttempt, RecallType
from apps.agenda.querysets import RecallQuerySet
from apps.agenda.selectors import recalls_of
from apps.agenda.services.recalls import change_recall, create_recall, note_attempt
from apps.core.api.fields import DayField, PracticeTimeField, VisibleKeyField, zone_of
from apps.core.api.views import BaseViewSet
from apps.directory.models import Practitioner
from apps.patients.models import Patient


class RecallTypeCard(serializers.ModelSerializer[RecallType]):
    """Why a patient is to come again."""

    class Meta:
        model = RecallType
        fields = ("id", "name", "interval_months")


class AttemptOutput(serializers.ModelSerializer[RecallAttempt]):
    """One try to reach a patient."""

    author = NamedPerson(read_only=True, allow_null=True)
    attempted_at = PracticeTimeField(read_only=True)

    class Meta:
        model = RecallAttempt
        fields = ("id", "attempted_at", "author", "channel", "outcome", "note")


class RecallOutput(serializers.ModelSerializer[Recall]):
    """A patient to be seen again, and who tried to reach them, the last try first."""

    patient = NamedPerson(read_only=True)
    phone = serializers.CharField(source="patient.phone", read_only=True)
    type = RecallTypeCard(read_only=True)
    practitioner = VisibleKeyField(read_only=True, allow_null=True)
    appointment = VisibleKeyField(read_only=True, allow_null=True)
    due_on = serializers.DateField(source="is_due_on", read_only=True)
    attempts = AttemptOutput(many=True, read_only=True)

    class Meta:
        model = Recall
        fields = (
            "id", "patient", "phone", "type", "practitioner", "previous_on", "computed_on", "override_on", "due_on",
            "snoozed_until", "status", "appointment", "note", "attempts",
        )  # fmt: skip


class RecallFields(serializers.Serializer[Any]):
    """What may be set of a recall."""

    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)
    previous_on = DayField(required=False, allow_null=True)
    override_on = DayField(required=False, allow_null=True)
    snoozed_until = DayField(required=False, allow_null=True)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class RecallInput(RecallFields):
    """Who is to come again, and why."""

    patient = VisibleKeyField(Patient)
    type = VisibleKeyField(RecallType)


class RecallChange(RecallFields):
    """Other dates, put off, closed or open again."""

    status = serializers.ChoiceField(
        choices=[(Recall.Status.ACTIVE, "active"), (Recall.Status.CLOSED, "closed")], required=False
    )


class AttemptInput(serializers.Serializer[Any]):
    """How somebody was tried, and what came of it."""

    channel = serializers.ChoiceField(choices=RecallAttempt.Channel.choices)
    outcome = serializers.ChoiceField(choices=RecallAttempt.Outcome.choices)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class RecallFilter(filters.FilterSet):
    """The call list: what is open, due by a day and not put off, unless something else is asked for."""

    patient = KeysFilter(field_name="patient_id", label="Keys, comma-separated.")
    type = KeysFilter(field_name="type_id", label="Keys, comma-separated.")
    practitioner = KeysFilter(field_name="practitioner_id", label="Keys, comma-separated.")
    status = ChoicesFilter(choices=Recall.Status.choices, label="Statuses, comma-separated.")
    due_until = filters.DateFilter(field_name="due_on", lookup_expr="lte", label="Due on this day or before.")
    snoozed = filters.BooleanFilter(method="by_snooze", label="Those put off too.")

    class Meta:
        model = Recall
        fields = ("patient", "type", "practitioner", "status")

    def by_snooze(self, rows: Any, name: str, value: bool) -> Any:
        """Leave it to `filter_queryset`."""
        return rows

    def filter_queryset(self, queryset: Any) -> Any:
        """Leave out what nobody has to call about."""
        rows = super().filter_queryset(queryset)
        asked = self.form.cleaned_data
        if not asked.get("status"):
            rows = rows.filter(status=Recall.Status.ACTIVE)
        if not asked.get("snoozed"):
            today = timezone.now().astimezone(zone_of({"request": self.request})).date()
            rows = rows.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=today))
        return rows


class RecallViewSet(BaseViewSet):
    """Patients to be seen again."""

    queryset = Recall.objects.none()
    permissions = {
        "list": "agenda.view_recall",
        "create": "agenda.add_recall",
        "partial_update": "agenda.change_recall",
        "attempts": "agenda.add_recallattempt",
    }
    serializers = {"list": RecallOutput, "retrieve": RecallOutput, "attempts": AttemptOutput}
    inputs = {"create": RecallInput, "partial_update": RecallChange, "attempts": AttemptInput}

    @property
    def filterset_class(self) -> type[RecallFilter] | None:
        """Filter the list only: a recall is found by its key."""
        return RecallFilter if self.action in {"list", None} else None

    def get_queryset(self) -> RecallQuerySet:
        """Return those of the caller's practice."""
        return recalls_of(viewer=self.caller)

    def show(self, recall: Recall, status: int = 200) -> Response:
        """Answer one recall as it now stands."""
        return self.answer(self.get_queryset().get(pk=recall.pk), status=status)

    def list(self, request: Request) -> Response:
        """List whom to call, the longest due first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=RecallInput, responses={201: RecallOutput})
    def create(self, request: Request) -> Response:
        """Note that a patient is to come again."""
        recall = create_recall(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed()
        )
        return self.show(recall, status=201)

    @extend_schema(request=RecallChange, responses=RecallOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Set another date, put off, close or open again."""
        recall = self.get_object()
        body = self.parsed(partial=True)
        return self.show(change_recall(actor=self.caller, recall=recall, at=timezone.now(), **body))

    @extend_schema(request=AttemptInput, responses={201: AttemptOutput})
    @action(detail=True, methods=["post"])
    def attempts(self, request: Request, pk: Any = None) -> Response:
        """Note a try to reach the patient."""
        recall = self.get_object()
        made = note_attempt(actor=self.caller, recall=recall, at=timezone.now(), **self.parsed())
        return self.answer(made, status=201, action="attempts")
