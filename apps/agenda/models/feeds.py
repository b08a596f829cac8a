"""What others follow the agenda by: numbered changes, and calendars under a secret address."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.agenda.models.visits import Appointment
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet


class AgendaSequence(models.Model):
    """The number of a practice's last committed change."""

    practice = models.OneToOneField(
        "directory.Practice", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    last = models.BigIntegerField(default=0)

    audited = False
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("last change number")
        verbose_name_plural = _("last change numbers")
        default_permissions = ()

    def __str__(self) -> str:
        return f"agenda.sequence:{self.pk}"


class AgendaChange(models.Model):
    """One change of a visit, for those who follow the agenda.

    A deferred trigger numbers it while its transaction commits, under a lock on the practice's last number: the numbers
    have no gaps and appear in their order, so whoever has seen one has seen all before it.
    """

    class Event(models.TextChoices):
        CREATED = "appointment.created", _("booked")
        UPDATED = "appointment.updated", _("changed")
        CANCELLED = "appointment.cancelled", _("cancelled")

    id = models.BigAutoField(primary_key=True)
    practice = models.ForeignKey("directory.Practice", on_delete=models.CASCADE, related_name="+")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(_("event"), max_length=24, choices=Event)
    sequence = models.BigIntegerField(_("number"), null=True, editable=False)
    committed_at = models.DateTimeField(_("committed"), null=True, editable=False)

    audited = False
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of the agenda")
        verbose_name_plural = _("changes of the agenda")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("practice", "sequence", name="agenda_change_sequence_unique"),
        ]
        indexes = [models.Index("committed_at", name="agenda_change_age")]

    def __str__(self) -> str:
        return f"agenda.change:{self.pk}"


class CalendarToken(PracticeModel):
    """A secret address under which a calendar program follows a practitioner's agenda; only its hash is kept."""

    practitioner = models.ForeignKey(
        "directory.Practitioner",
        verbose_name=_("practitioner"),
        on_delete=models.PROTECT,
        related_name="calendar_tokens",
    )
    label = models.CharField(_("used by"), max_length=60, blank=True, help_text=_("Telephone, computer…"))
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    issued_at = models.DateTimeField(_("issued"), editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    audit_clear = frozenset({"practitioner", "label", "issued_at", "revoked_at"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar address")
        verbose_name_plural = _("calendar addresses")
        indexes = [
            models.Index("practitioner", name="agenda_calendar_in_use", condition=Q(revoked_at__isnull=True))
        ]
