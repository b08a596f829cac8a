"""What people ask about their own data."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.compliance.querysets import DataRequestQuerySet
from apps.core.models import PracticeModel
from apps.patients.models import Patient


class DataRequest(PracticeModel):
    """A person asks to see, to correct or to erase what is kept about them; the answer is due within a month.

    What was asked never changes and no request is ever deleted (triggers refuse both): how requests were answered is
    what a supervisory authority looks at. Only the state of the answer moves.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", _("access")
        RECTIFICATION = "rectification", _("rectification")
        ERASURE = "erasure", _("erasure")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        IN_PROGRESS = "in_progress", _("in progress")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="data_requests"
    )
    kind = models.CharField(_("kind"), max_length=13, choices=Kind)
    status = models.CharField(_("status"), max_length=11, choices=Status, default=Status.OPEN)
    requested_at = models.DateTimeField(_("requested"))
    due_at = models.DateTimeField(_("answer due"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("recorded by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty when a service recorded it."),
    )
    note = models.CharField(
        _("note"), max_length=500, blank=True, help_text=_("How the request came in; nothing clinical.")
    )

    audit_clear = frozenset("patient kind status requested_at due_at requested_by".split())
    objects = DataRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("data request")
        verbose_name_plural = _("data requests")
        indexes = [
            models.Index(
                F("practice"), F("requested_at").desc(), F("id").desc(), name="compliance_request_list"
            ),
            models.Index("patient", "requested_at", name="compliance_request_of_patient"),
        ]
        constraints = [
            models.UniqueConstraint(
                "patient",
                condition=Q(kind="erasure", status__in=["open", "in_progress"]),
                name="compliance_request_one_erasure",
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("requested_at")), name="compliance_request_due_later"
            ),
        ]

    def __str__(self) -> str:
        return f"data-request:{self.pk}"
