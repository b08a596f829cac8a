"""What the pages of reconciliations ask about payments."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.admin.asking import AskForm
from apps.insurance.reconciliation_selectors import is_overdue


class OverdueFilter(admin.SimpleListFilter):
    """Reconciliations that were to be paid by now."""

    title = _("payment")
    parameter_name = "payment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer what waits, and what waits too long."""
        return [("outstanding", _("sent, not paid")), ("late", _("late"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep what waits; what is late depends on each insurer's own days."""
        if self.value() not in {"outstanding", "late"}:
            return queryset
        waiting = queryset.outstanding()
        if self.value() == "outstanding":
            return waiting
        at = timezone.now()
        return waiting.filter(pk__in=[row.pk for row in waiting if is_overdue(row, at)])


class PaymentForm(AskForm):
    """A payment as the bank shows it."""

    payment_date = forms.DateField(label=_("day of payment"))
    payment_reference = forms.CharField(
        label=_("payment reference"), max_length=80, help_text=_("As it stands on the bank statement.")
    )
