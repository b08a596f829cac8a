"""The insurer's desk: what waits, by age and amount, who decides it, and amounts set by a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.admin.asking import AskForm
from apps.core.admin.forms import MoneyField, themed
from apps.core.scope import Viewer
from apps.insurance.admin.agreements import money
from apps.insurance.claim_queue import BUCKETS, claim_queue, limits_of_people, of_age
from apps.insurance.models import Claim, ClaimReview

S = Claim.Status


def age_label(first: int, end: int | None) -> str:
    """Return an age in words: less than a day, 1 to 2 days, 14 days or more."""
    if end is None:
        return str(_("%(n)s days or more") % {"n": first})
    if first == 0:
        return str(_("less than a day"))
    return str(_("%(first)s to %(last)s days") % {"first": first, "last": end - 1})


class AgeFilter(admin.SimpleListFilter):
    """Claims by how long they have been here."""

    title = _("age")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the ages of the queue."""
        return [(str(first), age_label(first, end)) for first, end in BUCKETS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep one age."""
        for first, end in BUCKETS:
            if self.value() == str(first):
                return queryset.filter(of_age(first, end, timezone.now()))
        return queryset


class SecondPersonFilter(admin.SimpleListFilter):
    """Claims one person has approved and a second must."""

    title = _("second person")
    parameter_name = "second"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the one state that matters."""
        return [("yes", _("awaited"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep those, by the annotation of the page's rows."""
        if self.value() != "yes":
            return queryset
        return queryset.filter(status=S.PENDING_REVIEW, last_is_final=False)


class AmountsForm(AskForm):
    """What is covered of each line, and why it is not what the engine says."""

    expected_status = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, claim: Claim, proposed: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expected_status"].initial = claim.status
        self.items = list(claim.items.order_by("sequence"))
        for item in self.items:
            figures = {
                "asked": money(item.line_total, claim.currency),
                "covered": money(item.covered_amount, claim.currency),
            }
            self.fields[f"line_{item.pk}"] = MoneyField(
                currency=claim.currency,
                least=0,
                label=f"{item.sequence}. {item.code} {item.label}".strip(),
                initial=proposed.get(str(item.pk), item.covered_amount),
                help_text=_("Asked %(asked)s, covered so far %(covered)s") % figures,
            )
        self.fields["reason"] = forms.CharField(
            label=_("reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
        )
        themed(self.fields)

    def amounts(self) -> dict[UUID, int]:
        """Return what is to be covered, by key of the line; lines left as they are do not count."""
        wanted = {item.pk: self.cleaned_data[f"line_{item.pk}"] for item in self.items}
        return {item.pk: wanted[item.pk] for item in self.items if wanted[item.pk] != item.covered_amount}


def approval_text(claim: Claim) -> str:
    """Say what became of an approval."""
    if claim.status == S.PENDING_REVIEW:
        return str(_("Your approval is noted; a second person must agree."))
    return str(_("Approved."))


def who_decides(claim: Claim, first: ClaimReview | None) -> str:
    """Say how many people must approve a claim under review, and who has."""
    if first is not None:
        return str(
            _("%(name)s has approved; a second person must agree.") % {"name": first.by.get_full_name()}
        )
    head_above, two_above = limits_of_people(claim)
    if two_above is not None and claim.covered_amount > two_above:
        amount = money(two_above, claim.currency)
        return str(
            _("Above %(amount)s two people must approve, one of them an administrator of the insurer.")
            % {"amount": amount}
        )
    if head_above is not None and claim.covered_amount > head_above:
        amount = money(head_above, claim.currency)
        return str(
            _("Above %(amount)s an administrator of the insurer must approve, alone or after an agent.")
            % {"amount": amount}
        )
    return str(_("One person decides."))


def queue_context(viewer: Viewer, address: str) -> dict[str, Any]:
    """Return what the panel above the list shows."""
    queue = claim_queue(viewer=viewer, at=timezone.now())
    rows = [
        (
            bucket,
            age_label(bucket.first, bucket.end),
            ", ".join(money(amount, currency) for currency, amount in bucket.amounts.items()),
            f"{address}?status__exact={S.PENDING_REVIEW}&age={bucket.first}",
        )
        for bucket in queue.buckets
    ]
    return {"queue": queue, "queue_rows": rows[::-1], "list_url": address}
