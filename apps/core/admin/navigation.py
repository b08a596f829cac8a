"""The menu: grouped as a front desk thinks, not as the code is; shows what the role may open."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# Group -> (title, icon, app, model); a model that is not installed or not registered is left out.
MENU: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        gettext_noop("Agenda"),
        (
            (gettext_noop("Appointments"), "calendar_month", "agenda", "appointment"),
            (gettext_noop("Absences"), "event_busy", "agenda", "absence"),
            (gettext_noop("Series of appointments"), "event_repeat", "agenda", "series"),
            (gettext_noop("Pinboard"), "push_pin", "agenda", "pinnedvisit"),
            (gettext_noop("Waiting list"), "hourglass_top", "agenda", "waitlistentry"),
            (gettext_noop("Recalls"), "notifications_active", "agenda", "recall"),
        ),
    ),
    (
        gettext_noop("Patients"),
        (
            (gettext_noop("Patients"), "groups", "patients", "patient"),
            (gettext_noop("Households"), "family_restroom", "patients", "household"),
            (gettext_noop("Coverages of patients"), "health_and_safety", "insurance", "patientcoverage"),
            (gettext_noop("Treatments"), "dentistry", "clinical", "treatment"),
        ),
    ),
    (
        gettext_noop("Billing"),
        (
            (gettext_noop("Quotes"), "request_quote", "billing", "quote"),
            (gettext_noop("Invoices"), "receipt_long", "billing", "invoice"),
            (gettext_noop("Payments"), "payments", "billing", "payment"),
            (gettext_noop("Insurers' transfers"), "account_balance", "billing", "insurertransfer"),
            (gettext_noop("Payments through the network"), "sync_alt", "billing", "networksettlement"),
            (gettext_noop("Transfers between shares"), "move_down", "billing", "sharetransfer"),
            (gettext_noop("Payment reminders"), "mark_email_unread", "billing", "invoicereminder"),
            (gettext_noop("Instalment plans"), "calendar_clock", "billing", "instalmentplan"),
            (gettext_noop("Cheque deposits"), "account_balance", "billing", "deposit"),
            (gettext_noop("Closings"), "lock_clock", "billing", "closing"),
            (gettext_noop("Training mode"), "school", "billing", "trainingswitch"),
            (gettext_noop("Invoice files"), "picture_as_pdf", "billing", "billingdocument"),
        ),
    ),
    (
        gettext_noop("Stock"),
        (
            (gettext_noop("Articles"), "inventory_2", "inventory", "inventoryitem"),
            (gettext_noop("Stock movements"), "swap_vert", "inventory", "stockmovement"),
            (gettext_noop("Suppliers"), "local_shipping", "inventory", "supplier"),
        ),
    ),
    (
        gettext_noop("Messages"),
        (
            (gettext_noop("Messages to send"), "outgoing_mail", "notifications", "notificationjob"),
            (gettext_noop("Messages sent"), "mark_email_read", "notifications", "notificationlog"),
            (gettext_noop("Message templates"), "edit_note", "notifications", "notificationtemplate"),
            (gettext_noop("Do not contact"), "unsubscribe", "notifications", "suppression"),
        ),
    ),
    (
        gettext_noop("Network"),
        (
            (gettext_noop("Insurers"), "health_and_safety", "directory", "insurer"),
            (gettext_noop("Claims"), "assignment", "insurance", "claim"),
            (gettext_noop("Flags"), "flag", "insurance", "claimflag"),
            (gettext_noop("Reconciliations"), "account_balance", "insurance", "reconciliation"),
            (gettext_noop("Disputes"), "gavel", "insurance", "dispute"),
            (gettext_noop("Proofs of the network"), "fact_check", "insurance", "networkproof"),
            (gettext_noop("Insured people"), "id_card", "insurance", "adherent"),
            (gettext_noop("Contracts"), "contract", "insurance", "contract"),
            (gettext_noop("Conventions"), "handshake", "insurance", "convention"),
        ),
    ),
    (
        gettext_noop("Settings"),
        (
            (gettext_noop("Practice"), "home_health", "directory", "practice"),
            (gettext_noop("Bank account"), "account_balance_wallet", "directory", "bankaccount"),
            (gettext_noop("Practitioners"), "stethoscope", "directory", "practitioner"),
            (gettext_noop("Rooms"), "meeting_room", "directory", "room"),
            (gettext_noop("Appointment types"), "event_note", "agenda", "appointmenttype"),
            (gettext_noop("Acts"), "menu_book", "catalog", "act"),
            (gettext_noop("Tariffs"), "sell", "catalog", "tariff"),
            (gettext_noop("Practice's fees"), "price_change", "catalog", "practicefee"),
            (gettext_noop("VAT codes"), "percent", "catalog", "vatcode"),
            (gettext_noop("Rules of payment reminders"), "schedule_send", "billing", "dunningpolicy"),
            (gettext_noop("Users"), "manage_accounts", "accounts", "user"),
            (gettext_noop("Roles"), "admin_panel_settings", "auth", "group"),
            (gettext_noop("Data requests"), "privacy_tip", "compliance", "datarequest"),
            (gettext_noop("Audit trail"), "history", "audit", "auditentry"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu of the request's user."""
    home = {"title": _("Today"), "icon": "today", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for title, entries in MENU:
        items = [
            {"title": capfirst(_(label)), "icon": icon, "link": link}
            for label, icon, app, model in entries
            if (link := link_to(request, app, model))
        ]
        if items:
            groups.append({"title": _(title), "items": items})
    return groups


def link_to(request: HttpRequest, app_label: str, model_name: str) -> str:
    """Return the address of a model's list, or nothing when the user has no business there."""
    if not apps.is_installed(f"apps.{app_label}") and app_label != "auth":
        return ""
    try:
        model = apps.get_model(app_label, model_name)
    except LookupError:
        return ""
    page = admin.site._registry.get(model)
    if page is None or not page.has_module_permission(request):
        return ""
    return reverse(f"admin:{app_label}_{model_name}_changelist")
