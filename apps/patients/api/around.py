"""What belongs to a patient: contacts, consents, alerts."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.views import BaseViewSet
from apps.patients.api.serializers import (
    AlertChange,
    AlertInput,
    AlertOutput,
    ConsentInput,
    ConsentOutput,
    ContactInput,
    ContactOutput,
)
from apps.patients.models import Alert, Patient, PatientContact
from apps.patients.selectors import consent_history
from apps.patients.services import add_alert, add_contact, record_consent, update_alert


class AroundPatientViewSet(BaseViewSet):
    """Rows of one patient, under the patient's address."""

    queryset = Patient.objects.none()
    permissions = {
        "contacts": "patients.view_patientcontact",
        "add_contact": "patients.add_patientcontact",
        "consents": "patients.view_consentform",
        "add_consent": "patients.add_consentform",
        "alerts": "patients.view_alert",
        "add_alert": "patients.add_alert",
    }
    serializers = {
        "contacts": ContactOutput,
        "add_contact": ContactOutput,
        "consents": ConsentOutput,
        "add_consent": ConsentOutput,
        "alerts": AlertOutput,
        "add_alert": AlertOutput,
    }
    inputs = {"add_contact": ContactInput, "add_consent": ConsentInput, "add_alert": AlertInput}

    def get_queryset(self) -> Any:
        """Return the patients the caller sees."""
        return Patient.objects.visible_to(self.caller).select_related("practice")

    @extend_schema(responses=ContactOutput(many=True))
    @action(detail=True, methods=["get"])
    def contacts(self, request: Request, pk: str) -> Response:
        """List the people around a patient."""
        rows = PatientContact.objects.filter(patient=self.get_object()).current().order_by("pk")
        return self.answer_list(rows)

    @extend_schema(request=ContactInput, responses={201: ContactOutput})
    @contacts.mapping.post
    def add_contact(self, request: Request, pk: str) -> Response:
        """Add somebody around a patient."""
        patient = self.get_object()
        contact = add_contact(actor=self.caller, patient=patient, at=timezone.now(), **self.parsed())
        return self.answer(contact, status=201, action="contacts")

    @extend_schema(responses=ConsentOutput(many=True))
    @action(detail=True, methods=["get"])
    def consents(self, request: Request, pk: str) -> Response:
        """List every decision of a patient, newest first."""
        return self.answer_list(consent_history(self.get_object()))

    @extend_schema(request=ConsentInput, responses={201: ConsentOutput})
    @consents.mapping.post
    def add_consent(self, request: Request, pk: str) -> Response:
        """Record a decision."""
        patient = self.get_object()
        consent = record_consent(actor=self.caller, patient=patient, at=timezone.now(), **self.parsed())
        shown = consent_history(patient).get(pk=consent.pk)
        return self.answer(shown, status=201, action="consents")

    @extend_schema(responses=AlertOutput(many=True))
    @action(detail=True, methods=["get"])
    def alerts(self, request: Request, pk: str) -> Response:
        """List the warnings about a patient, those in force and the gravest first."""
        in_force_first = F("ended_at").desc(nulls_first=True)
        rows = Alert.objects.filter(patient=self.get_object())
        return self.answer_list(rows.order_by(in_force_first, "-severity", "pk"))

    @extend_schema(request=AlertInput, responses={201: AlertOutput})
    @alerts.mapping.post
    def add_alert(self, request: Request, pk: str) -> Response:
        """Warn about a patient."""
        patient = self.get_object()
        alert = add_alert(actor=self.caller, patient=patient, at=timezone.now(), **self.parsed())
        return self.answer(alert, status=201, action="alerts")


class AlertViewSet(BaseViewSet):
    """Warnings by their own key."""

    queryset = Alert.objects.none()
    permissions = {"partial_update": "patients.change_alert"}
    serializers = {"retrieve": AlertOutput}
    inputs = {"partial_update": AlertChange}

    def get_queryset(self) -> Any:
        """Return the warnings about patients the caller sees."""
        return Alert.objects.visible_to(self.caller)

    @extend_schema(request=AlertChange, responses=AlertOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Correct or end a warning."""
        alert = self.get_object()
        changed = update_alert(actor=self.caller, alert=alert, at=timezone.now(), **self.parsed(partial=True))
        return self.answer(changed)
