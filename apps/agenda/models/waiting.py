"""Patients who wait for a time, the times that came free, and what was offered to whom."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.agenda.models.visits import LONGEST_MINUTES, Appointment, AppointmentType
from apps.agenda.querysets import PatientRowQuerySet
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import OpeningHours


class WaitlistEntry(PracticeModel):
    """A patient who would come sooner: for what, with whom, on which days and hours."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        BOOKED = "booked", _("booked")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("normal")
        SOON = 1, _("soon")
        URGENT = 2, _("urgent")

    patient = models.ForeignKey(
        "patients.Patient",
        verbose_name=_("patient"),
        on_delete=models.PROTECT,
        related_name="waitlist_entries",
    )
    type = models.ForeignKey(
        AppointmentType, verbose_name=_("type"), on_delete=models.PROTECT, related_name="+"
    )
    practitioner = models.ForeignKey(
        "directory.Practitioner",
        verbose_name=_("practitioner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: whoever is free."),
    )
    duration_minutes = models.PositiveSmallIntegerField(
        _("duration (minutes)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(5), MaxValueValidator(LONGEST_MINUTES)],
        help_text=_("Empty: as long as the type says."),
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=OpeningHours.Weekday),
        verbose_name=_("weekdays"),
        default=list,
        blank=True,
        size=7,
        help_text=_("1 is Monday. Empty: any day."),
    )
    earliest = models.TimeField(_("not before"), null=True, blank=True)
    latest = models.TimeField(_("ending by"), null=True, blank=True)
    valid_from = models.DateField(_("from"), null=True, blank=True)
    valid_until = models.DateField(_("until (included)"), null=True, blank=True)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.NORMAL)
    note = models.CharField(
        _("remark"),
        max_length=200,
        blank=True,
        help_text=_("Nothing clinical: everybody at the practice reads this."),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status, default=Status.WAITING, editable=False
    )
    requested_at = models.DateTimeField(_("waiting since"), editable=False)
    appointment = models.ForeignKey(
        Appointment,
        verbose_name=_("appointment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    audit_clear = frozenset(
        "type practitioner duration_minutes weekdays earliest latest valid_from valid_until priority status "
        "requested_at appointment".split()
    )
    objects = PatientRowQuerySet.as_manager()

    class Meta:
        verbose_name = _("waiting patient")
        verbose_name_plural = _("waiting list")
        indexes = [
            models.Index("practice", F("priority").desc(), "requested_at", name="agenda_waitlist_order"),
            models.Index("patient", name="agenda_waitlist_patient"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(earliest__isnull=True) | Q(latest__isnull=True) | Q(earliest__lt=F("latest")),
                name="agenda_waitlist_hours",
                violation_error_message=_("The end must come after the start."),
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lte=F("valid_until")),
                name="agenda_waitlist_days",
                violation_error_message=_("The end must come after the start."),
            ),
        ]

    @property
    def minutes(self) -> int:
        """How long the visit would be."""
        return self.duration_minutes or self.type.duration_minutes


class FreedSlot(PracticeModel):
    """Time that came free and is offered to those who wait, one after the other."""

    practitioner = models.ForeignKey("directory.Practitioner", on_delete=models.PROTECT, related_name="+")
    room = models.ForeignKey("directory.Room", on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    closed_at = models.DateTimeField(_("closed"), null=True)

    audited = False
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("freed time")
        verbose_name_plural = _("freed times")
        default_permissions = ()
        indexes = [
            models.Index("starts_at", name="agenda_freed_open", condition=Q(closed_at__isnull=True)),
        ]


class WaitlistOffer(PracticeModel):
    """A time offered to one waiting patient, by message, until a moment; whoever accepts first has it."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        EXPIRED = "expired", _("expired")
        LOST = "lost", _("taken by somebody else")
        WITHDRAWN = "withdrawn", _("withdrawn")

    entry = models.ForeignKey(
        WaitlistEntry, verbose_name=_("waiting patient"), on_delete=models.PROTECT, related_name="offers"
    )
    slot = models.ForeignKey(
        FreedSlot, on_delete=models.PROTECT, null=True, related_name="offers", editable=False
    )
    practitioner = models.ForeignKey(
        "directory.Practitioner", verbose_name=_("practitioner"), on_delete=models.PROTECT, related_name="+"
    )
    room = models.ForeignKey(
        "directory.Room", verbose_name=_("room"), on_delete=models.PROTECT, related_name="+"
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    offered_at = models.DateTimeField(_("offered"))
    expires_at = models.DateTimeField(_("stands until"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    channel = models.CharField(_("channel"), max_length=5, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    appointment = models.ForeignKey(
        Appointment, verbose_name=_("appointment"), on_delete=models.PROTECT, null=True, related_name="+"
    )

    audit_clear = frozenset(
        "entry slot practitioner room starts_at ends_at offered_at expires_at state channel answered_at "
        "appointment".split()
    )
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        default_permissions = ("view", "add")
        indexes = [
            models.Index("expires_at", name="agenda_offer_open", condition=Q(state="open")),
        ]
        constraints = [
            models.UniqueConstraint(
                "entry",
                name="agenda_offer_one_open",
                condition=Q(state="open"),
                violation_error_message=_("This patient already has an open offer."),
            ),
        ]
