"""Quotes over HTTP: shapes and views."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.filters import ChoicesFilter
from apps.billing.api.serializers import MOST, PatientBrief, RenderingOutput
from apps.billing.links import link_of
from apps.billing.models import Quote, QuoteDecision, QuoteItem
from apps.billing.services import (
    QuoteLine,
    Signature,
    accept_quote,
    create_quote,
    document_of_quote,
    hand_out,
    issue_quote,
    make_duplicate,
    refuse_quote,
    send_quote,
    update_quote,
)
from apps.billing.services.lines import MOST_LINES
from apps.catalog.models import Act
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.core.middleware import client_address
from apps.core.storage import attachment
from apps.directory.models import Practitioner
from apps.notifications.models import Channel
from apps.patients.models import Language, Patient


class QuoteItemOutput(serializers.ModelSerializer[QuoteItem]):
    """One line, or an alternative to one."""

    act = serializers.UUIDField(source="act_id")
    alternative_to = serializers.UUIDField(source="alternative_to_id", allow_null=True)
    treatment = serializers.UUIDField(source="treatment_id", allow_null=True)
    label = serializers.CharField()  # type: ignore[assignment]  # DRF's own attribute has this name
    cap = serializers.IntegerField(allow_null=True)
    price = serializers.IntegerField()
    device_price = serializers.IntegerField(allow_null=True)
    brss = serializers.IntegerField()
    refund_amount = serializers.IntegerField()
    remainder_amount = serializers.IntegerField()

    class Meta:
        model = QuoteItem
        fields = (
            "id", "position", "alternative_to", "act", "code", "label", "tooth", "surfaces", "material", "basket",
            "cap", "price", "device_price", "brss", "refund_amount", "remainder_amount", "is_chosen", "treatment",
        )  # fmt: skip
        read_only_fields = fields


class DecisionOutput(serializers.ModelSerializer[QuoteDecision]):
    """What the patient decided."""

    decided_at = PracticeTimeField()

    class Meta:
        model = QuoteDecision
        fields = ("decision", "channel", "signer_name", "reason", "document_sha256", "decided_at")
        read_only_fields = fields


class QuoteOutput(serializers.ModelSerializer[Quote]):
    """A quote with its lines and what was decided."""

    patient = PatientBrief()
    practitioner = serializers.UUIDField(source="practitioner_id")
    replaces = serializers.UUIDField(source="replaces_id", allow_null=True)
    issued_at = PracticeTimeField(allow_null=True)
    total_amount = serializers.IntegerField()
    refund_amount = serializers.IntegerField()
    remainder_amount = serializers.IntegerField()
    items = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()
    pdf_ready = serializers.SerializerMethodField()
    acceptance_url = serializers.SerializerMethodField()

    class Meta:
        model = Quote
        fields = (
            "id", "status", "number", "version", "replaces", "patient", "practitioner", "currency", "language",
            "valid_until", "manufacture", "subcontracted", "total_amount", "refund_amount", "remainder_amount",
            "issued_at", "issued_on", "items", "decision", "pdf_ready", "acceptance_url", "is_training",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(QuoteItemOutput(many=True))
    def get_items(self, quote: Quote) -> Any:
        """Return the lines, each followed by its alternative."""
        rows = sorted(quote.items.all(), key=lambda item: (item.position, item.alternative_to_id is not None))
        return QuoteItemOutput(rows, many=True).data

    @extend_schema_field(DecisionOutput(allow_null=True))
    def get_decision(self, quote: Quote) -> Any:
        """Return the decision, if there is one."""
        found = getattr(quote, "decision", None)
        return DecisionOutput(found, context=self.context).data if found is not None else None

    def get_pdf_ready(self, quote: Quote) -> bool:
        """Whether the PDF can be fetched."""
        return any(document.is_rendered for document in quote.documents.all())

    def get_acceptance_url(self, quote: Quote) -> str:
        """Return where the patient reads and signs it; nothing unless it is open."""
        is_open = quote.status == Quote.Status.ISSUED and not quote.is_training
        return link_of(quote) if is_open else ""


class QuoteItemInput(serializers.Serializer[Any]):
    """One act offered; prices include VAT, the practice's fee when absent."""

    act = VisibleKeyField(Act)
    tooth = serializers.CharField(max_length=2, required=False, allow_blank=True)
    surfaces = serializers.CharField(max_length=12, required=False, allow_blank=True)
    label = serializers.CharField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]  # DRF's own attribute has this name
    material = serializers.CharField(max_length=80, required=False, allow_blank=True)
    price = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    device_price = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)


class QuoteChangeInput(serializers.Serializer[Any]):
    """Changes of a draft; given items replace all former ones."""

    practitioner = VisibleKeyField(Practitioner, required=False)
    language = serializers.ChoiceField(choices=Language.choices, required=False)
    valid_until = serializers.DateField(required=False, allow_null=True)
    manufacture = serializers.ChoiceField(choices=Quote.Manufacture.choices, required=False)
    subcontracted = serializers.BooleanField(required=False)
    items = serializers.ListField(child=QuoteItemInput(), required=False, max_length=MOST_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say lines as the services do."""
        if "items" in attrs:
            attrs["lines"] = [QuoteLine(**item) for item in attrs.pop("items")]
        return attrs


class QuoteInput(QuoteChangeInput):
    """A new quote, or with `replaces` a new version of one; without a practitioner it is the caller's own."""

    patient = VisibleKeyField(Patient)
    replaces = VisibleKeyField(Quote, required=False, allow_null=True)
    items = serializers.ListField(child=QuoteItemInput(), max_length=MOST_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the caller as practitioner."""
        attrs = super().validate(attrs)
        if "practitioner" not in attrs:
            own = self.context["request"].user.practitioner
            if own is None:
                raise serializers.ValidationError({"practitioner": [_("Name who treats.")]})
            attrs["practitioner"] = own
        return attrs


class AcceptInput(serializers.Serializer[Any]):
    """Who signs, and which alternatives are taken instead of their lines."""

    signer_name = serializers.CharField(max_length=120)
    alternatives = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=MOST_LINES
    )


class RefuseInput(serializers.Serializer[Any]):
    """Why, if the patient says so."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class SendInput(serializers.Serializer[Any]):
    """By which channel."""

    channel = serializers.ChoiceField(choices=Channel.choices, default=Channel.EMAIL)


class SentOutput(serializers.Serializer[Any]):
    """The queued message."""

    job = serializers.UUIDField(source="id")
    channel = serializers.ChoiceField(choices=Channel.choices)
    recipient = serializers.CharField(source="recipient_masked")
    status = serializers.CharField(source="state")


class QuoteFilter(filters.FilterSet):
    """By patient, practitioner, status, number and day of issue (`from` and `to`, both inclusive)."""

    patient = filters.UUIDFilter(field_name="patient_id")
    practitioner = filters.UUIDFilter(field_name="practitioner_id")
    status = ChoicesFilter(choices=Quote.Status.choices)
    number = filters.CharFilter(lookup_expr="iexact")
    vars()["from"] = filters.DateFilter(field_name="issued_on", lookup_expr="gte")
    to = filters.DateFilter(field_name="issued_on", lookup_expr="lte")

    class Meta:
        model = Quote
        fields: tuple[str, ...] = ()


class QuoteViewSet(BaseViewSet):
    """Quotes and their verbs."""

    queryset = Quote.objects.none()
    permissions = {
        "list": "billing.view_quote",
        "retrieve": "billing.view_quote",
        "pdf": "billing.view_quote",
        "create": "billing.add_quote",
        "partial_update": "billing.change_quote",
        "issue": "billing.issue_quote",
        "accept": "billing.decide_quote",
        "refuse": "billing.decide_quote",
        "send": "billing.issue_quote",
        "duplicate": "billing.view_quote",
    }
    serializers = {"list": QuoteOutput, "retrieve": QuoteOutput, "send": SentOutput}
    inputs = {
        "create": QuoteInput,
        "partial_update": QuoteChangeInput,
        "accept": AcceptInput,
        "refuse": RefuseInput,
        "send": SendInput,
    }
    filterset_class = QuoteFilter

    def get_queryset(self) -> QuerySet[Quote]:
        """Return what the caller sees, with details."""
        rows: QuerySet[Quote] = Quote.objects.visible_to(self.caller).with_details().newest_first()
        return rows

    def show(self, quote: Quote, status: int = 200) -> Response:
        """Answer a quote as it now stands."""
        return self.answer(self.get_queryset().get(pk=quote.pk), status=status)

    def list(self, request: Request) -> Response:
        """List quotes, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one quote."""
        return self.answer(self.get_object())

    @extend_schema(request=QuoteInput, responses={201: QuoteOutput})
    def create(self, request: Request) -> Response:
        """Write a draft; alternatives with less to pay are added from the catalogue."""
        given = self.parsed()
        quote = create_quote(actor=self.caller, practice=self.caller.practice, at=timezone.now(), **given)
        return self.show(quote, status=201)

    @extend_schema(request=QuoteChangeInput, responses=QuoteOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change a draft."""
        quote = self.get_object()
        given = self.parsed(partial=True)
        return self.show(update_quote(actor=self.caller, quote=quote, at=timezone.now(), **given))

    @extend_schema(request=None, responses=QuoteOutput)
    @action(detail=True, methods=["post"])
    def issue(self, request: Request, pk: Any = None) -> Response:
        """Give a draft its number; from now on it never changes."""
        return self.show(issue_quote(actor=self.caller, quote=self.get_object(), at=timezone.now()))

    @extend_schema(request=AcceptInput, responses=QuoteOutput)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: Any = None) -> Response:
        """Record what the patient signed at the practice; the treatments are planned."""
        quote = self.get_object()
        given = self.parsed()
        signed = Signature(signer_name=given["signer_name"], address=client_address(request._request))
        chosen = given["alternatives"]
        return self.show(
            accept_quote(
                actor=self.caller, quote=quote, signature=signed, alternatives=chosen, at=timezone.now()
            )
        )

    @extend_schema(request=RefuseInput, responses=QuoteOutput)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: Any = None) -> Response:
        """Record that the patient does not want it."""
        quote = self.get_object()
        reason = self.parsed()["reason"]
        signed = Signature(signer_name="", address=client_address(request._request))
        return self.show(
            refuse_quote(actor=self.caller, quote=quote, signature=signed, reason=reason, at=timezone.now())
        )

    @extend_schema(
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            202: OpenApiResponse(RenderingOutput, description="Still being made: ask again in a moment."),
        }
    )
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse | Response:
        """Return the issued quote; each copy handed out is counted and audited."""
        document = document_of_quote(self.get_object())
        if not document.is_rendered:
            body = {"job": str(document.job.pk), "status": document.job.state}
            return Response(body, status=202, headers={"Retry-After": "2"})
        copy = hand_out(actor=self.caller, document=document)
        headers = {"Content-Disposition": attachment(copy.file_name), "ETag": f'"{copy.sha256}"'}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    @extend_schema(request=SendInput, responses={201: SentOutput})
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: Any = None) -> Response:
        """Queue a message with the link at which the patient reads and answers the quote."""
        quote = self.get_object()
        job = send_quote(actor=self.caller, quote=quote, at=timezone.now(), **self.parsed())
        return self.answer(job, 201, "send")

    @extend_schema(request=None, responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: Any = None) -> HttpResponse:
        """Print the quote anew, marked as the duplicate it is; the count of duplicates grows by one."""
        document = document_of_quote(self.get_object())
        copy = make_duplicate(actor=self.caller, document=document, at=timezone.now())
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the file, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(
            request, force=force or self.action in {"pdf", "duplicate"}
        )
