"""What a patient agreed to."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.patients.models.contacts import PatientContact
from apps.patients.models.people import Patient
from apps.patients.querysets import ConsentQuerySet


class ConsentForm(PracticeModel):
    """One decision of a patient on one matter; the last decision of a kind is the one that counts.

    Append-only (a trigger refuses changes): a withdrawal is another row, which names the decision it takes back.
    """

    class Kind(models.TextChoices):
        TREATMENT = "treatment", _("treatment or surgery")
        QUOTE = "quote", _("acceptance of a quote")
        DATA_NOTICE = "data_notice", _("data-processing notice")
        SMS = "sms", _("messages by SMS")
        EMAIL = "email", _("messages by email")
        IMAGE_USE = "image_use", _("use of images")
        MARKETING = "marketing", _("news and offers")
        SHARING = "sharing", _("sharing with another professional")
        MINOR_ONE_PARENT = "minor_one_parent", _("care of a minor, one parent")
        MINOR_BOTH_PARENTS = "minor_both_parents", _("care of a minor, both parents")
        HEALTH_SPACE = "health_space", _("national health record")

    class Decision(models.TextChoices):
        GIVEN = "given", _("given")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Channel(models.TextChoices):
        PAPER = "paper", _("on paper")
        TABLET = "tablet", _("on a screen at the practice")
        ORAL = "oral", _("orally")
        PHONE = "phone", _("by phone")
        EMAIL = "email", _("by email")
        SMS = "sms", _("by SMS")
        WEB = "web", _("on the web")

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="consents"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    decision = models.CharField(_("decision"), max_length=10, choices=Decision, default=Decision.GIVEN)
    text_version = models.CharField(_("version of the text"), max_length=40)
    text = models.TextField(_("text that was read"), blank=True, max_length=20_000)
    channel = models.CharField(_("how"), max_length=8, choices=Channel, default=Channel.PAPER)
    signer_name = models.CharField(
        _("who decided"), max_length=160, help_text=_("The patient, or who speaks for them.")
    )
    signer_contact = models.ForeignKey(
        PatientContact,
        verbose_name=_("as the patient's"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("decided at"))
    proof_sha256 = models.CharField(
        _("fingerprint of the proof"),
        max_length=64,
        help_text=_("SHA-256 of the text, the signer and the moment."),
    )
    withdraws = models.ForeignKey(
        "self",
        verbose_name=_("takes back"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="withdrawals",
    )

    audit_clear = frozenset(
        "patient kind decision text_version channel decided_at proof_sha256 withdraws".split()
    )
    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = [
            models.Index(fields=["patient", "kind", "-decided_at", "-id"], name="patients_consent_current"),
        ]

    def __str__(self) -> str:
        return f"consent:{self.pk}"
