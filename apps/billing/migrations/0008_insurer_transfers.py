"""Insurers' transfers: append-only, and named by their payments once and for all."""

import apps.core.models
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

FROZEN = """
CREATE TRIGGER billing_payment_transferred BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_frozen('transfer_id');
CREATE TRIGGER billing_transfer_kept BEFORE UPDATE OR DELETE ON billing_insurertransfer
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_transfer_not_emptied BEFORE TRUNCATE ON billing_insurertransfer
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = """
DROP TRIGGER billing_payment_transferred ON billing_payment;
DROP TRIGGER billing_transfer_kept ON billing_insurertransfer;
DROP TRIGGER billing_transfer_not_emptied ON billing_insurertransfer;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0007_account_uses"),
        ("directory", "0002_insurer_config"),
        ("patients", "0003_emergency_access"),
    ]

    operations = [
        migrations.CreateModel(
            name="InsurerTransfer",
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
                ("reference", models.CharField(max_length=80, verbose_name="bank reference")),
                ("received_on", models.DateField(verbose_name="received on")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                (
                    "currency",
                    models.CharField(
                        choices=[("EUR", "euro"), ("TND", "Tunisian dinar")],
                        max_length=3,
                        verbose_name="currency",
                    ),
                ),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                (
                    "insurer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="directory.insurer",
                        verbose_name="insurer",
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
                "verbose_name": "insurer's transfer",
                "verbose_name_plural": "insurers' transfers",
                "default_permissions": ("add", "view"),
            },
        ),
        migrations.AddField(
            model_name="payment",
            name="transfer",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payments",
                to="billing.insurertransfer",
                verbose_name="insurer's transfer",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("transfer__isnull", True),
                    models.Q(("method", "transfer"), ("payer", "insurer")),
                    _connector="OR",
                ),
                name="billing_payment_transfer_of_insurers",
            ),
        ),
        migrations.AddIndex(
            model_name="insurertransfer",
            index=models.Index(fields=["practice", "-received_on", "-id"], name="billing_transfer_list"),
        ),
        migrations.AddConstraint(
            model_name="insurertransfer",
            constraint=models.UniqueConstraint(
                models.F("practice"),
                models.F("insurer"),
                django.db.models.functions.text.Upper("reference"),
                name="billing_transfer_reference_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="insurertransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), models.Q(("reference", ""), _negated=True)),
                name="billing_transfer_of_something",
            ),
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
