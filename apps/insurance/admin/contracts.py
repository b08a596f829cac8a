"""Contracts in the admin: terms as a table, members in place, statuses with the day they count from."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import ServiceTabularInline
from apps.core.admin.forms import RefusableForm
from apps.insurance.admin.agreements import coverage_table, money
from apps.insurance.admin.balances import balance_bars
from apps.insurance.admin.people import InsurerPage
from apps.insurance.models import Contract, ContractMember
from apps.insurance.services.contracts import change_contract, write_contract
from apps.insurance.services.members import add_member, change_member

S = Contract.Status
COLORS = {S.ACTIVE: "success", S.SUSPENDED: "warning", S.EXPIRED: "info", S.CANCELLED: "danger"}
MEMBER_FIELDS = ("relation", "joined_on", "left_on", "is_chronic")


def indented(value: Any) -> Any:
    """Show terms as a person reads them, one to a line, and no terms as nothing; what was typed stays as it was."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, indent=2, ensure_ascii=False)


class ContractForm(RefusableForm):
    """A contract's terms; the rules are the service's."""

    class Meta:
        model = Contract
        fields = ("contract_number", "plan_type", "start_date", "end_date", "coverage", "exclusions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("status_from", "exclusions", "limit_by_dependants"):
            if name in self.fields:
                self.fields[name].required = False
        for name in ("coverage", "exclusions", "limit_by_dependants"):
            if name in self.fields:
                self.fields[name].prepare_value = indented  # type: ignore[method-assign]  # of this form's own field

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class MemberForm(forms.ModelForm[ContractMember]):
    """A person under the contract; who it is does not change."""

    class Meta:
        model = ContractMember
        fields = ("adherent", *MEMBER_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "joined_on" in self.fields:
            self.fields["joined_on"].required = False
        if not self.instance._state.adding and "adherent" in self.fields:
            self.fields["adherent"].disabled = True

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class MemberInline(ServiceTabularInline):
    """Who is or was under the contract; nobody is taken away, somebody leaves on a day."""

    model = ContractMember
    form = MemberForm
    service_argument = "members"
    fields = ("adherent", *MEMBER_FIELDS)
    autocomplete_fields = ("adherent",)
    ordering = ("joined_on", "pk")
    show_change_link = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody be taken away."""
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Load the names as well."""
        return super().get_queryset(request).select_related("adherent")


@admin.register(Contract)
class ContractAdmin(InsurerPage):
    """Contracts of one's insurer."""

    form = ContractForm
    create_service = write_contract
    update_service = change_contract
    list_display = (
        "contract_number",
        "subscriber",
        "plan_type",
        "start_date",
        "end_date",
        "shown_status",
        "limit",
    )
    list_filter = ("status", "plan_type")
    list_select_related = ("adherent",)
    search_fields = ("contract_number", "adherent__last_name__istartswith")
    search_help_text = _("Number, or beginning of the subscriber's name")
    autocomplete_fields = ("adherent",)
    ordering = ("-pk",)
    inlines = (MemberInline,)
    money_fields = ("annual_limit",)
    readonly_fields = ("subscriber", "terms", "renews_number", "history", "limits")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("adherent", "subscriber", "renews_number"),
                    ("contract_number", "plan_type", "currency"),
                    ("start_date", "end_date", "carence_days"),
                )
            },
        ),
        (_("Status"), {"fields": (("status", "status_from"), "status_reason", "history")}),
        (
            _("Terms"),
            {"fields": ("terms", ("annual_limit", "limit_by_dependants"), "coverage", "exclusions")},
        ),
        (_("Used of the limits"), {"fields": ("limits",)}),
    )

    def currency(self, request: HttpRequest) -> str:
        """Return the contract's currency, or the insurer's for a new one."""
        shown: str | None = getattr(request, "contract_currency", None)
        return shown or self.actor(request).insurer.currency

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Read amounts in the contract's currency."""
        if obj is not None:
            request.contract_currency = obj.currency  # type: ignore[attr-defined]  # for formfield_for_dbfield
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the subscriber of a new contract; show the one of an existing."""
        hidden = (
            {"subscriber", "renews_number", "terms", "history", "limits"}
            if obj is None
            else {"adherent", "currency"}
        )
        return [
            (title, {**options, "fields": without(options["fields"], hidden)})
            for title, options in super().get_fieldsets(request, obj)
            if obj is not None or options["fields"] != ("limits",)
        ]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Take members once the contract exists."""
        return () if obj is None else self.inlines

    def form_data(self, request: HttpRequest, form: Any, change: bool) -> dict[str, Any]:
        """Leave out what was left empty where a rule fills it in."""
        data = super().form_data(request, form, change)
        if data.get("status_from") is None:
            data.pop("status_from", None)
        if data.get("exclusions", "") is None:
            data["exclusions"] = []
        return data

    def update_object(self, request: HttpRequest, obj: Contract, data: dict[str, Any]) -> Any:
        """Change terms and members together, or nothing."""
        members = data.pop("members", [])
        with transaction.atomic():
            changed = super().update_object(request, obj, data)
            self.write_members(request, changed, members)
        return changed

    def write_members(self, request: HttpRequest, contract: Contract, rows: list[dict[str, Any]]) -> None:
        """Add the new members, change those that differ."""
        known = {member.pk: member for member in ContractMember.objects.filter(contract=contract)}
        for row in rows:
            fields = {name: row[name] for name in MEMBER_FIELDS if name in row}
            member = known.get(row.get("id"))
            if member is None:
                if row.get("adherent") is None:
                    raise ValidationError(_("Name the person."))
                add_member(actor=self.actor(request), contract=contract, adherent=row["adherent"], **fields)
                continue
            changes = {name: value for name, value in fields.items() if value != getattr(member, name)}
            if changes:
                change_member(actor=self.actor(request), member=member, at=timezone.now(), **changes)

    def object_label(self, obj: Contract) -> str:
        """Return the number."""
        return obj.contract_number

    @display(description=_("subscriber"), ordering="adherent__last_name")
    def subscriber(self, obj: Contract) -> str:
        """Return the subscriber's name."""
        return obj.adherent.display_name

    @display(description=_("status"), ordering="status", label={str(k.label): v for k, v in COLORS.items()})
    def shown_status(self, obj: Contract) -> str:
        """Return the status in its colour."""
        return obj.get_status_display()

    @display(description=_("yearly limit"))
    def limit(self, obj: Contract) -> str:
        """Return the limit as people read it."""
        if obj.limit_by_dependants:
            return str(_("by dependants"))
        return money(obj.annual_limit, obj.currency)

    @display(description=_("what is paid"))
    def terms(self, obj: Contract) -> str:
        """Draw the coverage."""
        return coverage_table(obj.coverage, obj.currency)

    @display(description=_("limits"))
    def limits(self, obj: Contract) -> Any:
        """Draw how much of each limit is used."""
        return balance_bars(obj)

    @display(description=_("renews"))
    def renews_number(self, obj: Contract) -> str:
        """Return the number of the contract this one renews."""
        return obj.renews.contract_number if obj.renews is not None else ""

    @display(description=_("history of the status"))
    def history(self, obj: Contract) -> str:
        """Return the statuses with the day each counted from."""
        labels = dict(S.choices)
        return " · ".join(f"{step['from']}: {labels[step['status']]}" for step in obj.status_history)


def without(fields: Any, hidden: set[str]) -> Any:
    """Return form rows without some fields; rows left empty go."""
    kept = []
    for row in fields:
        names = [name for name in (row if isinstance(row, tuple) else (row,)) if name not in hidden]
        if names:
            kept.append(tuple(names) if len(names) > 1 else names[0])
    return tuple(kept)
