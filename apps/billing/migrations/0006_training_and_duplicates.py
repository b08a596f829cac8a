"""Training mode with specimens of their own, duplicates counted, cash counted at a closing."""

import apps.core.models
import django.db.models.deletion
from django.db import migrations, models

FROZEN = """
CREATE FUNCTION billing_refuse_mixed_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM billing_invoiceshare s JOIN billing_invoice i ON i.id = s.invoice_id
        LEFT JOIN billing_payment p ON p.id = NEW.payment_id
        LEFT JOIN billing_invoice c ON c.id = NEW.credit_note_id
        WHERE s.id = NEW.share_id AND i.is_training <> coalesce(p.is_training, c.is_training)
    ) THEN
        RAISE EXCEPTION 'a specimen is not settled with real money, nor the other way round'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_allocation_not_mixed';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_allocation_not_mixed AFTER INSERT ON billing_paymentallocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_refuse_mixed_allocation();
CREATE TRIGGER billing_invoice_specimen BEFORE UPDATE ON billing_invoice
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION billing_refuse_frozen('is_training');
CREATE TRIGGER billing_quote_specimen BEFORE UPDATE ON billing_quote
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION billing_refuse_frozen('is_training');
CREATE TRIGGER billing_payment_specimen BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_frozen('is_training');
CREATE TRIGGER billing_training_kept BEFORE UPDATE OR DELETE ON billing_trainingswitch
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_trainingswitch_not_emptied BEFORE TRUNCATE ON billing_trainingswitch
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = """
DROP FUNCTION billing_refuse_mixed_allocation() CASCADE;
DROP TRIGGER billing_invoice_specimen ON billing_invoice;
DROP TRIGGER billing_quote_specimen ON billing_quote;
DROP TRIGGER billing_payment_specimen ON billing_payment;
DROP TRIGGER billing_training_kept ON billing_trainingswitch;
DROP TRIGGER billing_trainingswitch_not_emptied ON billing_trainingswitch;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_instalment_plans"),
        ("directory", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="billingdocument",
            name="duplicates",
            field=models.PositiveIntegerField(default=0, verbose_name="duplicates made"),
        ),
        migrations.AddField(
            model_name="closing",
            name="cash_counted",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="cash counted"),
        ),
        migrations.AddField(
            model_name="invoice",
            name="is_training",
            field=models.BooleanField(default=False, editable=False, verbose_name="specimen"),
        ),
        migrations.AddField(
            model_name="payment",
            name="is_training",
            field=models.BooleanField(default=False, editable=False, verbose_name="specimen"),
        ),
        migrations.AddField(
            model_name="quote",
            name="is_training",
            field=models.BooleanField(default=False, editable=False, verbose_name="specimen"),
        ),
        migrations.AlterField(
            model_name="ledgerrecord",
            name="kind",
            field=models.CharField(
                choices=[
                    ("invoice", "invoice"),
                    ("credit_note", "credit note"),
                    ("payment", "payment"),
                    ("refund", "refund"),
                    ("closing", "closing"),
                    ("deposit", "cheque deposit"),
                    ("training", "training mode"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="TrainingSwitch",
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
                ("turned_on", models.BooleanField(verbose_name="training mode on")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("switched_at", models.DateTimeField(verbose_name="switched at")),
                (
                    "switched_by",
                    models.UUIDField(blank=True, editable=False, null=True, verbose_name="switched by"),
                ),
                (
                    "documents",
                    models.PositiveIntegerField(default=0, editable=False, verbose_name="specimens issued"),
                ),
                (
                    "amount",
                    models.BigIntegerField(default=0, editable=False, verbose_name="total of the specimens"),
                ),
                (
                    "payments",
                    models.BigIntegerField(default=0, editable=False, verbose_name="payments practised"),
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
                "verbose_name": "switch of the training mode",
                "verbose_name_plural": "training mode",
                "default_permissions": ("add", "view"),
                "indexes": [models.Index(fields=["practice", "-id"], name="billing_training_latest")],
            },
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
