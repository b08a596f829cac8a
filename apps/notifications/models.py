"""Messages: their texts, the jobs that send them, what became of each, and who wants none."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedJSONField, EncryptedTextField
from apps.core.jobs import LeasedJob
from apps.core.models import BaseModel, new_id
from apps.directory.models import Practice
from apps.notifications.querysets import (
    MessageQuerySet,
    SuppressionQuerySet,
    TemplateQuerySet,
)


class Channel(models.TextChoices):
    """Roads a message can take."""

    SMS = "sms", _("SMS")
    EMAIL = "email", _("email")


class Language(models.TextChoices):
    """Languages messages are written in."""

    FR = "fr", _("French")
    EN = "en", _("English")


class Delivery(models.TextChoices):
    """What the provider says of a message it took; it only moves forward."""

    NONE = "", _("nothing known")
    ACCEPTED = "accepted", _("accepted by the provider")
    SENT = "sent", _("sent")
    DELIVERED = "delivered", _("delivered")
    UNDELIVERED = "undelivered", _("not delivered")


class NotificationTemplate(BaseModel):
    """The text of one message in one channel and language; without a practice it is the house's own.

    Variables stand as `{{ name }}`; which ones a message may use is said in `catalogue.py`.
    """

    practice = models.ForeignKey(
        Practice,
        verbose_name=_("practice"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    key = models.CharField(_("message"), max_length=60)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel)
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.FR)
    subject = models.CharField(_("subject"), max_length=150, blank=True)
    body = models.TextField(_("text"), max_length=4000)
    simplify = models.BooleanField(
        _("simplify characters"),
        default=True,
        help_text=_("Replaces the characters that would make a text message longer (ê, “, …) by plain ones."),
    )
    is_active = models.BooleanField(_("in use"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    audit_clear = frozenset(
        {"practice", "key", "channel", "language", "subject", "body", "simplify", "is_active", "version"}
    )
    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("message text")
        verbose_name_plural = _("message texts")
        constraints = [
            models.UniqueConstraint(
                fields=["practice", "key", "channel", "language"],
                nulls_distinct=False,
                name="notifications_template_unique",
                violation_error_message=_("There is already a text for this message, channel and language."),
            ),
            models.CheckConstraint(
                condition=Q(channel=Channel.SMS, subject="") | ~Q(channel=Channel.SMS) & ~Q(subject=""),
                name="notifications_template_subject_by_channel",
                violation_error_message=_("An email needs a subject, a text message has none."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}:{self.channel}:{self.language}"


class NotificationJob(LeasedJob):
    """One message to one recipient; `kind` is its channel.

    It knows no patient and no appointment: the cause is named by type and id, never by a foreign key upwards.
    """

    practice = models.ForeignKey(
        Practice,
        verbose_name=_("practice"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
    )
    template_key = models.CharField(_("message"), max_length=60)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel)
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.FR)
    recipient = EncryptedTextField(_("recipient"), context="notifications.job.recipient", null=True)
    recipient_hash = models.CharField(_("recipient fingerprint"), max_length=67, editable=False)
    recipient_masked = models.CharField(_("recipient"), max_length=80)
    context = EncryptedJSONField(_("values"), context="notifications.job.context", null=True)
    attachments = models.JSONField(_("attachments"), default=list, blank=True)
    cause_type = models.CharField(_("cause"), max_length=60)
    cause_id = models.UUIDField(_("cause identifier"), null=True)
    expires_at = models.DateTimeField(_("pointless after"), null=True, blank=True)
    sending_at = models.DateTimeField(_("last begun"), null=True, blank=True, editable=False)
    asked_at = models.DateTimeField(_("provider last asked"), null=True, blank=True, editable=False)
    provider = models.CharField(_("provider"), max_length=20, blank=True, editable=False)
    provider_message_id = models.CharField(
        _("provider's identifier"), max_length=200, blank=True, editable=False
    )
    delivery = models.CharField(
        _("delivery"), max_length=12, choices=Delivery, default=Delivery.NONE, blank=True, editable=False
    )

    objects = MessageQuerySet.as_manager()

    class Meta(LeasedJob.Meta):
        abstract = False
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        permissions = [
            ("retry_notificationjob", _("Can send a failed message again")),
            ("test_notification", _("Can send a test message")),
        ]
        indexes = [
            *LeasedJob.Meta.indexes,
            models.Index(fields=["practice", "-id"], name="notificationjob_practice"),
            models.Index(fields=["cause_type", "cause_id"], name="notificationjob_cause"),
            models.Index(
                fields=["provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="notificationjob_provider",
            ),
        ]

    @property
    def status(self) -> str:
        """Where the message stands, in one word: its delivery once it is sent, else the state of its job."""
        if self.state != self.State.DONE:
            return str(self.state)
        return self.delivery if self.delivery in {Delivery.DELIVERED, Delivery.UNDELIVERED} else "sent"


class NotificationLog(models.Model):
    """One step of a message, for good: append-only, the database refuses to change or delete it.

    The rendered text is sealed; it may be blanked (retention, erasure) or re-encrypted, no more.
    """

    class Step(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        UNDELIVERED = "undelivered", _("not delivered")
        RETRY = "retry", _("failed, will be tried again")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("outcome unknown")
        RECONCILED = "reconciled", _("provider asked: never arrived")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("too late to be of use")
        REQUEUED = "requeued", _("started again by hand")

    id = models.UUIDField(_("identifier"), primary_key=True, default=new_id, editable=False)
    job = models.ForeignKey(
        NotificationJob, verbose_name=_("message"), on_delete=models.PROTECT, related_name="logs"
    )
    practice = models.ForeignKey(
        Practice, verbose_name=_("practice"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField(_("time"))
    step = models.CharField(_("step"), max_length=12, choices=Step)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel)
    template_key = models.CharField(_("message"), max_length=60)
    recipient_masked = models.CharField(_("recipient"), max_length=80)
    provider = models.CharField(_("provider"), max_length=20, blank=True)
    provider_message_id = models.CharField(_("provider's identifier"), max_length=200, blank=True)
    code = models.CharField(_("code"), max_length=60, blank=True)
    encoding = models.CharField(_("encoding"), max_length=5, blank=True)
    parts = models.PositiveSmallIntegerField(_("parts"), null=True)
    rendered = EncryptedJSONField(_("what was sent"), context="notifications.log.rendered", null=True)
    actor_id = models.UUIDField(_("actor"), null=True)
    actor_role = models.CharField(_("role"), max_length=60, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message log entry")
        verbose_name_plural = _("message log")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["practice", "-id"], name="notificationlog_practice"),
            models.Index(fields=["job", "id"], name="notificationlog_job"),
        ]

    def __str__(self) -> str:
        return f"{self.step}:{self.pk}"


class Suppression(BaseModel):
    """A recipient that must not be written to on a channel, by one practice or (no practice) by anybody."""

    class Reason(models.TextChoices):
        OPT_OUT = "opt_out", _("asked for no more messages")
        HARD_BOUNCE = "hard_bounce", _("address does not exist")
        COMPLAINT = "complaint", _("reported a message as spam")
        INVALID = "invalid", _("number cannot receive messages")
        MANUAL = "manual", _("entered by hand")

    practice = models.ForeignKey(
        Practice,
        verbose_name=_("practice"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    channel = models.CharField(_("channel"), max_length=5, choices=Channel)
    recipient_hash = models.CharField(_("recipient fingerprint"), max_length=67, editable=False)
    recipient_masked = models.CharField(_("recipient"), max_length=80)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    since = models.DateTimeField(_("since"))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)

    audit_clear = frozenset(["practice", "channel", "reason", "since", "lifted_at"])
    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppressed recipient")
        verbose_name_plural = _("suppressed recipients")
        constraints = [
            models.UniqueConstraint(
                fields=["practice", "channel", "recipient_hash"],
                condition=Q(lifted_at__isnull=True),
                nulls_distinct=False,
                name="notifications_suppression_once",
            )
        ]
