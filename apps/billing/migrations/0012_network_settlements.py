"""One row for each invoice a paid reconciliation settles, and the jobs that settle many of them."""

import apps.core.jobs
import apps.core.models
import django.db.models.deletion
from django.db import migrations, models

FROZEN = """
CREATE TRIGGER billing_networksettlement_kept BEFORE UPDATE OR DELETE ON billing_networksettlement
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_networksettlement_not_emptied BEFORE TRUNCATE ON billing_networksettlement
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = """
DROP TRIGGER billing_networksettlement_kept ON billing_networksettlement;
DROP TRIGGER billing_networksettlement_not_emptied ON billing_networksettlement;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0011_network_shares"),
        ("directory", "0002_insurer_config"),
        ("insurance", "0009_bareme_in_force"),
    ]

    operations = [
        migrations.CreateModel(
            name="NetworkSettlement",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="identifier",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="last changed")),
                ("asked", models.BigIntegerField(verbose_name="paid by the insurer")),
                ("settled", models.BigIntegerField(verbose_name="recorded on the invoice")),
                ("code", models.CharField(blank=True, max_length=40, verbose_name="why not in full")),
                ("settled_at", models.DateTimeField(verbose_name="recorded at")),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlements",
                        to="billing.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlements",
                        to="billing.payment",
                        verbose_name="payment",
                    ),
                ),
                (
                    "practice",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="directory.practice",
                        verbose_name="practice",
                    ),
                ),
                (
                    "reconciliation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlements",
                        to="insurance.reconciliation",
                        verbose_name="reconciliation",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment through the network",
                "verbose_name_plural": "payments through the network",
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("reconciliation", "invoice"), name="billing_settlement_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("payment__isnull", True), ("settled", 0)),
                            models.Q(models.Q(("settled", 0), _negated=True), ("payment__isnull", False)),
                            _connector="OR",
                        ),
                        name="billing_settlement_by_a_payment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("asked__gte", 0), ("settled__gte", 0), ("settled__lte", models.F("asked"))
                            ),
                            models.Q(
                                ("asked__lt", 0), ("settled__gte", models.F("asked")), ("settled__lte", 0)
                            ),
                            _connector="OR",
                        ),
                        name="billing_settlement_within_what_was_paid",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("settled", models.F("asked")),
                            models.Q(("code", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="billing_settlement_says_why_not",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementJob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.jobs._new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="identifier",
                    ),
                ),
                ("kind", models.CharField(max_length=64, verbose_name="kind")),
                ("unique_key", models.CharField(max_length=200, unique=True, verbose_name="unique key")),
                ("due_at", models.DateTimeField(verbose_name="due")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("claimed", "claimed"),
                            ("sending", "sending"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("unknown", "outcome unknown"),
                            ("cancelled", "cancelled"),
                            ("dead", "given up"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "lease_until",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="lease until"),
                ),
                (
                    "lease_owner",
                    models.UUIDField(blank=True, editable=False, null=True, verbose_name="lease owner"),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                (
                    "max_attempts",
                    models.PositiveSmallIntegerField(default=5, verbose_name="attempts at most"),
                ),
                (
                    "last_error",
                    models.CharField(blank=True, default="", max_length=500, verbose_name="last error"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="finished"),
                ),
                (
                    "practice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="directory.practice",
                        verbose_name="practice",
                    ),
                ),
                (
                    "reconciliation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="insurance.reconciliation",
                        verbose_name="reconciliation",
                    ),
                ),
            ],
            options={
                "verbose_name": "settlement under way",
                "verbose_name_plural": "settlements under way",
                "abstract": False,
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["due_at", "id"],
                        name="settlementjob_due",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("claimed", "sending"))),
                        fields=["lease_until"],
                        name="settlementjob_held",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ("done", "cancelled")), _negated=True),
                        fields=["kind", "state"],
                        name="settlementjob_open",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "pending",
                                    "claimed",
                                    "sending",
                                    "done",
                                    "failed",
                                    "unknown",
                                    "cancelled",
                                    "dead",
                                ],
                            )
                        ),
                        name="billing_settlementjob_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_owner__isnull", False),
                                ("lease_until__isnull", False),
                                ("state__in", ("claimed", "sending")),
                            ),
                            models.Q(
                                models.Q(("state__in", ("claimed", "sending")), _negated=True),
                                ("lease_owner__isnull", True),
                                ("lease_until__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="billing_settlementjob_lease_while_held",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("attempts__lte", models.F("max_attempts")), ("max_attempts__gte", 1)
                        ),
                        name="billing_settlementjob_attempts_within_max",
                    ),
                    models.UniqueConstraint(
                        fields=("reconciliation", "practice"), name="billing_settlementjob_once"
                    ),
                ],
            },
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
