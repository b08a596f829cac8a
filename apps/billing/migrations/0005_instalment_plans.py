"""Instalment plans: agreed once, never changed, cancelled at most; gone only with their draft."""

import apps.core.models
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

FROZEN = """
CREATE FUNCTION billing_refuse_loss_of_instalment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM billing_instalmentplan plan JOIN billing_invoice invoice ON invoice.id = plan.invoice_id
        WHERE plan.id = OLD.plan_id AND invoice.status <> 'draft'
    ) THEN
        RAISE EXCEPTION 'DELETE in % of an issued invoice is refused', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER billing_plan_frozen BEFORE UPDATE ON billing_instalmentplan
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_frozen(
        'id', 'practice_id', 'invoice_id', 'amount', 'paid_before', 'credited_before', 'agreed_at', 'created_at'
    );
CREATE TRIGGER billing_plan_ended BEFORE UPDATE ON billing_instalmentplan
    FOR EACH ROW WHEN (OLD.cancelled_at IS NOT NULL) EXECUTE FUNCTION billing_refuse_frozen('cancelled_at', 'reason');
CREATE TRIGGER billing_plan_kept BEFORE DELETE ON billing_instalmentplan
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_part_of_issued();
CREATE TRIGGER billing_instalment_frozen BEFORE UPDATE ON billing_instalment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_instalment_kept BEFORE DELETE ON billing_instalment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_loss_of_instalment();
CREATE TRIGGER billing_instalmentplan_not_emptied BEFORE TRUNCATE ON billing_instalmentplan
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_instalment_not_emptied BEFORE TRUNCATE ON billing_instalment
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = "DROP FUNCTION billing_refuse_loss_of_instalment() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_sealed_ledger"),
        ("directory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="InstalmentPlan",
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
                (
                    "amount",
                    models.BigIntegerField(
                        validators=[django.core.validators.MinValueValidator(1)], verbose_name="amount"
                    ),
                ),
                ("paid_before", models.BigIntegerField(default=0, verbose_name="paid before")),
                ("credited_before", models.BigIntegerField(default=0, verbose_name="credited before")),
                ("agreed_at", models.DateTimeField(verbose_name="agreed at")),
                ("cancelled_at", models.DateTimeField(blank=True, null=True, verbose_name="cancelled at")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="plans",
                        to="billing.invoice",
                        verbose_name="invoice",
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
            ],
            options={
                "verbose_name": "instalment plan",
                "verbose_name_plural": "instalment plans",
                "default_permissions": ("add", "change", "view"),
            },
        ),
        migrations.CreateModel(
            name="Instalment",
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
                ("position", models.PositiveSmallIntegerField(verbose_name="order")),
                ("due_on", models.DateField(verbose_name="due on")),
                (
                    "amount",
                    models.BigIntegerField(
                        validators=[django.core.validators.MinValueValidator(1)], verbose_name="amount"
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
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="instalments",
                        to="billing.instalmentplan",
                        verbose_name="plan",
                    ),
                ),
            ],
            options={
                "verbose_name": "instalment",
                "verbose_name_plural": "instalments",
                "default_permissions": ("view",),
            },
        ),
        migrations.AddConstraint(
            model_name="instalmentplan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cancelled_at__isnull", True)),
                fields=("invoice",),
                name="billing_plan_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="instalmentplan",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="billing_plan_of_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="instalment",
            constraint=models.UniqueConstraint(
                fields=("plan", "position"), name="billing_instalment_position_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="instalment",
            constraint=models.UniqueConstraint(
                fields=("plan", "due_on"), name="billing_instalment_day_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="instalment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="billing_instalment_of_something"
            ),
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
