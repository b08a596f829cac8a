"""Messages for people: texts with a preview, what waits, what was sent, and who wants none."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.jobs import State
from apps.notifications.catalogue import MESSAGES
from apps.notifications.models import (
    Delivery,
    NotificationJob,
    NotificationLog,
    NotificationTemplate,
    Suppression,
)
from apps.notifications.rendering import preview
from apps.notifications.services import cancel_message, lift_suppression, retry_message, suppress
from apps.notifications.texts import add_text, change_text

RETRY = "notifications.retry_notificationjob"


def message_label(key: str) -> str:
    """Return what a message is about, in words."""
    return str(MESSAGES[key].label) if key in MESSAGES else key


class TextForm(RefusableForm):
    """A text of the practice's own: which message it is for is chosen, once."""

    key = forms.ChoiceField(
        label=_("message"),
        choices=[(message.key, message.label) for message in MESSAGES.values() if not message.secret],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        widgets = {"body": UnfoldAdminTextareaWidget(attrs={"rows": 10})}


@admin.register(NotificationTemplate)
class NotificationTemplateAdmin(ServiceModelAdmin):
    """Texts: the house's to read, the practice's own to write."""

    create_service = add_text
    update_service = change_text
    service_object = "template"
    form = TextForm
    list_display = ("label", "channel", "language", "origin", "is_active", "version")
    list_display_links = ("label",)
    list_filter = (
        ("channel", ChoicesDropdownFilter),
        ("language", ChoicesDropdownFilter),
        "is_active",
    )
    search_fields = ("key", "subject", "body")
    ordering = ("key", "channel", "language", F("practice").asc(nulls_last=True), "pk")
    readonly_fields = ("label", "origin", "version", "variables", "preview")
    actions = ("adapt",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask which message when adding; show how it reads afterwards."""
        what = ("subject", "body", ("simplify", "is_active"))
        if obj is None:
            return ((None, {"fields": ("key", ("channel", "language"), *what)}),)
        return (
            (None, {"fields": ("label", ("channel", "language", "origin", "version"), *what, "variables")}),
            (_("Preview"), {"fields": ("preview",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep which message a text is for."""
        fixed = ("key", "channel", "language") if obj is not None else ()
        return (*self.readonly_fields, *fixed)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave the house's texts alone."""
        house = obj is not None and obj.practice_id is None
        return not house and super().has_change_permission(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Preview with the name of whoever's practice looks."""
        if kwargs.get("obj") is not None:
            kwargs["obj"].previewed_for = getattr(request.user, "practice", None)
        return super().render_change_form(request, context, *args, **kwargs)

    def object_label(self, obj: NotificationTemplate) -> str:
        """Return message, channel and language."""
        return f"{message_label(obj.key)} · {obj.get_channel_display()} · {obj.get_language_display()}"

    @admin.display(description=_("message"), ordering="key")
    def label(self, obj: NotificationTemplate) -> str:
        """Return what the message is about."""
        return message_label(obj.key)

    @admin.display(description=_("origin"))
    def origin(self, obj: NotificationTemplate) -> Any:
        """Return whose text it is."""
        return _("house text") if obj.practice_id is None else _("own text")

    @admin.display(description=_("variables"))
    def variables(self, obj: NotificationTemplate) -> str:
        """Return what the text may name."""
        known = MESSAGES[obj.key].variables if obj.key in MESSAGES else ()
        return " ".join(f"{{{{ {name} }}}}" for name in known)

    @admin.display(description=_("with sample values"))
    def preview(self, obj: NotificationTemplate) -> SafeString:
        """Return the text as it would arrive; an email in a frame that can run nothing."""
        shown = preview(obj, practice=getattr(obj, "previewed_for", None))
        if not shown.html:
            counted = _("%(encoding)s, parts: %(parts)s") % {
                "encoding": shown.encoding,
                "parts": shown.parts,
            }
            return format_html('<p class="whitespace-pre-wrap">{}</p><p>{}</p>', shown.text, counted)
        return format_html(
            '<p><strong>{}</strong></p><iframe sandbox="" title="{}" srcdoc="{}" '
            'style="width:100%;height:30rem;border:0;border-radius:6px;background:#fff"></iframe>',
            shown.subject,
            shown.subject,
            shown.html,
        )

    @service_action(
        _("Adapt for my practice"),
        "notifications.add_notificationtemplate",
        icon="content_copy",
        when=lambda obj: obj.practice_id is None,
    )
    def adapt(self, request: HttpRequest, obj: NotificationTemplate) -> str:
        """Copy a house text into one of the practice's own."""
        add_text(
            actor=self.actor(request),
            practice=self.actor(request).practice,
            key=obj.key,
            channel=obj.channel,
            language=obj.language,
            subject=obj.subject,
            body=obj.body,
            simplify=obj.simplify,
        )
        return str(_("The text is now your own: open it to change it."))


def sent_text(obj: NotificationLog) -> str:
    """Return the subject and the words a step sent."""
    rendered = obj.rendered or {}
    return "\n".join(part for part in (rendered.get("subject"), rendered.get("text")) if part)


class StepInline(ServiceTabularInline):
    """A message's steps."""

    model = NotificationLog
    fields = ("at", "step", "attempt", "provider", "code", "words")
    readonly_fields = fields
    ordering = ("id",)

    @admin.display(description=_("what was sent"))
    def words(self, obj: NotificationLog) -> SafeString:
        """Return what this step sent."""
        return format_html('<span class="whitespace-pre-wrap">{}</span>', sent_text(obj))


# The theme shows the bare value of a state that has no colour, so that every state has one.
COLOURS = {
    **dict.fromkeys([*State.values, *NotificationLog.Step.values, *Delivery.values], "default"),
    "sent": "success",
    "delivered": "success",
    "pending": "info",
    "claimed": "info",
    "queued": "info",
    "sending": "info",
    "unknown": "warning",
    "retry": "warning",
    "failed": "danger",
    "dead": "danger",
    "undelivered": "danger",
}


def status_cell(page: Any, obj: NotificationJob) -> tuple[str, str]:
    """Return where a message stands, in words, and what its colour goes by."""
    done = obj.state == State.DONE
    words = NotificationLog.Step(obj.status).label if done else obj.get_state_display()
    return obj.status, str(words)


def step_cell(page: Any, obj: NotificationLog) -> tuple[str, str]:
    """Return a step, in words, and what its colour goes by."""
    return obj.step, str(obj.get_step_display())


@admin.register(NotificationJob)
class NotificationJobAdmin(ServiceModelAdmin):
    """Messages queued, sent and failed: started over or cancelled, never edited."""

    list_display = (
        "due_at",
        "label",
        "channel",
        "recipient_masked",
        "status_shown",
        "attempts",
        "last_error",
    )
    list_display_links = ("due_at",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("due_at", RangeDateTimeFilter),
    )
    search_fields = ("=template_key", "=provider_message_id", "=unique_key")
    search_help_text = _("Key of a message, or the provider's identifier.")
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = (
        "label", ("channel", "language", "recipient_masked"), ("state", "attempts", "last_error"),
        ("due_at", "expires_at", "finished_at"), ("provider", "provider_message_id"),
        ("cause_type", "cause_id"),
    )  # fmt: skip
    readonly_fields = (
        "label", "channel", "language", "recipient_masked", "state", "attempts", "last_error",
        "due_at", "expires_at", "finished_at", "provider", "provider_message_id", "cause_type", "cause_id",
    )  # fmt: skip
    inlines = (StepInline,)
    actions = ("retry", "cancel")
    status_shown = display(description=_("status"), ordering="state", label=COLOURS)(status_cell)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the sealed columns where they are: no page shows them."""
        rows: QuerySet[Any] = super().get_queryset(request).defer("recipient", "context")
        return rows

    def object_label(self, obj: NotificationJob) -> str:
        """Return the message and its masked recipient."""
        return f"{message_label(obj.template_key)} · {obj.recipient_masked}"

    @admin.display(description=_("message"), ordering="template_key")
    def label(self, obj: NotificationJob) -> str:
        """Return what the message is about."""
        return message_label(obj.template_key)

    @service_action(
        _("Send again"),
        RETRY,
        icon="replay",
        when=lambda obj: obj.state in {State.FAILED, State.DEAD},
    )
    def retry(self, request: HttpRequest, obj: NotificationJob) -> None:
        """Start a failed message over."""
        retry_message(actor=self.actor(request), job=obj, at=timezone.now())

    @service_action(
        _("Cancel"),
        RETRY,
        icon="cancel",
        danger=True,
        when=lambda obj: obj.state in {State.PENDING, State.CLAIMED},
    )
    def cancel(self, request: HttpRequest, obj: NotificationJob) -> None:
        """Keep a message from leaving."""
        cancel_message(actor=self.actor(request), job=obj, at=timezone.now())


@admin.register(NotificationLog)
class NotificationLogAdmin(ServiceModelAdmin):
    """What was sent, step by step; nobody changes it."""

    list_display = ("at", "step_shown", "label", "channel", "recipient_masked", "provider", "code")
    list_display_links = ("at",)
    list_filter = (
        ("step", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("at", RangeDateTimeFilter),
    )
    search_fields = ("=template_key", "=provider_message_id")
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = (
        ("at", "step", "attempt"), ("label", "channel", "recipient_masked"),
        ("provider", "provider_message_id", "code"), ("encoding", "parts"), "words", "job",
    )  # fmt: skip
    readonly_fields = (
        "at", "step", "attempt", "label", "channel", "recipient_masked", "provider",
        "provider_message_id", "code", "encoding", "parts", "words", "job",
    )  # fmt: skip

    step_shown = display(description=_("step"), ordering="step", label=COLOURS)(step_cell)

    def object_label(self, obj: NotificationLog) -> str:
        """Return the step and the message."""
        return f"{obj.get_step_display()} · {message_label(obj.template_key)}"

    @admin.display(description=_("message"), ordering="template_key")
    def label(self, obj: NotificationLog) -> str:
        """Return what the message is about."""
        return message_label(obj.template_key)

    @admin.display(description=_("what was sent"))
    def words(self, obj: NotificationLog) -> SafeString:
        """Return what this step sent."""
        return format_html('<span class="whitespace-pre-wrap">{}</span>', sent_text(obj))


class SuppressionForm(RefusableForm):
    """A recipient typed in by hand; what is kept is its fingerprint."""

    recipient = forms.CharField(
        label=_("phone number or address"), max_length=254, widget=UnfoldAdminTextInputWidget
    )


@admin.register(Suppression)
class SuppressionAdmin(ServiceModelAdmin):
    """Recipients that asked for no more messages, or cannot get any."""

    list_display = ("recipient_masked", "channel", "reason", "since", "lifted_at")
    list_display_links = ("recipient_masked",)
    list_filter = (
        ("channel", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
    )
    ordering = ("-since", "pk")
    form = SuppressionForm
    readonly_fields = ("recipient_masked", "reason", "since", "lifted_at")
    actions = ("lift",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the recipient when adding; show it masked afterwards."""
        if obj is None:
            return ((None, {"fields": ("channel", "recipient")}),)
        return ((None, {"fields": ("recipient_masked", "channel", "reason", ("since", "lifted_at"))}),)

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Suppress for the practice of whoever types it."""
        actor = self.actor(request)
        return suppress(
            actor=actor,
            practice_id=actor.practice_id,
            reason=Suppression.Reason.MANUAL,
            at=timezone.now(),
            **data,
        )

    def object_label(self, obj: Suppression) -> str:
        """Return the masked recipient."""
        return f"{obj.recipient_masked} · {obj.get_channel_display()}"

    @service_action(
        _("Write to them again"),
        "notifications.change_suppression",
        icon="mark_email_read",
        when=lambda obj: obj.lifted_at is None,
    )
    def lift(self, request: HttpRequest, obj: Suppression) -> None:
        """Lift a suppression."""
        lift_suppression(actor=self.actor(request), suppression=obj, at=timezone.now())
