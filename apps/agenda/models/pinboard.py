"""Visits without a time yet: put aside at once, or taken off the agenda until a new time is found."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.agenda.models.visits import LONGEST_MINUTES, Appointment, AppointmentType
from apps.agenda.models.waiting import WaitlistEntry
from apps.agenda.querysets import PinnedQuerySet
from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel


class PinnedVisit(PracticeModel):
    """A visit that is wanted but has no time; whoever finds one puts it on the agenda, once.

    A visit taken off the agenda stays there as cancelled (`former`), with its history; the one that is booked instead
    (`appointment`) is a visit of its own.
    """

    class Status(models.TextChoices):
        PINNED = "pinned", _("on the pinboard")
        PLACED = "placed", _("on the agenda")
        REMOVED = "removed", _("removed")

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.PROTECT, related_name="pinned_visits"
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
    priority = models.PositiveSmallIntegerField(
        _("priority"), choices=WaitlistEntry.Priority, default=WaitlistEntry.Priority.NORMAL
    )
    reason = models.CharField(
        _("why it has no time"),
        max_length=200,
        blank=True,
        help_text=_("Nothing clinical: everybody at the practice reads this."),
    )
    note = EncryptedTextField(
        _("note"), context="agenda.pinned_visit.note", max_length=4000, blank=True, default=""
    )
    status = models.CharField(
        _("status"), max_length=8, choices=Status, default=Status.PINNED, editable=False
    )
    pinned_at = models.DateTimeField(_("pinned"), editable=False)
    closed_at = models.DateTimeField(_("taken down"), null=True, blank=True, editable=False)
    closed_reason = models.CharField(_("why it was removed"), max_length=200, blank=True, editable=False)
    former = models.ForeignKey(
        Appointment,
        verbose_name=_("former visit"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="pins",
    )
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
        "type practitioner duration_minutes priority status pinned_at closed_at former appointment".split()
    )
    objects = PinnedQuerySet.as_manager()

    class Meta:
        verbose_name = _("visit without a time")
        verbose_name_plural = _("visits without a time")
        indexes = [
            models.Index(
                "practice",
                F("priority").desc(),
                "pinned_at",
                name="agenda_pinboard_order",
                condition=Q(status="pinned"),
            ),
            models.Index("patient", name="agenda_pinboard_patient"),
        ]
        constraints = [
            models.UniqueConstraint(
                "former",
                name="agenda_pin_once",
                condition=Q(status="pinned"),
                violation_error_message=_("This visit is already on the pinboard."),
            ),
            models.CheckConstraint(
                condition=Q(status="placed", appointment__isnull=False)
                | (~Q(status="placed") & Q(appointment__isnull=True)),
                name="agenda_pin_placed_has_visit",
            ),
        ]

    @property
    def minutes(self) -> int:
        """How long the visit would be."""
        return self.duration_minutes or self.type.duration_minutes
