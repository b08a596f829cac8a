"""Shapes of texts, messages and their log."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api.fields import PracticeTimeField
from apps.notifications.catalogue import MESSAGES
from apps.notifications.models import (
    Channel,
    Language,
    NotificationJob,
    NotificationLog,
    NotificationTemplate,
)
from apps.notifications.rendering import preview


class PreviewOutput(serializers.Serializer[Any]):
    """A text filled with sample values; a text message's length as operators count it."""

    subject = serializers.CharField()
    text = serializers.CharField()
    encoding = serializers.CharField(help_text="GSM-7 or UCS-2; empty for an email.")
    parts = serializers.IntegerField(allow_null=True)


class TemplateOutput(serializers.ModelSerializer[NotificationTemplate]):
    """One text."""

    title = serializers.SerializerMethodField(help_text="What the message is about.")
    is_house = serializers.SerializerMethodField(
        help_text="The house's own text: read, replaced, not changed."
    )
    variables = serializers.SerializerMethodField()
    preview = serializers.SerializerMethodField()

    class Meta:
        model = NotificationTemplate
        fields = (
            "id", "key", "title", "channel", "language", "subject", "body", "simplify", "is_active",
            "version", "is_house", "variables", "preview",
        )  # fmt: skip

    def get_title(self, row: NotificationTemplate) -> str:
        """Return what the message is about."""
        return str(MESSAGES[row.key].label) if row.key in MESSAGES else row.key

    def get_is_house(self, row: NotificationTemplate) -> bool:
        """Return whether no practice owns it."""
        return row.practice_id is None

    def get_variables(self, row: NotificationTemplate) -> list[str]:
        """Return what the text may name."""
        return list(MESSAGES[row.key].variables) if row.key in MESSAGES else []

    @extend_schema_field(PreviewOutput)
    def get_preview(self, row: NotificationTemplate) -> dict[str, Any]:
        """Return the text filled with sample values."""
        return dict(PreviewOutput(preview(row, practice=self.context["request"].user.practice)).data)


class TemplateInput(serializers.Serializer[Any]):
    """A practice's own text."""

    key = serializers.ChoiceField(choices=[(key, message.label) for key, message in MESSAGES.items()])
    channel = serializers.ChoiceField(choices=Channel.choices)
    language = serializers.ChoiceField(choices=Language.choices, default=Language.FR)
    subject = serializers.CharField(max_length=150, required=False, allow_blank=True, default="")
    body = serializers.CharField(max_length=4000, trim_whitespace=False)
    simplify = serializers.BooleanField(default=True)
    is_active = serializers.BooleanField(default=True)


class TemplateChange(serializers.Serializer[Any]):
    """What of a text may change; `version` guards against overwriting somebody else's change."""

    subject = serializers.CharField(max_length=150, required=False, allow_blank=True)
    body = serializers.CharField(max_length=4000, required=False, trim_whitespace=False)
    simplify = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    version = serializers.IntegerField(required=False, min_value=1)


class JobOutput(serializers.ModelSerializer[NotificationJob]):
    """One message; the recipient is masked and no text is shown."""

    status = serializers.CharField(
        help_text="pending, claimed, sending, sent, delivered, undelivered, failed, unknown, cancelled, dead."
    )
    template = serializers.CharField(source="template_key")
    recipient = serializers.CharField(source="recipient_masked", help_text="Masked.")
    due_at = PracticeTimeField(read_only=True)
    expires_at = PracticeTimeField(read_only=True, allow_null=True)
    created_at = PracticeTimeField(read_only=True)
    finished_at = PracticeTimeField(read_only=True, allow_null=True)

    class Meta:
        model = NotificationJob
        fields = (
            "id", "status", "template", "channel", "language", "recipient", "due_at", "expires_at",
            "attempts", "max_attempts", "last_error", "cause_type", "cause_id", "provider",
            "provider_message_id", "created_at", "finished_at",
        )  # fmt: skip


class LogOutput(serializers.ModelSerializer[NotificationLog]):
    """One step of a message; `subject` and `text` are what was sent, without links that log in."""

    at = PracticeTimeField(read_only=True)
    job = serializers.UUIDField(source="job_id")
    template = serializers.CharField(source="template_key")
    recipient = serializers.CharField(source="recipient_masked", help_text="Masked.")
    subject = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()

    class Meta:
        model = NotificationLog
        fields = (
            "id", "at", "job", "step", "attempt", "channel", "template", "recipient", "provider",
            "provider_message_id", "code", "encoding", "parts", "subject", "text",
        )  # fmt: skip

    def get_subject(self, row: NotificationLog) -> str:
        """Return the subject line, where this step sent something."""
        return str((row.rendered or {}).get("subject", ""))

    def get_text(self, row: NotificationLog) -> str:
        """Return the text, where this step sent something."""
        return str((row.rendered or {}).get("text", ""))


class TestInput(serializers.Serializer[Any]):
    """Where to send a message filled with sample values."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    channel = serializers.ChoiceField(choices=Channel.choices)
    recipient = serializers.CharField(max_length=254)
    template = serializers.ChoiceField(
        choices=[(key, message.label) for key, message in MESSAGES.items() if not message.secret],
        default="appointment.reminder",
    )
    language = serializers.ChoiceField(choices=Language.choices, required=False)


class TestOutput(serializers.Serializer[Any]):
    """The message on its way."""

    __test__ = False

    job = JobOutput()


class DispatchInput(serializers.Serializer[Any]):
    """How much to send in this round."""

    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)


class DispatchOutput(serializers.Serializer[Any]):
    """What a round did."""

    sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    retried = serializers.IntegerField(help_text="Failed for now, will be tried again.")
    unknown = serializers.IntegerField(help_text="The provider may or may not have sent: it will be asked.")
    expired = serializers.IntegerField(help_text="Too late to be of use.")
    reconciled = serializers.IntegerField(help_text="Unknown outcomes that are known now.")
    lost = serializers.IntegerField(help_text="Taken by another worker, or cancelled, meanwhile.")
    due = serializers.IntegerField(help_text="Still due.")


class TwilioInput(serializers.Serializer[Any]):
    """What Twilio posts, as far as it is read."""

    MessageSid = serializers.CharField(max_length=64)
    MessageStatus = serializers.CharField(max_length=20, required=False)
    ErrorCode = serializers.CharField(max_length=10, required=False, allow_blank=True)
    From = serializers.CharField(max_length=40, required=False)
    OptOutType = serializers.CharField(
        max_length=10, required=False, help_text=str(_("STOP, START or HELP."))
    )


class PostmarkInput(serializers.Serializer[Any]):
    """What Postmark posts, as far as it is read."""

    RecordType = serializers.CharField(max_length=40)
    MessageID = serializers.CharField(max_length=64)
    Type = serializers.CharField(max_length=40, required=False, allow_blank=True)
