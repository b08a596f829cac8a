"""Closings, cheque deposits and the accounts over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Closing, Deposit, Payment
from apps.billing.models.invoices import Payer
from apps.billing.receivables import Debtor, Receivables, receivables
from apps.billing.services import close_period, record_deposit
from apps.billing.services.exporting import REPORTS, fec_lines, fec_name, journal_lines, record_export
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.core.clock import day_in_calendar
from apps.core.errors import InvalidInput
from apps.core.storage import attachment

MOST_CHEQUES = 500
MOST_CASH = 100_000_000_000


class ClosingOutput(serializers.ModelSerializer[Closing]):
    """What a day, a month or a year came to."""

    invoiced = serializers.IntegerField()
    credited = serializers.IntegerField()
    received = serializers.IntegerField()
    received_by_method = serializers.DictField(child=serializers.IntegerField())
    cash_counted = serializers.IntegerField(allow_null=True)
    cash_difference = serializers.IntegerField(allow_null=True)
    perpetual_total = serializers.IntegerField()
    first_sequence = serializers.IntegerField()
    last_sequence = serializers.IntegerField()
    closed_at = PracticeTimeField()

    class Meta:
        model = Closing
        fields = (
            "id", "period", "starts_on", "ends_on", "currency", "invoiced", "credited", "received",
            "received_by_method", "cash_counted", "cash_difference", "perpetual_total", "first_sequence", "last_sequence",
            "closed_at",
        )  # fmt: skip
        read_only_fields = fields


class ClosingInput(serializers.Serializer[Any]):
    """Which period: the day, month or year that `day` falls in."""

    period = serializers.ChoiceField(choices=Closing.Period.choices)
    day = serializers.DateField()
    cash_counted = serializers.IntegerField(
        min_value=0,
        max_value=MOST_CASH,
        required=False,
        allow_null=True,
        help_text="Cash of the period as counted.",
    )


class ClosingFilter(filters.FilterSet):
    """By period and first day (`from` and `to`, both inclusive)."""

    period = filters.ChoiceFilter(choices=Closing.Period.choices)
    vars()["from"] = filters.DateFilter(field_name="starts_on", lookup_expr="gte")
    to = filters.DateFilter(field_name="starts_on", lookup_expr="lte")

    class Meta:
        model = Closing
        fields: tuple[str, ...] = ()


class ClosingViewSet(BaseViewSet):
    """Closings of the practice."""

    queryset = Closing.objects.none()
    permissions = {"list": "billing.view_closing", "create": "billing.add_closing"}
    serializers = {"list": ClosingOutput, "retrieve": ClosingOutput}
    inputs = {"create": ClosingInput}
    filterset_class = ClosingFilter

    def get_queryset(self) -> QuerySet[Closing]:
        """Return what the caller sees, the latest first."""
        return Closing.objects.visible_to(self.caller).order_by("-starts_on", "period", "pk")

    def list(self, request: Request) -> Response:
        """List closings."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=ClosingInput, responses={201: ClosingOutput})
    def create(self, request: Request) -> Response:
        """Close a period that is over."""
        given = self.parsed()
        closing = close_period(actor=self.caller, practice=self.caller.practice, at=timezone.now(), **given)
        return self.answer(closing, status=201)


class DepositOutput(serializers.ModelSerializer[Deposit]):
    """A slip of cheques."""

    amount = serializers.IntegerField()
    cheques = serializers.IntegerField()
    recorded_at = PracticeTimeField()

    class Meta:
        model = Deposit
        fields = (
            "id", "number", "deposited_on", "currency", "amount", "cheques", "reference", "recorded_at"
        )  # fmt: skip
        read_only_fields = fields


class DepositInput(serializers.Serializer[Any]):
    """Which cheques go to the bank, and when."""

    payments = serializers.ListField(child=VisibleKeyField(Payment), min_length=1, max_length=MOST_CHEQUES)
    deposited_on = serializers.DateField(required=False, allow_null=True)
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)


class DepositViewSet(BaseViewSet):
    """Cheque deposits."""

    queryset = Deposit.objects.none()
    permissions = {"create": "billing.add_deposit"}
    serializers = {"retrieve": DepositOutput}
    inputs = {"create": DepositInput}

    @extend_schema(request=DepositInput, responses={201: DepositOutput})
    def create(self, request: Request) -> Response:
        """Put cheques on a slip."""
        given = self.parsed()
        deposit = record_deposit(actor=self.caller, practice=self.caller.practice, at=timezone.now(), **given)
        return self.answer(deposit, status=201)


class YearInput(serializers.Serializer[Any]):
    """A calendar year; this one when absent."""

    year = serializers.IntegerField(min_value=2000, max_value=2100, required=False)


class JournalInput(serializers.Serializer[Any]):
    """Which report, over which days (both inclusive)."""

    report = serializers.ChoiceField(choices=REPORTS, default="entries")
    to = serializers.DateField(required=False)
    vars()["from"] = serializers.DateField(required=False)


class DebtorOutput(serializers.Serializer[Debtor]):
    """Who owes, how much in how many invoices, and since which day."""

    payer = serializers.ChoiceField(choices=Payer.choices)
    id = serializers.UUIDField(source="key", help_text="Of the patient or of the insurer.")
    name = serializers.CharField()
    invoices = serializers.IntegerField()
    since = serializers.DateField()
    ages = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Due for up to 30 days (or not yet), up to 60, up to 90, longer.",
    )
    total = serializers.IntegerField()


class ReceivablesOutput(serializers.Serializer[Receivables]):
    """What is owed to the practice today, the largest debts first."""

    on = serializers.DateField()
    currency = serializers.CharField()
    patients = serializers.SerializerMethodField()
    insurers = serializers.SerializerMethodField()
    debtors = DebtorOutput(many=True)

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_patients(self, found: Receivables) -> list[int]:
        """Return what patients owe, in the four columns."""
        return found.ages(Payer.PATIENT)

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_insurers(self, found: Receivables) -> list[int]:
        """Return what insurers owe, in the four columns."""
        return found.ages(Payer.INSURER)


class AccountingViewSet(BaseViewSet):
    """The accounts: who owes what; and the books, taken away ten times an hour at most, each time recorded."""

    queryset = Closing.objects.none()
    permissions = {
        "fec": "billing.export_ledger",
        "journal": "billing.export_ledger",
        "receivables": "billing.view_invoice",
    }
    queries: ClassVar[dict[str, type[serializers.Serializer[Any]]]] = {
        "fec": YearInput,
        "journal": JournalInput,
    }
    pagination_class = None

    def asked(self) -> dict[str, Any]:
        """Return the validated query; one that nobody knows is refused."""
        shape = self.queries.get(self.action, serializers.Serializer)(data=self.request.query_params)
        unknown = set(self.request.query_params) - set(shape.fields)
        if unknown:
            raise InvalidInput(**{name: ["?"] for name in unknown})
        shape.is_valid(raise_exception=True)
        for value in shape.validated_data.values():
            if isinstance(value, date):
                day_in_calendar(value)
        return dict(shape.validated_data)

    @extend_schema(parameters=[YearInput], responses={(200, "text/plain"): OpenApiTypes.BINARY})
    @action(detail=False, methods=["get"])
    def fec(self, request: Request) -> HttpResponse:
        """Return a year's entries as the tax office wants them (LPF A47 A-1)."""
        practice, at = self.caller.practice, timezone.now()
        year = self.asked().get("year") or at.astimezone(practice.zone).year
        name = fec_name(practice, year)
        record_export(actor=self.caller, practice=practice, what=name, at=at)
        return self.file("".join(fec_lines(practice, year)), name, "text/plain; charset=utf-8")

    @extend_schema(
        parameters=[JournalInput, OpenApiParameter("from", OpenApiTypes.DATE)],
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    @action(detail=False, methods=["get"], url_path=r"journal\.csv")
    def journal(self, request: Request) -> HttpResponse:
        """Return entries, turnover by VAT code, or receipts (cash basis) for a spreadsheet."""
        practice, at = self.caller.practice, timezone.now()
        asked = self.asked()
        today = at.astimezone(practice.zone).date()
        first, last = asked.get("from", date(today.year, 1, 1)), asked.get("to", today)
        if last < first:
            raise InvalidInput(to=["< from"])
        record_export(actor=self.caller, practice=practice, what=f"journal {asked['report']}", at=at)
        text = "".join(journal_lines(practice, asked["report"], first, last))
        return self.file(text, f"journal-{asked['report']}.csv", "text/csv; charset=utf-8")

    @extend_schema(responses=ReceivablesOutput)
    @action(detail=False, methods=["get"])
    def receivables(self, request: Request) -> Response:
        """Return what patients and insurers owe, by how long it has been due."""
        self.asked()
        practice, at = self.caller.practice, timezone.now()
        today = at.astimezone(practice.zone).date()
        return Response(
            ReceivablesOutput(receivables(viewer=self.caller, practice=practice, today=today)).data
        )

    def file(self, text: str, name: str, kind: str) -> HttpResponse:
        """Answer a file."""
        return HttpResponse(
            text.encode(), content_type=kind, headers={"Content-Disposition": attachment(name)}
        )

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the file, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(request, force=True)
