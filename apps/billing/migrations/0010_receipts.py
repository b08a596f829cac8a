"""Receipts: a payment's file, made when it is asked for, frozen once made."""

import django.db.models.deletion
from django.db import migrations, models

FROZEN = """
CREATE TRIGGER billing_document_receipt BEFORE UPDATE ON billing_billingdocument
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_frozen('payment_id', 'receipt_number');
"""
BACK = "DROP TRIGGER billing_document_receipt ON billing_billingdocument;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_payment_reminders"),
        ("directory", "0002_insurer_config"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="billingdocument",
            name="billing_document_of_one",
        ),
        migrations.AddField(
            model_name="billingdocument",
            name="payment",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="documents",
                to="billing.payment",
                verbose_name="payment",
            ),
        ),
        migrations.AddField(
            model_name="billingdocument",
            name="receipt_number",
            field=models.CharField(blank=True, max_length=24, verbose_name="receipt number"),
        ),
        migrations.AlterField(
            model_name="billingdocument",
            name="kind",
            field=models.CharField(
                choices=[
                    ("invoice", "invoice"),
                    ("credit_note", "credit note"),
                    ("quote", "quote"),
                    ("receipt", "receipt"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingdocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("invoice__isnull", True),
                        ("kind", "quote"),
                        ("payment__isnull", True),
                        ("quote__isnull", False),
                        ("receipt_number", ""),
                    ),
                    models.Q(
                        models.Q(("receipt_number", ""), _negated=True),
                        ("invoice__isnull", True),
                        ("kind", "receipt"),
                        ("payment__isnull", False),
                        ("quote__isnull", True),
                    ),
                    models.Q(
                        models.Q(("kind__in", ["quote", "receipt"]), _negated=True),
                        ("invoice__isnull", False),
                        ("payment__isnull", True),
                        ("quote__isnull", True),
                        ("receipt_number", ""),
                    ),
                    _connector="OR",
                ),
                name="billing_document_of_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="billingdocument",
            constraint=models.UniqueConstraint(
                fields=("payment", "language"), name="billing_document_receipt_once"
            ),
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
