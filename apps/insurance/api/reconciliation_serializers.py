"""Shapes of reconciliations, their lines and disputes."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api.fields import DayField, VisibleKeyField
from apps.directory.models import Currency, Insurer
from apps.insurance.models import (
    Dispute,
    Reconciliation,
    ReconciliationJob,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)
from apps.insurance.reconciliation_preview import Preview
from apps.insurance.reconciliation_selectors import days_outstanding, is_overdue, payment_due_on, withheld_of
from apps.insurance.services.jobs import failure_of

# What a provider reads instead of the header's sums: its own row.
OWN = {
    "total_claims": "claims", "total_amount": "total_amount", "total_covered": "covered",
    "total_retentions": "retentions", "total_credits": "credits", "total_releases": "releases",
    "total_carried_out": "carried_out", "total_net_payable": "net",
}  # fmt: skip


class PeriodInput(serializers.Serializer[Any]):
    """Which period to reconcile, both days included."""

    insurer = VisibleKeyField(Insurer, required=False, help_text="One's own; it need not be said.")
    period_start = DayField()
    period_end = DayField()
    currency = serializers.ChoiceField(
        choices=Currency.choices, required=False, help_text="Needed when claims in several currencies wait."
    )


class PaymentOfReconciliationInput(serializers.Serializer[Any]):
    """A payment as the bank shows it."""

    payment_date = DayField()
    payment_reference = serializers.CharField(max_length=80)


class CancelInput(serializers.Serializer[Any]):
    """Why it is taken back."""

    reason = serializers.CharField(max_length=200)


class DisputeInput(serializers.Serializer[Any]):
    """What is wrong with a line; the amount is all of its net unless said."""

    reason = serializers.CharField(max_length=1000)
    amount = serializers.IntegerField(min_value=1, max_value=1_000_000_000_000, required=False)
    document = serializers.CharField(max_length=120, required=False, allow_blank=True)


class DecisionInput(serializers.Serializer[Any]):
    """What becomes of a dispute; the outcome is what was disputed unless said."""

    decision = serializers.ChoiceField(choices=["accept", "reject"])
    reason = serializers.CharField(max_length=1000)
    outcome_amount = serializers.IntegerField(min_value=0, max_value=1_000_000_000_000, required=False)


class JobAnswer(serializers.Serializer[Any]):
    """Work that goes on."""

    job = serializers.UUIDField()


class ReconciliationJobOutput(serializers.ModelSerializer[ReconciliationJob]):
    """How far a worker is."""

    insurer = VisibleKeyField(read_only=True)
    reconciliation = VisibleKeyField(read_only=True, allow_null=True)
    error = serializers.SerializerMethodField(
        help_text="Why it failed, or has not succeeded yet; empty if all is well."
    )

    class Meta:
        model = ReconciliationJob
        fields = (
            "id", "insurer", "period_start", "period_end", "currency", "state", "step", "percent", "error",
            "reconciliation",
        )  # fmt: skip
        read_only_fields = fields

    def get_error(self, job: ReconciliationJob) -> str:
        """Say what went wrong."""
        return failure_of(job)


class RetentionOutput(serializers.ModelSerializer[Retention]):
    """What is kept back of a provider under one code."""

    class Meta:
        model = Retention
        fields = (
            "code",
            "kind",
            "base",
            "base_amount",
            "rate_bp",
            "amount",
            "certificate_number",
            "releasable_on",
        )
        read_only_fields = fields


class ProviderTotalOutput(serializers.ModelSerializer[ReconciliationProvider]):
    """What one provider gets."""

    provider = VisibleKeyField(read_only=True)
    name = serializers.CharField(source="provider.name", read_only=True)
    retention_rows = serializers.SerializerMethodField()

    class Meta:
        model = ReconciliationProvider
        fields = (
            "provider", "name", "claims", "total_amount", "covered", "retentions", "credits", "releases", "carried_in",
            "carried_out", "net", "certificate_number", "retention_rows",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(RetentionOutput(many=True))
    def get_retention_rows(self, row: ReconciliationProvider) -> list[Any]:
        """Return what is kept back, by code."""
        kept = [r for r in self.context.get("kept", ()) if r.provider_row_id == row.pk]
        return list(RetentionOutput(kept, many=True).data)


class ReconciliationOutput(serializers.ModelSerializer[Reconciliation]):
    """A reconciliation; to a provider every amount is its own part."""

    insurer = VisibleKeyField(read_only=True)
    days_outstanding = serializers.SerializerMethodField(
        help_text="Days between sending and payment, or until now."
    )
    payment_due_on = serializers.SerializerMethodField(
        help_text="By when a sent one is to be paid: `config.reconciliation.pay_within_days`, 21 unless said."
    )
    is_overdue = serializers.SerializerMethodField(help_text="Sent, not paid, and that day is over.")
    providers = serializers.SerializerMethodField()

    class Meta:
        model = Reconciliation
        fields: tuple[str, ...] = (
            "id", "number", "insurer", "sequence", "period_start", "period_end", "cutoff_at", "currency", "status",
            "total_claims", "total_amount", "total_covered", "total_retentions", "total_credits", "total_releases",
            "total_carried_out", "total_net_payable", "disputed_amount", "paid_amount", "content_sha256", "generated_at",
            "sent_at", "paid_at", "payment_date", "payment_reference", "cancelled_at", "days_outstanding", "payment_due_on",
            "is_overdue", "providers",
        )  # fmt: skip
        read_only_fields = fields

    def get_days_outstanding(self, row: Reconciliation) -> int | None:
        """Return how long the providers wait, or waited."""
        return days_outstanding(row, timezone.now())

    def get_payment_due_on(self, row: Reconciliation) -> date | None:
        """Return by when it is to be paid."""
        return payment_due_on(row)

    def get_is_overdue(self, row: Reconciliation) -> bool:
        """Say whether the providers wait longer than they should."""
        return is_overdue(row, timezone.now())

    @extend_schema_field(ProviderTotalOutput(many=True))
    def get_providers(self, row: Reconciliation) -> list[Any]:
        """Return the totals the caller may read."""
        shown, kept = row.shown, row.shown_retentions  # type: ignore[attr-defined]  # prefetched by the selector
        return list(ProviderTotalOutput(shown, many=True, context={**self.context, "kept": kept}).data)

    def to_representation(self, row: Reconciliation) -> dict[str, Any]:
        """Show a provider its own part only."""
        data = super().to_representation(row)
        viewer = self.context["request"].user
        if viewer.practice_id is not None:
            own = row.shown[0]  # type: ignore[attr-defined]  # it sees a reconciliation because it has a row in it
            data |= {name: getattr(own, source) for name, source in OWN.items()}
            data["disputed_amount"] = withheld_of(row, viewer)
            if row.paid_amount is not None:
                data["paid_amount"] = own.net - data["disputed_amount"]
        return data


class PaidReconciliationOutput(ReconciliationOutput):
    """A reconciliation that was just paid, and what a worker has still to do about it."""

    invoices_to_settle = serializers.SerializerMethodField(
        help_text="Invoices of its providers whose shares a worker settles within minutes; 0 when all are settled."
    )

    class Meta(ReconciliationOutput.Meta):
        fields = (*ReconciliationOutput.Meta.fields, "invoices_to_settle")
        read_only_fields = fields

    def get_invoices_to_settle(self, row: Reconciliation) -> int:
        """Return how many the view has counted."""
        return int(self.context["invoices_to_settle"])


class CodeTotalOutput(serializers.Serializer[Any]):
    """What one code keeps back of all providers; no rate means fixed amounts."""

    code = serializers.CharField()
    kind = serializers.ChoiceField(choices=Retention.Kind.choices)
    rate_bp = serializers.IntegerField(allow_null=True)
    providers = serializers.IntegerField()
    base_amount = serializers.IntegerField()
    amount = serializers.IntegerField()


class ReconciliationPreviewOutput(serializers.Serializer[Any]):
    """What a reconciliation would say; nothing of it is stored."""

    reconciliation = VisibleKeyField(
        source="existing",
        read_only=True,
        allow_null=True,
        help_text="The one that stands for this period already.",
    )
    is_large = serializers.BooleanField(help_text="So many claims that a worker would make it.")
    insurer = VisibleKeyField(source="header.insurer", read_only=True)
    number = serializers.CharField(source="header.number")
    period_start = serializers.DateField(source="header.period_start")
    period_end = serializers.DateField(source="header.period_end")
    cutoff_at = serializers.DateTimeField(source="header.cutoff_at")
    currency = serializers.ChoiceField(source="header.currency", choices=Currency.choices)
    total_claims = serializers.IntegerField(source="header.total_claims")
    total_amount = serializers.IntegerField(source="header.total_amount")
    total_covered = serializers.IntegerField(source="header.total_covered")
    total_retentions = serializers.IntegerField(source="header.total_retentions")
    total_credits = serializers.IntegerField(source="header.total_credits")
    total_releases = serializers.IntegerField(source="header.total_releases")
    total_carried_in = serializers.IntegerField(
        source="carried_in", help_text="Owed from before, part of the credits."
    )
    total_carried_out = serializers.IntegerField(source="header.total_carried_out")
    total_net_payable = serializers.IntegerField(source="header.total_net_payable")
    retentions = CodeTotalOutput(source="codes", many=True, help_text="By code.")
    providers = serializers.SerializerMethodField()

    @extend_schema_field(ProviderTotalOutput(many=True))
    def get_providers(self, found: Preview) -> list[Any]:
        """Return what each provider would get."""
        context = {**self.context, "kept": found.retentions}
        return list(ProviderTotalOutput(found.providers, many=True, context=context).data)


class DisputeOutput(serializers.ModelSerializer[Dispute]):
    """What is disputed of a line, and what came of it."""

    reason = serializers.CharField()
    decision = serializers.CharField()

    class Meta:
        model = Dispute
        fields = (
            "id", "side", "opened_at", "reason", "document", "amount", "withheld_amount", "status", "decided_at",
            "decision", "outcome_amount", "carried_to",
        )  # fmt: skip
        read_only_fields = fields


class LineOutput(serializers.ModelSerializer[ReconciliationLine]):
    """One line: a claim as it was frozen, or what a dispute gives or takes."""

    reconciliation = VisibleKeyField(read_only=True)
    provider = VisibleKeyField(read_only=True)
    claim = VisibleKeyField(read_only=True, allow_null=True)
    service_date = serializers.DateField(
        source="claim.service_date", read_only=True, allow_null=True, default=None
    )
    disputes = DisputeOutput(source="shown_disputes", many=True, read_only=True)

    class Meta:
        model = ReconciliationLine
        fields = (
            "id", "reconciliation", "provider", "kind", "claim", "service_date", "amount", "covered", "retention", "net",
            "carried_from", "disputes",
        )  # fmt: skip
        read_only_fields = fields
