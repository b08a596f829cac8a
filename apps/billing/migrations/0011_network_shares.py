"""Shares the payer network answers for, and the transfers that move them once the invoice is issued."""

import apps.billing.models.salts
import apps.core.models
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FROZEN = """
CREATE OR REPLACE FUNCTION billing_refuse_overallocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed bigint;
    settled bigint;
BEGIN
    SELECT amount INTO owed FROM billing_invoiceshare WHERE id = NEW.share_id FOR UPDATE;
    SELECT owed + coalesce(sum(CASE WHEN target_id = NEW.share_id THEN amount ELSE -amount END), 0) INTO owed
        FROM billing_sharetransfer WHERE NEW.share_id IN (source_id, target_id);
    SELECT coalesce(sum(amount), 0) INTO settled FROM billing_paymentallocation WHERE share_id = NEW.share_id;
    IF settled > owed OR settled < 0 THEN
        RAISE EXCEPTION 'a share of % would be settled with %', owed, settled
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_allocation_within_share';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION billing_refuse_overtransfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed bigint;
    settled bigint;
BEGIN
    SELECT amount INTO owed FROM billing_invoiceshare WHERE id = NEW.source_id FOR UPDATE;
    SELECT owed + coalesce(sum(CASE WHEN target_id = NEW.source_id THEN amount ELSE -amount END), 0) INTO owed
        FROM billing_sharetransfer WHERE NEW.source_id IN (source_id, target_id);
    SELECT coalesce(sum(amount), 0) INTO settled FROM billing_paymentallocation WHERE share_id = NEW.source_id;
    IF settled > owed THEN
        RAISE EXCEPTION 'a share of % is settled with %', owed, settled
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_transfer_within_share';
    END IF;
    IF EXISTS (
        SELECT 1 FROM billing_invoiceshare s JOIN billing_invoice i ON i.id = s.invoice_id
        WHERE s.id IN (NEW.source_id, NEW.target_id) AND (s.invoice_id <> NEW.invoice_id OR i.status = 'draft')
    ) THEN
        RAISE EXCEPTION 'a transfer is between two shares of one issued invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_transfer_of_one_invoice';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_transfer_within_share AFTER INSERT ON billing_sharetransfer
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_overtransfer();
CREATE TRIGGER billing_transfer_kept BEFORE UPDATE OR DELETE ON billing_sharetransfer
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_sharetransfer_not_emptied BEFORE TRUNCATE ON billing_sharetransfer
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = """
CREATE OR REPLACE FUNCTION billing_refuse_overallocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed bigint;
    settled bigint;
BEGIN
    SELECT amount INTO owed FROM billing_invoiceshare WHERE id = NEW.share_id FOR UPDATE;
    SELECT coalesce(sum(amount), 0) INTO settled FROM billing_paymentallocation WHERE share_id = NEW.share_id;
    IF settled > owed OR settled < 0 THEN
        RAISE EXCEPTION 'a share of % would be settled with %', owed, settled
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_allocation_within_share';
    END IF;
    RETURN NULL;
END $$;
DROP FUNCTION billing_refuse_overtransfer() CASCADE;
DROP TRIGGER billing_transfer_kept ON billing_sharetransfer;
DROP TRIGGER billing_sharetransfer_not_emptied ON billing_sharetransfer;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_receipts"),
        ("directory", "0002_insurer_config"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ShareTransfer",
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
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("posted_at", models.DateTimeField(verbose_name="posted at")),
                (
                    "salt",
                    models.CharField(
                        default=apps.billing.models.salts.new_salt, editable=False, max_length=32
                    ),
                ),
            ],
            options={
                "verbose_name": "transfer between shares",
                "verbose_name_plural": "transfers between shares",
                "default_permissions": ("add", "view"),
            },
        ),
        migrations.RemoveConstraint(
            model_name="invoiceshare",
            name="billing_invoiceshare_terms",
        ),
        migrations.AlterField(
            model_name="invoiceshare",
            name="basis",
            field=models.CharField(
                choices=[
                    ("given", "a given amount"),
                    ("rate", "a rate of the base"),
                    ("lump", "a lump sum"),
                    ("network", "the answer of the payer network"),
                ],
                default="given",
                max_length=7,
                verbose_name="follows from",
            ),
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
                    ("transfer", "transfer between shares"),
                    ("training", "training mode"),
                    ("account_use", "use of money on account"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceshare",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("basis", "given"), ("lump_amount__isnull", True), ("rate_bp__isnull", True)),
                    models.Q(
                        ("basis", "network"),
                        ("lump_amount__isnull", True),
                        ("payer", "insurer"),
                        ("rate_bp__isnull", True),
                    ),
                    models.Q(("basis", "rate"), ("lump_amount__isnull", True), ("payer", "insurer")),
                    models.Q(
                        ("basis", "lump"),
                        ("lump_amount__gte", 0),
                        ("payer", "insurer"),
                        ("rate_bp__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="billing_invoiceshare_terms",
            ),
        ),
        migrations.AddField(
            model_name="sharetransfer",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transfers",
                to="billing.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AddField(
            model_name="sharetransfer",
            name="posted_by",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty when it follows a decision of the insurer.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="posted by",
            ),
        ),
        migrations.AddField(
            model_name="sharetransfer",
            name="practice",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="directory.practice",
                verbose_name="practice",
            ),
        ),
        migrations.AddField(
            model_name="sharetransfer",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="moved_out",
                to="billing.invoiceshare",
                verbose_name="from",
            ),
        ),
        migrations.AddField(
            model_name="sharetransfer",
            name="target",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="moved_in",
                to="billing.invoiceshare",
                verbose_name="to",
            ),
        ),
        migrations.AddIndex(
            model_name="sharetransfer",
            index=models.Index(models.F("invoice"), models.F("id"), name="billing_transfer_invoice"),
        ),
        migrations.AddConstraint(
            model_name="sharetransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 1)), name="billing_transfer_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="sharetransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("source", models.F("target")), _negated=True),
                name="billing_transfer_of_two_shares",
            ),
        ),
        migrations.RunSQL(FROZEN, BACK),
    ]
