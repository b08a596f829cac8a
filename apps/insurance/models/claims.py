"""Claims, their lines, and the decisions taken on them.

A claim is inserted as `pending` together with its lines, decided in the same transaction, and updated with its answer.
From then on its inputs are frozen; its amounts change with a new adjudication only, and not at all once it stands in
a reconciliation (triggers, migrations/0002).
"""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedTextField
from apps.core.models import BaseModel
from apps.directory.models import Currency, Insurer, Practice
from apps.insurance.models.adherents import Adherent
from apps.insurance.models.contracts import Contract, ContractMember
from apps.insurance.models.conventions import Bareme
from apps.insurance.querysets import ClaimItemQuerySet, ClaimQuerySet


class CareType(models.TextChoices):
    """Kinds of care: they name the routes, the claims and the keys of a contract's coverage."""

    PHARMACY = "pharmacy", _("pharmacy")
    CONSULTATION = "consultation", _("consultation")
    HOSPITALIZATION = "hospitalization", _("hospitalization")
    LABORATORY = "laboratory", _("laboratory")
    DENTAL = "dental", _("dental care")


def adds_up(total: str) -> Q:
    """Return the condition of amounts that add up and have one sign: a reversal's are negative."""
    parts = ("covered_amount", "copay_amount", "writeoff_amount")
    whole = Q(**{total: F(parts[0]) + F(parts[1]) + F(parts[2]) - F("tax_amount")})
    positive = Q(**{f"{name}__gte": 0 for name in (total, *parts, "tax_amount")})
    negative = Q(**{f"{name}__lte": 0 for name in (total, *parts, "tax_amount")})
    return whole & (positive | negative)


class Claim(BaseModel):
    """What a provider asks an insurer to pay for one insured person on one day of care.

    Foreign keys have no index of their own where one below begins with them: each costs every claim that is decided,
    reconciled and paid.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        ELIGIBLE = "eligible", _("eligible")
        APPROVED = "approved", _("approved")
        PENDING_REVIEW = "pending_review", _("under review")
        BLOCKED = "blocked", _("blocked")
        REJECTED = "rejected", _("rejected")
        PAID = "paid", _("paid")

    class Use(models.TextChoices):
        CLAIM = "claim", _("claim")
        PREDETERMINATION = "predetermination", _("question")

    insurer = models.ForeignKey(
        Insurer,
        verbose_name=_("insurer"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    provider = models.ForeignKey(
        Practice,
        verbose_name=_("provider"),
        on_delete=models.PROTECT,
        related_name="claims",
        db_index=False,
    )
    contract = models.ForeignKey(
        Contract,
        verbose_name=_("contract"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="claims",
        db_index=False,
    )
    adherent = models.ForeignKey(
        Adherent,
        verbose_name=_("insured person"),
        on_delete=models.PROTECT,
        related_name="claims",
        db_index=False,
    )
    member = models.ForeignKey(
        ContractMember,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="claims",
        db_index=False,
    )
    type = models.CharField(_("kind of care"), max_length=15, choices=CareType)
    use = models.CharField(
        _("asked as"),
        max_length=16,
        choices=Use,
        default=Use.CLAIM,
        help_text=_("A question asks what would be paid, or for prior agreement, before the care."),
    )
    service_date = models.DateField(_("day of care"))
    service_end_date = models.DateField(_("last day of care"), null=True, blank=True)
    submitted_at = models.DateTimeField(_("submitted"))
    is_urgent = models.BooleanField(_("urgent"), default=False)
    status = models.CharField(_("status"), max_length=14, choices=Status, default=Status.PENDING)
    validated_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)

    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    total_amount = models.BigIntegerField(_("asked"))
    covered_amount = models.BigIntegerField(_("covered"), default=0)
    copay_amount = models.BigIntegerField(_("patient's share"))
    writeoff_amount = models.BigIntegerField(_("borne by the provider"), default=0)
    tax_amount = models.BigIntegerField(
        _("tax"),
        default=0,
        help_text=_("On top of what is asked; borne by the patient unless the contract says so."),
    )
    reason_code = models.CharField(_("reason"), max_length=32, blank=True)
    fraud_score = models.PositiveSmallIntegerField(_("fraud score"), default=0)

    bareme = models.ForeignKey(
        Bareme,
        verbose_name=_("price list"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="claims",
    )
    engine_version = models.CharField(_("version of the engine"), max_length=20, blank=True)
    rules_version = models.CharField(_("version of the fraud rules"), max_length=40, blank=True)
    inputs_sha256 = models.CharField(_("SHA-256 of the inputs"), max_length=64, blank=True)

    idempotency_key = models.CharField(_("idempotency key"), max_length=128)
    body_sha256 = models.CharField(_("SHA-256 of the body"), max_length=64)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    fingerprint_salt = models.CharField(max_length=32, blank=True, editable=False)
    replaces = models.ForeignKey(
        "self",
        verbose_name=_("replaces"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaced_by",
        db_index=False,
    )
    reversal_of = models.OneToOneField(
        "self",
        verbose_name=_("takes back"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reversal",
    )
    reconciliation = models.ForeignKey(
        "insurance.Reconciliation",
        verbose_name=_("reconciliation"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="claims",
        db_index=False,
    )
    # The act's author and its prescriber, as the provider writes them: people outside the house have no row here.
    practitioner_ref = models.CharField(_("carried out by"), max_length=40, blank=True)
    prescriber = models.CharField(_("prescriber"), max_length=80, blank=True)
    notes = EncryptedTextField(
        _("notes"), context="insurance.claim.notes", max_length=2000, blank=True, default=""
    )
    source_type = models.CharField(_("made from"), max_length=60, blank=True)
    source_id = models.UUIDField(_("made from (key)"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("entered by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    audit_clear = frozenset(
        "type use service_date service_end_date submitted_at is_urgent status validated_at paid_at currency total_amount "
        "covered_amount copay_amount writeoff_amount tax_amount reason_code fraud_score engine_version rules_version "
        "inputs_sha256 source_type source_id".split()
    )
    objects = ClaimQuerySet.as_manager()

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        default_permissions = ("view",)
        permissions = [
            ("submit_pharmacy_claim", _("Can submit pharmacy claims")),
            ("submit_consultation_claim", _("Can submit consultation claims")),
            ("submit_hospitalization_claim", _("Can submit hospitalization claims")),
            ("submit_laboratory_claim", _("Can submit laboratory claims")),
            ("submit_dental_claim", _("Can submit dental claims")),
            ("decide_claim", _("Can decide claims")),
            ("unblock_claim", _("Can take up a blocked claim again")),
            ("confirm_claim", _("Can confirm or cancel eligible claims")),
            ("void_claim", _("Can void a claim of the same day")),
            ("reverse_claim", _("Can take a paid claim back")),
            ("process_claim", _("Decided by the house's own machinery")),
        ]
        indexes = [
            models.Index(fields=["insurer", "-id"], name="insurance_claim_insurer"),
            # The desk's queue; a reconciliation finds here what it takes and what it settles. No index holds the
            # reconciliation itself, so that giving a million claims theirs writes to none (a heap-only update).
            models.Index(fields=["insurer", "status", "-id"], name="insurance_claim_queue"),
            models.Index(fields=["provider", "-id"], name="insurance_claim_provider"),
            # What screening counts while the counter waits: the last minutes, and the practitioner's day.
            models.Index("provider", "submitted_at", name="insurance_claim_pace"),
            models.Index("provider", "service_date", name="insurance_claim_provider_day"),
            models.Index("adherent", "service_date", name="insurance_claim_history"),
            models.Index("contract", "service_date", name="insurance_claim_contract"),
            models.Index("replaces", name="insurance_claim_replaces", condition=Q(replaces__isnull=False)),
            models.Index(
                "source_type", "source_id", name="insurance_claim_source", condition=~Q(source_type="")
            ),
        ]
        constraints = [
            models.UniqueConstraint("provider", "idempotency_key", name="insurance_claim_key_unique"),
            models.UniqueConstraint(
                "fingerprint",
                name="insurance_claim_fingerprint_unique",
                condition=~Q(status__in=("rejected", "blocked")) & ~Q(fingerprint=""),
            ),
            models.CheckConstraint(condition=adds_up("total_amount"), name="insurance_claim_adds_up"),
            models.CheckConstraint(
                condition=Q(reversal_of__isnull=True, total_amount__gte=0)
                | Q(reversal_of__isnull=False, total_amount__lte=0),
                name="insurance_claim_sign",
            ),
            models.CheckConstraint(
                condition=Q(service_end_date__isnull=True) | Q(service_date__lte=F("service_end_date")),
                name="insurance_claim_stay",
                violation_error_message=_("The last day must not come before the first."),
            ),
            models.CheckConstraint(
                condition=Q(fraud_score__lte=100), name="insurance_claim_score_at_most_100"
            ),
            models.CheckConstraint(
                condition=Q(reconciliation__isnull=True) | Q(status__in=("approved", "paid")),
                name="insurance_claim_reconciled_is_approved",
            ),
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(reconciliation__isnull=False),
                name="insurance_claim_paid_by_a_reconciliation",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("approved", "paid")) | Q(validated_at__isnull=False),
                name="insurance_claim_approved_has_time",
            ),
        ]

    @property
    def is_held(self) -> bool:
        """Whether it holds an amount of the contract's limits."""
        return self.status in HOLDING


HOLDING = (
    Claim.Status.ELIGIBLE.value,
    Claim.Status.APPROVED.value,
    Claim.Status.PENDING_REVIEW.value,
    Claim.Status.PAID.value,
)


class ClaimItem(BaseModel):
    """One line of a claim and how it was priced last."""

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    provider = models.ForeignKey(
        Practice, verbose_name=_("provider"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="items", db_index=False
    )
    sequence = models.PositiveSmallIntegerField(_("line"))
    code = models.CharField(_("code"), max_length=32)
    label = models.CharField(_("label"), max_length=200, blank=True)
    category = models.CharField(_("category"), max_length=40, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    unit_price = models.BigIntegerField(_("unit price"))
    line_total = models.BigIntegerField(_("asked"))
    prior_paid = models.BigIntegerField(_("paid by another"), default=0)
    tooth = models.CharField(_("tooth or area"), max_length=2, blank=True)
    surfaces = models.CharField(_("surfaces"), max_length=5, blank=True)
    diagnosis = EncryptedTextField(
        _("diagnosis"), context="insurance.claim_item.diagnosis", max_length=20, blank=True, default=""
    )
    prescriber = models.CharField(_("prescriber"), max_length=80, blank=True)
    is_substitutable = models.BooleanField(_("may be replaced by a generic"), default=True)
    non_substitutable_reason = models.CharField(_("why not"), max_length=200, blank=True)
    is_trauma = models.BooleanField(_("after an accident"), default=False)
    preauthorisation = models.CharField(_("prior agreement"), max_length=40, blank=True)
    minutes = models.PositiveIntegerField(
        _("usual minutes of one"),
        default=0,
        help_text=_("As the price list stood; screening adds days up from it."),
    )

    is_generic = models.BooleanField(_("generic"), default=False)
    allowed_amount = models.BigIntegerField(_("base of reimbursement"), default=0)
    covered_amount = models.BigIntegerField(_("covered"), default=0)
    copay_amount = models.BigIntegerField(_("patient's share"))
    writeoff_amount = models.BigIntegerField(_("borne by the provider"), default=0)
    tax_amount = models.BigIntegerField(_("tax"), default=0)
    reimbursement_rate_bp = models.PositiveIntegerField(
        _("rate (basis points)"), default=0, validators=[MaxValueValidator(10_000)]
    )
    reason_code = models.CharField(_("reason"), max_length=32, blank=True)
    rule_applied = models.CharField(_("rules applied"), max_length=200, blank=True)
    explanation = models.JSONField(_("explanation"), default=dict, blank=True)

    audited = False
    objects = ClaimItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of a claim")
        verbose_name_plural = _("lines of claims")
        default_permissions = ("view",)
        indexes = [models.Index("code", "claim", name="insurance_claimitem_code")]
        constraints = [
            models.UniqueConstraint("claim", "sequence", name="insurance_claimitem_sequence"),
            models.CheckConstraint(condition=adds_up("line_total"), name="insurance_claimitem_adds_up"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, unit_price__gte=0, prior_paid__gte=0),
                name="insurance_claimitem_asked",
            ),
            # A reversal takes the whole line back: same quantity and price, negative amounts.
            models.CheckConstraint(
                condition=Q(line_total=F("quantity") * F("unit_price"))
                | Q(line_total=F("quantity") * F("unit_price") * -1),
                name="insurance_claimitem_total",
            ),
            models.CheckConstraint(
                condition=Q(reimbursement_rate_bp__lte=10_000), name="insurance_claimitem_rate"
            ),
        ]
