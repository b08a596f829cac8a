"""Billing."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "apps.billing"
    label = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        """Answer what the patient file, the clinical record and the payer network ask."""
        from apps.billing.cards import billing_cards
        from apps.billing.causes import hidden_from
        from apps.billing.network_proof import settlement_checks
        from apps.billing.selectors import balances_of, timeline_of
        from apps.billing.services.guards import keep_billed
        from apps.billing.services.merging import move_to_patient
        from apps.billing.services.network_jobs import settle_network_invoices, still_open
        from apps.billing.services.transfers import on_decision
        from apps.clinical.hooks import treatment_cancelling
        from apps.core.admin.dashboard import index_cards
        from apps.insurance.hooks import (
            claim_decided,
            network_checks,
            reconciliation_paid,
            settlements_open,
        )
        from apps.notifications.causes import hidden_causes
        from apps.patients.hooks import patient_balance, patient_merge, patient_timeline

        hidden_causes.register(hidden_from)
        index_cards.register(billing_cards)
        patient_balance.register(balances_of)
        patient_timeline.register(timeline_of)
        patient_merge.register(move_to_patient)
        treatment_cancelling.register(keep_billed)
        reconciliation_paid.register(settle_network_invoices)
        settlements_open.register(still_open)
        network_checks.register(settlement_checks)
        claim_decided.register(on_decision)
