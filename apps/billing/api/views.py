"""Invoices, their verbs and files, and payments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.draft_serializers import DraftChangeInput, DraftInput
from apps.billing.api.filters import InvoiceFilter, PaymentFilter
from apps.billing.api.invoice_serializers import CreditInput, InvoiceOutput, MoveShareInput
from apps.billing.api.payment_serializers import (
    AccountPaymentInput,
    AccountUseInput,
    PaymentInput,
    PaymentOutput,
    ReceiptQuery,
    RefundInput,
)
from apps.billing.api.reminders import ReminderOutput
from apps.billing.api.serializers import RenderingOutput
from apps.billing.models import BillingDocument, Invoice, Payment
from apps.billing.selectors import invoices_for, payments_for
from apps.billing.services import (
    create_draft,
    credit_invoice,
    delete_draft,
    document_of,
    hand_out,
    issue_invoice,
    make_duplicate,
    move_to_patient,
    record_payment,
    refund_payment,
    structured,
    update_draft,
)
from apps.billing.services.account import put_on_account, use_account
from apps.billing.services.documents import Copy, receipt_of
from apps.billing.services.reminders import remind
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput
from apps.core.storage import attachment


class InvoiceViewSet(BaseViewSet):
    """Fee notes and credit notes."""

    queryset = Invoice.objects.none()
    permissions = {
        "list": "billing.view_invoice",
        "retrieve": "billing.view_invoice",
        "create": "billing.add_invoice",
        "partial_update": "billing.change_invoice",
        "destroy": "billing.delete_invoice",
        "issue": "billing.issue_invoice",
        "credit": "billing.credit_invoice",
        "adjust": "billing.add_sharetransfer",
        "payments": "billing.add_payment",
        "remind": "billing.add_invoicereminder",
        "pdf": "billing.view_invoice",
        "facturx": "billing.view_invoice",
        "duplicate": "billing.view_invoice",
    }
    serializers = {
        "list": InvoiceOutput,
        "retrieve": InvoiceOutput,
        "payments": PaymentOutput,
        "remind": ReminderOutput,
    }
    inputs = {
        "create": DraftInput,
        "partial_update": DraftChangeInput,
        "payments": PaymentInput,
        "credit": CreditInput,
        "adjust": MoveShareInput,
    }
    filterset_class = InvoiceFilter

    def get_queryset(self) -> QuerySet[Invoice]:
        """Return what the caller sees, with details."""
        return invoices_for(viewer=self.caller)

    def show(self, invoice: Invoice, status: int = 200) -> Response:
        """Answer an invoice as it now stands."""
        return self.answer(self.get_queryset().get(pk=invoice.pk), status=status)

    def list(self, request: Request) -> Response:
        """List invoices, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one invoice."""
        return self.answer(self.get_object())

    @extend_schema(request=DraftInput, responses={201: InvoiceOutput})
    def create(self, request: Request) -> Response:
        """Write a draft."""
        given = self.parsed()
        invoice = create_draft(actor=self.caller, practice=self.caller.practice, at=timezone.now(), **given)
        return self.show(invoice, status=201)

    @extend_schema(request=DraftChangeInput, responses=InvoiceOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change a draft."""
        invoice = self.get_object()
        return self.show(
            update_draft(actor=self.caller, invoice=invoice, at=timezone.now(), **self.parsed(partial=True))
        )

    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Throw a draft away."""
        delete_draft(actor=self.caller, invoice=self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=InvoiceOutput)
    @action(detail=True, methods=["post"])
    def issue(self, request: Request, pk: Any = None) -> Response:
        """Give a draft its number; from now on it never changes."""
        return self.show(issue_invoice(actor=self.caller, invoice=self.get_object(), at=timezone.now()))

    @extend_schema(request=CreditInput, responses={201: InvoiceOutput})
    @action(detail=True, methods=["post"])
    def credit(self, request: Request, pk: Any = None) -> Response:
        """Issue a credit note over everything that is left, or over some lines."""
        invoice = self.get_object()
        given = self.parsed()
        note = credit_invoice(actor=self.caller, invoice=invoice, at=timezone.now(), **given)
        return self.show(note, status=201)

    @extend_schema(request=MoveShareInput, responses=InvoiceOutput)
    @action(detail=True, methods=["post"])
    def adjust(self, request: Request, pk: Any = None) -> Response:
        """Post as the patient's to pay what the network refused, blocked or has not decided yet."""
        invoice = self.get_object()
        move_to_patient(actor=self.caller, invoice=invoice, at=timezone.now(), **self.parsed())
        return self.show(invoice)

    @extend_schema(request=PaymentInput, responses={201: PaymentOutput})
    @action(detail=True, methods=["post"])
    def payments(self, request: Request, pk: Any = None) -> Response:
        """Record a payment of the patient or of an insurer."""
        invoice = self.get_object()
        given = self.parsed()
        payment = record_payment(actor=self.caller, invoice=invoice, at=timezone.now(), **given)
        return self.answer(payments_for(viewer=self.caller).get(pk=payment.pk), 201, "payments")

    @extend_schema(request=None, responses={201: ReminderOutput})
    @action(detail=True, methods=["post"])
    def remind(self, request: Request, pk: Any = None) -> Response:
        """Remind the patient of what they owe, a level further than the last time."""
        reminder = remind(actor=self.caller, invoice=self.get_object(), at=timezone.now())
        return self.answer(reminder, 201, "remind")

    @extend_schema(
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            202: OpenApiResponse(RenderingOutput, description="Still being made: ask again in a moment."),
        }
    )
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse | Response:
        """Return the issued document; each copy handed out is counted and audited."""
        return self.file(lambda document: hand_out(actor=self.caller, document=document))

    @extend_schema(
        responses={
            (200, "application/xml"): OpenApiTypes.BINARY,
            202: OpenApiResponse(RenderingOutput, description="Still being made: ask again in a moment."),
        }
    )
    @action(detail=True, methods=["get"], url_path=r"facturx\.xml")
    def facturx(self, request: Request, pk: Any = None) -> HttpResponse | Response:
        """Return the EN 16931 data of the issued document, as its PDF carries it."""
        return self.file(structured)

    @extend_schema(request=None, responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: Any = None) -> HttpResponse:
        """Print the document anew, marked as the duplicate it is; the count of duplicates grows by one."""
        document = document_of(self.get_object())
        copy = make_duplicate(actor=self.caller, document=document, at=timezone.now())
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    def file(self, take: Callable[[BillingDocument], Copy]) -> HttpResponse | Response:
        """Answer a file of the document once it is made."""
        document = document_of(self.get_object())
        if not document.is_rendered:
            body = {"job": str(document.job.pk), "status": document.job.state}
            return Response(body, status=202, headers={"Retry-After": "2"})
        copy = take(document)
        headers = {"Content-Disposition": attachment(copy.file_name), "ETag": f'"{copy.sha256}"'}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the file, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(
            request, force=force or self.action in {"pdf", "facturx", "duplicate"}
        )


class PaymentViewSet(BaseViewSet):
    """Money received."""

    queryset = Payment.objects.none()
    permissions = {
        "list": "billing.view_payment",
        "retrieve": "billing.view_payment",
        "create": "billing.add_payment",
        "allocate": "billing.add_payment",
        "pdf": "billing.view_payment",
        "refund": "billing.refund_payment",
    }
    serializers = {"list": PaymentOutput, "retrieve": PaymentOutput}
    inputs = {"create": AccountPaymentInput, "allocate": AccountUseInput, "refund": RefundInput}
    filterset_class = PaymentFilter

    def get_queryset(self) -> QuerySet[Payment]:
        """Return what the caller sees."""
        return payments_for(viewer=self.caller)

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter lists only: a receipt's query says its language."""
        return queryset if self.action == "pdf" else super().filter_queryset(queryset)

    def list(self, request: Request) -> Response:
        """List payments, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one payment with what it settles."""
        return self.answer(self.get_object())

    @extend_schema(request=AccountPaymentInput, responses={201: PaymentOutput})
    def create(self, request: Request) -> Response:
        """Put money on a patient's account."""
        payment = put_on_account(actor=self.caller, at=timezone.now(), **self.parsed())
        return self.answer(self.get_queryset().get(pk=payment.pk), status=201)

    @extend_schema(request=AccountUseInput, responses=PaymentOutput)
    @action(detail=True, methods=["post"])
    def allocate(self, request: Request, pk: Any = None) -> Response:
        """Settle invoices with what is left of a payment on the account."""
        payment = self.get_object()
        use_account(actor=self.caller, payment=payment, at=timezone.now(), **self.parsed())
        return self.answer(self.get_queryset().get(pk=payment.pk))

    @extend_schema(request=RefundInput, responses={201: PaymentOutput})
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: Any = None) -> Response:
        """Give money back; what it settled is due again."""
        payment = self.get_object()
        given = self.parsed()
        refund = refund_payment(actor=self.caller, payment=payment, at=timezone.now(), **given)
        return self.answer(self.get_queryset().get(pk=refund.pk), status=201)

    @extend_schema(
        parameters=[ReceiptQuery],
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            202: OpenApiResponse(RenderingOutput, description="Still being made: ask again in a moment."),
        },
    )
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse | Response:
        """Return the receipt; it is made when it is first asked for, and each copy is counted and audited."""
        payment = self.get_object()
        asked = ReceiptQuery(data=request.query_params)
        unknown = set(request.query_params) - set(asked.fields)
        if unknown:
            raise InvalidInput(**{name: ["?"] for name in unknown})
        asked.is_valid(raise_exception=True)
        document = receipt_of(actor=self.caller, payment=payment, at=timezone.now(), **asked.validated_data)
        if not document.is_rendered:
            body = {"job": str(document.job.pk), "status": document.job.state}
            return Response(body, status=202, headers={"Retry-After": "2"})
        copy = hand_out(actor=self.caller, document=document)
        headers = {"Content-Disposition": attachment(copy.file_name), "ETag": f'"{copy.sha256}"'}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the file, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(request, force=force or self.action == "pdf")
