"""Days that differ from the week."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet


class OpenHoliday(PracticeModel):
    """A public holiday on which a practice receives all the same, at its usual hours."""

    day = models.DateField(_("day"))

    audit_clear = frozenset({"day"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("public holiday worked")
        verbose_name_plural = _("public holidays worked")
        constraints = [
            models.UniqueConstraint(
                "practice",
                "day",
                name="agenda_open_holiday_once",
                violation_error_message=_("The practice is already open on this day."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
