"""Reminders of unpaid invoices: the practice's days, and an append-only log."""

import apps.billing.models.reminders
import apps.core.models
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

FROZEN = """
CREATE TRIGGER billing_reminder_kept BEFORE UPDATE OR DELETE ON billing_invoicereminder
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_reminder_not_emptied BEFORE TRUNCATE ON billing_invoicereminder
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = """
DROP TRIGGER billing_reminder_kept ON billing_invoicereminder;
DROP TRIGGER billing_reminder_not_emptied ON billing_invoicereminder;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_insurer_transfers"),
        ("directory", "0002_insurer_config"),
    ]

    operations = [
        migrations.CreateModel(
            name="DunningPolicy",
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
                    "days",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        default=apps.billing.models.reminders.house_days,
                        size=None,
                        verbose_name="days",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="send reminders")),
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
                "verbose_name": "rule of payment reminders",
                "verbose_name_plural": "rules of payment reminders",
                "default_permissions": ("change", "view"),
                "constraints": [
                    models.UniqueConstraint(fields=("practice",), name="billing_dunning_one_rule")
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceReminder",
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
                ("level", models.PositiveSmallIntegerField(verbose_name="level")),
                (
                    "channel",
                    models.CharField(
                        choices=[("sms", "SMS"), ("email", "email")], max_length=5, verbose_name="channel"
                    ),
                ),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("is_manual", models.BooleanField(default=False, verbose_name="asked for by hand")),
                ("queued_at", models.DateTimeField(verbose_name="queued at")),
                ("message", models.UUIDField(editable=False, verbose_name="message")),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reminders",
                        to="billing.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reminders",
                        to="billing.instalmentplan",
                        verbose_name="plan",
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
                "verbose_name": "payment reminder",
                "verbose_name_plural": "payment reminders",
                "default_permissions": ("add", "view"),
                "indexes": [models.Index(fields=["practice", "-id"], name="billing_reminder_list")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "plan", "level"),
                        name="billing_reminder_level_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("level__gte", 1)),
                        name="billing_reminder_of_something",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
