"""Contracts and who they cover."""

from __future__ import annotations

from datetime import date, timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from apps.core.models import BaseModel, PracticeModel
from apps.directory.models import Currency, Insurer
from apps.insurance.models.adherents import Adherent
from apps.insurance.querysets import ContractMemberQuerySet, ContractQuerySet, PatientCoverageQuerySet
from apps.patients.models import Patient


class Contract(BaseModel):
    """What an insurer promises to whom; the first and the last day both count.

    A claim is judged by the contract as it stood on the day of care: `status_history` says since when it was
    suspended or cancelled, and a contract that has expired meanwhile still covers the days before.
    """

    class Plan(models.TextChoices):
        INDIVIDUAL = "individual", _("individual")
        FAMILY = "family", _("family")
        CORPORATE = "corporate", _("corporate")

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")
        EXPIRED = "expired", _("expired")
        CANCELLED = "cancelled", _("cancelled")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    adherent = models.ForeignKey(
        Adherent, verbose_name=_("subscriber"), on_delete=models.PROTECT, related_name="contracts"
    )
    contract_number = models.CharField(_("contract number"), max_length=40)
    plan_type = models.CharField(_("plan"), max_length=10, choices=Plan, default=Plan.INDIVIDUAL)
    start_date = models.DateField(_("first day"))
    end_date = models.DateField(_("last day"))
    carence_days = models.PositiveIntegerField(
        _("waiting period (days)"), default=0, validators=[MaxValueValidator(3650)]
    )
    annual_limit = models.BigIntegerField(
        _("yearly limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: no limit."),
    )
    limit_by_dependants = models.JSONField(
        _("yearly limit by number of dependants"),
        null=True,
        blank=True,
        help_text=_(
            "Limits for 0, 1, 2... dependants; the last one serves for more. Replaces the yearly limit."
        ),
    )
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    coverage = models.JSONField(_("coverage"))
    exclusions = models.JSONField(_("exclusions"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.ACTIVE)
    status_from = models.DateField(_("status counts from"))
    status_reason = models.CharField(_("reason of the status"), max_length=200, blank=True)
    status_history = models.JSONField(_("history of the status"), default=list, editable=False)
    renews = models.OneToOneField(
        "self",
        verbose_name=_("renews"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="renewed_by",
    )

    audit_clear = frozenset(
        "contract_number plan_type start_date end_date carence_days annual_limit limit_by_dependants currency coverage "
        "exclusions status status_from status_history".split()
    )
    objects = ContractQuerySet.as_manager()

    class Meta:
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")
        default_permissions = ("add", "change", "view")
        indexes = [
            models.Index(fields=["insurer", "-id"], name="insurance_contract_list"),
            models.Index(fields=["insurer", "status", "-id"], name="insurance_contract_status"),
            models.Index("adherent", "start_date", name="insurance_contract_adherent"),
            models.Index("contract_number", name="insurance_contract_by_number"),
            models.Index("end_date", name="insurance_contract_to_expire", condition=Q(status="active")),
        ]
        constraints = [
            models.UniqueConstraint("insurer", "contract_number", name="insurance_contract_number_unique"),
            models.CheckConstraint(
                condition=Q(start_date__lte=F("end_date")),
                name="insurance_contract_range",
                violation_error_message=_("The last day must not come before the first."),
            ),
            models.CheckConstraint(
                condition=Q(annual_limit__isnull=True) | Q(annual_limit__gte=0),
                name="insurance_contract_limit",
            ),
            models.CheckConstraint(
                condition=Q(annual_limit__isnull=True) | Q(limit_by_dependants__isnull=True),
                name="insurance_contract_one_limit",
                violation_error_message=_("Give one yearly limit, or one per number of dependants."),
            ),
            models.CheckConstraint(
                condition=Q(renews__isnull=True) | ~Q(renews=F("id")),
                name="insurance_contract_renews_another",
            ),
        ]

    def __str__(self) -> str:
        return f"contract:{self.pk}"

    def covers(self, day: date) -> bool:
        """Whether the day lies between the first and the last."""
        return self.start_date <= day <= self.end_date

    def status_on(self, day: date) -> str:
        """Return the status that counts on a day: the last one of the history that began by then."""
        found = self.Status.ACTIVE.value
        for step in self.status_history:
            if date.fromisoformat(step["from"]) <= day:
                found = step["status"]
        return found

    def ends_on(self) -> date:
        """Return the last day that is really covered: the one before a cancellation, else the written one."""
        if self.status != self.Status.CANCELLED:
            return self.end_date
        return min(self.end_date, self.status_from - timedelta(days=1))

    def limit_for(self, dependants: int) -> int | None:
        """Return the yearly limit of a household with so many dependants; None is unlimited."""
        if not self.limit_by_dependants:
            return self.annual_limit
        return int(self.limit_by_dependants[min(dependants, len(self.limit_by_dependants) - 1)])


class ContractMember(BaseModel):
    """A person under a contract, the subscriber included; late joiners wait from the day they joined."""

    class Relation(models.TextChoices):
        SELF = "self", _("subscriber")
        SPOUSE = "spouse", _("spouse")
        CHILD = "child", _("child")
        PARENT = "parent", _("parent")
        EMPLOYEE = "employee", _("employee")
        OTHER = "other", _("other")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.PROTECT, related_name="members"
    )
    adherent = models.ForeignKey(
        Adherent, verbose_name=_("insured person"), on_delete=models.PROTECT, related_name="memberships"
    )
    relation = models.CharField(_("relation to the subscriber"), max_length=8, choices=Relation)
    joined_on = models.DateField(_("joined on"))
    left_on = models.DateField(_("last day"), null=True, blank=True)
    is_chronic = models.BooleanField(
        _("long-term illness"),
        default=False,
        help_text=_("Frequent care is expected and is no sign of abuse."),
    )

    audit_clear = frozenset("relation joined_on left_on".split())
    objects = ContractMemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        default_permissions = ("add", "change", "view")
        indexes = [models.Index("adherent", "joined_on", name="insurance_member_adherent")]
        constraints = [
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(joined_on__lte=F("left_on")),
                name="insurance_member_range",
                violation_error_message=_("The last day must not come before the first."),
            ),
            models.UniqueConstraint(
                "contract",
                name="insurance_member_one_subscriber",
                condition=Q(relation="self"),
            ),
            ExclusionConstraint(
                name="insurance_member_no_overlap",
                expressions=[
                    (F("contract"), RangeOperators.EQUAL),
                    (F("adherent"), RangeOperators.EQUAL),
                    (
                        Func("joined_on", "left_on", Value("[]"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("This person is already under the contract in this period."),
            ),
        ]

    def __str__(self) -> str:
        return f"contract-member:{self.pk}"

    def covers(self, day: date) -> bool:
        """Whether the person was under the contract on a day."""
        return self.joined_on <= day and (self.left_on is None or day <= self.left_on)


class PatientCoverage(PracticeModel):
    """Which contract pays for a practice's patient: the link from the file to the network."""

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="coverages"
    )
    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.PROTECT, related_name="patient_coverages"
    )
    adherent = models.ForeignKey(
        Adherent, verbose_name=_("insured person"), on_delete=models.PROTECT, related_name="patient_coverages"
    )
    rank = models.PositiveSmallIntegerField(
        _("rank"), default=1, validators=[MinValueValidator(1)], help_text=_("1 pays first.")
    )
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("to"), null=True, blank=True)

    audit_clear = frozenset("rank valid_from valid_to".split())
    objects = PatientCoverageQuerySet.as_manager()

    class Meta:
        verbose_name = _("coverage of a patient")
        verbose_name_plural = _("coverages of patients")
        default_permissions = ("add", "change", "view")
        constraints = [
            models.CheckConstraint(condition=Q(rank__gte=1), name="insurance_patientcoverage_rank"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_from__lte=F("valid_to")),
                name="insurance_patientcoverage_range",
                violation_error_message=_("The last day must not come before the first."),
            ),
            ExclusionConstraint(
                name="insurance_patientcoverage_one_of_a_rank",
                expressions=[
                    (F("patient"), RangeOperators.EQUAL),
                    (F("rank"), RangeOperators.EQUAL),
                    (
                        Func("valid_from", "valid_to", Value("[]"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("Another contract has this rank in this period."),
            ),
        ]

    def __str__(self) -> str:
        return f"patient-coverage:{self.pk}"
