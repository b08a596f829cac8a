"""Appointments, the time they hold, their notes, and absences."""

from __future__ import annotations

import re

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.agenda.querysets import (
    AbsenceQuerySet,
    AppointmentQuerySet,
    AppointmentTypeQuerySet,
    OccupancyQuerySet,
)
from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel, SoftDeleteModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Room, hex_color

STEP_MINUTES = 5
LONGEST_MINUTES = 12 * 60
pattern_syntax = RegexValidator(
    re.compile(r"^[X/.]+$"),
    _("One sign for each five minutes: X practitioner, / assistant alone, . nobody."),
)


class AppointmentType(PracticeModel, SoftDeleteModel):
    """A kind of visit: how long it takes, where it may happen and who is needed when."""

    name = models.CharField(_("name"), max_length=80)
    duration_minutes = models.PositiveSmallIntegerField(
        _("duration (minutes)"),
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(LONGEST_MINUTES)],
    )
    color = models.CharField(_("colour"), max_length=7, default="#2563eb", validators=[hex_color])
    room_kind = models.CharField(
        _("required room kind"), max_length=12, choices=Room.Kind, blank=True, help_text=_("Empty: any room.")
    )
    buffer_before_minutes = models.PositiveSmallIntegerField(
        _("room preparation (minutes)"), default=0, validators=[MaxValueValidator(120)]
    )
    buffer_after_minutes = models.PositiveSmallIntegerField(
        _("room cleaning (minutes)"), default=0, validators=[MaxValueValidator(120)]
    )
    pattern = models.CharField(
        _("provider pattern"),
        max_length=LONGEST_MINUTES // STEP_MINUTES,
        blank=True,
        validators=[pattern_syntax],
        help_text=_(
            "One sign for each five minutes: X practitioner, / assistant alone, . nobody. "
            "Empty: the practitioner all the time."
        ),
    )
    is_online_bookable = models.BooleanField(_("bookable online"), default=False)
    is_active = models.BooleanField(_("in use"), default=True)
    position = models.PositiveSmallIntegerField(_("order on screen"), default=0)

    audit_clear = frozenset(
        "name duration_minutes color room_kind buffer_before_minutes buffer_after_minutes pattern "
        "is_online_bookable is_active position deleted_at".split()
    )
    objects = AppointmentTypeQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment type")
        verbose_name_plural = _("appointment types")
        constraints = [
            models.UniqueConstraint(
                "practice",
                "name",
                name="agenda_type_name_unique",
                condition=Q(deleted_at__isnull=True),
                violation_error_message=_("There is already an appointment type of this name."),
            ),
            models.CheckConstraint(
                condition=Q(duration_minutes__range=(5, LONGEST_MINUTES)), name="agenda_type_duration"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Appointment(PracticeModel):
    """A visit. Two axes: where the visit stands (`status`) and what the patient answered (`confirmation`)."""

    class Status(models.TextChoices):
        REQUESTED = "requested", _("requested")
        BOOKED = "booked", _("booked")
        ARRIVED = "arrived", _("arrived")
        IN_CHAIR = "in_chair", _("in the chair")
        DONE = "done", _("done")
        CANCELLED_BY_PATIENT = "cancelled_by_patient", _("cancelled by the patient")
        CANCELLED_BY_PRACTICE = "cancelled_by_practice", _("cancelled by the practice")
        NO_SHOW = "no_show", _("did not come")

    class Confirmation(models.TextChoices):
        UNCONFIRMED = "unconfirmed", _("not confirmed")
        REMINDED = "reminded", _("reminded")
        CONFIRMED = "confirmed", _("confirmed")
        DECLINED = "declined", _("declined")

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.PROTECT, related_name="appointments"
    )
    practitioner = models.ForeignKey(
        "directory.Practitioner",
        verbose_name=_("practitioner"),
        on_delete=models.PROTECT,
        related_name="appointments",
    )
    assistant = models.ForeignKey(
        "directory.Practitioner",
        verbose_name=_("assistant"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="assisted_appointments",
    )
    room = models.ForeignKey(
        "directory.Room", verbose_name=_("room"), on_delete=models.PROTECT, related_name="appointments"
    )
    type = models.ForeignKey(
        AppointmentType, verbose_name=_("type"), on_delete=models.PROTECT, related_name="appointments"
    )
    acts = models.ManyToManyField(
        "catalog.Act", verbose_name=_("planned acts"), blank=True, related_name="planned_appointments"
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    status = models.CharField(_("status"), max_length=24, choices=Status, default=Status.BOOKED)
    confirmation = models.CharField(
        _("confirmation"), max_length=12, choices=Confirmation, default=Confirmation.UNCONFIRMED
    )
    arrived_at = models.DateTimeField(_("arrived"), null=True, blank=True, editable=False)
    seated_at = models.DateTimeField(_("in the chair since"), null=True, blank=True, editable=False)
    dismissed_at = models.DateTimeField(_("left the chair"), null=True, blank=True, editable=False)
    scheduled_at = models.DateTimeField(
        _("time agreed"),
        editable=False,
        help_text=_("When this time was last booked or moved; reminders start from it."),
    )
    reminders_planned_at = models.DateTimeField(_("reminders planned"), null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True, editable=False)
    cancel_reason = models.CharField(_("reason of the cancellation"), max_length=200, blank=True)
    override_reason = models.CharField(
        _("reason of the overbooking"),
        max_length=200,
        blank=True,
        help_text=_("Set: this visit was knowingly booked over others and holds no time against them."),
    )
    color = models.CharField(_("own colour"), max_length=7, blank=True, validators=[hex_color])
    pattern = models.CharField(
        _("provider pattern"),
        max_length=LONGEST_MINUTES // STEP_MINUTES,
        blank=True,
        validators=[pattern_syntax],
        editable=False,
    )
    series = models.ForeignKey(
        "agenda.Series",
        verbose_name=_("series"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="appointments",
    )
    series_position = models.PositiveSmallIntegerField(_("place in the series"), null=True, editable=False)
    is_exception = models.BooleanField(
        _("changed by itself"),
        default=False,
        editable=False,
        help_text=_("Changes of the whole series leave it alone."),
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    audit_clear = frozenset(
        "starts_at ends_at status confirmation arrived_at seated_at dismissed_at scheduled_at cancelled_at "
        "reminders_planned_at color pattern series series_position is_exception version".split()
    )
    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        permissions = [
            ("override_appointment", "Can book over another appointment"),
            ("change_completed_appointment", "Can change a visit that is done"),
        ]
        indexes = [
            models.Index("practice", "starts_at", name="agenda_appt_day"),
            models.Index("patient", models.F("starts_at").desc(), name="agenda_appt_patient"),
            models.Index("practitioner", "starts_at", name="agenda_appt_practitioner"),
            models.Index(
                "series", "series_position", name="agenda_appt_series", condition=Q(series__isnull=False)
            ),
            models.Index(
                "starts_at",
                "id",
                name="agenda_appt_unplanned",
                condition=Q(status__in=("requested", "booked"), reminders_planned_at__isnull=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")),
                name="agenda_appt_starts_before_end",
                violation_error_message=_("The end must come after the start."),
            ),
            models.CheckConstraint(
                condition=Q(assistant__isnull=True) | ~Q(assistant=F("practitioner")),
                name="agenda_appt_assistant_is_another",
                violation_error_message=_("The assistant must be another person than the practitioner."),
            ),
        ]

    @property
    def shown_color(self) -> str:
        """Colour on the agenda: its own, or its type's."""
        return self.color or self.type.color

    @property
    def is_overbooked(self) -> bool:
        """Whether it was knowingly booked over others."""
        return bool(self.override_reason)

    @property
    def duration_minutes(self) -> int:
        """Planned length."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


class Occupancy(models.Model):
    """Time of one person or room held by an appointment; derived, rewritten with it, not audited by itself.

    One exclusion constraint serves practitioners, assistants, rooms and patients alike.
    """

    class Kind(models.TextChoices):
        PRACTITIONER = "practitioner", _("practitioner")
        ASSISTANT = "assistant", _("assistant")
        ROOM = "room", _("room")
        PATIENT = "patient", _("patient")

    id = models.BigAutoField(primary_key=True)
    practice = models.ForeignKey("directory.Practice", on_delete=models.PROTECT, related_name="+")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="occupancies")
    resource_id = models.UUIDField(_("resource"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    period = DateTimeRangeField(_("period"))
    blocking = models.BooleanField(_("blocking"), default=True)

    audited = False
    objects = OccupancyQuerySet.as_manager()

    class Meta:
        verbose_name = _("held time")
        verbose_name_plural = _("held times")
        constraints = [
            ExclusionConstraint(
                name="agenda_occupancy_no_overlap",
                expressions=[("resource_id", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
                condition=Q(blocking=True),
                violation_error_code="slot_taken",
                violation_error_message=_("This time is already taken."),
            ),
            # An empty range overlaps nothing, so the constraint above would let it in;
            # an unbounded one would block for ever.
            models.CheckConstraint(
                condition=Q(
                    period__isempty=False,
                    period__lower_inf=False,
                    period__upper_inf=False,
                    period__lower_inc=True,
                    period__upper_inc=False,
                ),
                name="agenda_occupancy_period_half_open",
            ),
        ]

    def __str__(self) -> str:
        return f"agenda.occupancy:{self.pk}"


class AppointmentNote(PracticeModel):
    """A remark on a visit, encrypted: it may hold clinical words."""

    appointment = models.ForeignKey(
        Appointment, verbose_name=_("appointment"), on_delete=models.PROTECT, related_name="notes"
    )
    author = models.ForeignKey(
        "accounts.User", verbose_name=_("author"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    body = EncryptedTextField(_("text"), context="agenda.appointment_note.body", max_length=4000)
    noted_at = models.DateTimeField(_("written"))

    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment note")
        verbose_name_plural = _("appointment notes")
        indexes = [models.Index("appointment", "noted_at", name="agenda_note_appointment")]


class Absence(PracticeModel):
    """Time in which somebody is away; without a practitioner the whole practice is closed."""

    class Kind(models.TextChoices):
        LEAVE = "leave", _("leave")
        SICKNESS = "sickness", _("sickness")
        TRAINING = "training", _("training")
        HOLIDAY = "holiday", _("public holiday")
        BREAK = "break", _("break")
        OTHER = "other", _("other")

    practitioner = models.ForeignKey(
        "directory.Practitioner",
        verbose_name=_("practitioner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="absences",
        help_text=_("Empty: the whole practice is closed."),
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.LEAVE)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    reason = models.CharField(_("remark"), max_length=200, blank=True)

    audit_clear = frozenset({"starts_at", "ends_at"})
    objects = AbsenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        indexes = [models.Index("practice", "starts_at", name="agenda_absence_day")]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")),
                name="agenda_absence_starts_before_end",
                violation_error_message=_("The end must come after the start."),
            ),
        ]
