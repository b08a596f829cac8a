"""Patients to be seen again: why, when, and how often somebody tried."""

from __future__ import annotations

from datetime import date

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.agenda.models.visits import Appointment, AppointmentType
from apps.agenda.querysets import AppointmentTypeQuerySet, RecallQuerySet
from apps.core.models import PracticeModel, SoftDeleteModel
from apps.core.querysets import BaseQuerySet


class RecallType(PracticeModel, SoftDeleteModel):
    """A reason to come again, and after how long."""

    name = models.CharField(_("name"), max_length=80)
    interval_months = models.PositiveSmallIntegerField(
        _("interval (months)"), default=6, validators=[MinValueValidator(1), MaxValueValidator(120)]
    )
    appointment_type = models.ForeignKey(
        AppointmentType,
        verbose_name=_("kind of visit"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_(
            "A visit of this kind answers the recall, and its end starts the next interval. Empty: any visit."
        ),
    )
    sends_messages = models.BooleanField(_("write to the patient"), default=True)
    lead_days = models.PositiveSmallIntegerField(
        _("days ahead"),
        default=14,
        validators=[MaxValueValidator(90)],
        help_text=_("How long before the date the patient is written to."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    audit_clear = frozenset(
        "name interval_months appointment_type sends_messages lead_days is_active deleted_at".split()
    )
    objects = AppointmentTypeQuerySet.as_manager()

    class Meta:
        verbose_name = _("recall type")
        verbose_name_plural = _("recall types")
        constraints = [
            models.UniqueConstraint(
                "practice",
                "name",
                name="agenda_recall_type_name_unique",
                condition=Q(deleted_at__isnull=True),
                violation_error_message=_("There is already a recall type of this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Recall(PracticeModel):
    """A patient to be seen again. `computed_on` follows the interval, `override_on` is somebody's own decision."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("to be called")
        BOOKED = "booked", _("booked")
        CLOSED = "closed", _("closed")

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.PROTECT, related_name="recalls"
    )
    type = models.ForeignKey(
        RecallType, verbose_name=_("type"), on_delete=models.PROTECT, related_name="recalls"
    )
    practitioner = models.ForeignKey(
        "directory.Practitioner",
        verbose_name=_("practitioner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    previous_on = models.DateField(_("last seen"), null=True, blank=True)
    computed_on = models.DateField(_("computed date"), editable=False)
    override_on = models.DateField(
        _("own date"), null=True, blank=True, help_text=_("Counts instead of the computed date.")
    )
    due_on = models.GeneratedField(
        expression=Coalesce(F("override_on"), F("computed_on")),
        output_field=models.DateField(_("due")),
        db_persist=True,
    )
    snoozed_until = models.DateField(_("not before"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.ACTIVE)
    appointment = models.ForeignKey(
        Appointment,
        verbose_name=_("appointment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="recalls",
    )
    messaged_for = models.DateField(_("written to for"), null=True, editable=False)
    note = models.CharField(
        _("remark"),
        max_length=200,
        blank=True,
        help_text=_("Nothing clinical: everybody at the practice reads this."),
    )

    audit_clear = frozenset(
        "type practitioner previous_on computed_on override_on due_on snoozed_until status appointment "
        "messaged_for".split()
    )
    objects = RecallQuerySet.as_manager()

    class Meta:
        verbose_name = _("recall")
        verbose_name_plural = _("recalls")
        indexes = [
            models.Index("practice", "status", "due_on", "id", name="agenda_recall_due"),
            models.Index("patient", name="agenda_recall_patient"),
        ]
        constraints = [
            models.UniqueConstraint(
                "patient",
                "type",
                name="agenda_recall_once",
                condition=~Q(status="closed"),
                violation_error_message=_("This patient already has a recall of this type."),
            ),
        ]

    @property
    def is_due_on(self) -> date:
        """The date that counts."""
        return self.override_on or self.computed_on


class RecallAttempt(PracticeModel):
    """One try to reach a patient; never changed."""

    class Channel(models.TextChoices):
        PHONE = "phone", _("phone")
        SMS = "sms", _("SMS")
        EMAIL = "email", _("email")
        LETTER = "letter", _("letter")

    class Outcome(models.TextChoices):
        SENT = "sent", _("message sent")
        NO_ANSWER = "no_answer", _("no answer")
        LEFT_MESSAGE = "left_message", _("message left")
        CALLS_BACK = "calls_back", _("will call back")
        BOOKED = "booked", _("booked")
        REFUSED = "refused", _("does not want to come")
        WRONG_NUMBER = "wrong_number", _("wrong number")

    recall = models.ForeignKey(
        Recall, verbose_name=_("recall"), on_delete=models.PROTECT, related_name="attempts"
    )
    author = models.ForeignKey(
        "accounts.User", verbose_name=_("author"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    attempted_at = models.DateTimeField(_("time"))
    channel = models.CharField(_("channel"), max_length=6, choices=Channel)
    outcome = models.CharField(_("outcome"), max_length=14, choices=Outcome)
    note = models.CharField(_("remark"), max_length=200, blank=True)

    audit_clear = frozenset({"recall", "author", "attempted_at", "channel", "outcome"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("recall attempt")
        verbose_name_plural = _("recall attempts")
        default_permissions = ("view", "add")
        indexes = [models.Index("recall", "attempted_at", name="agenda_recall_attempts")]
