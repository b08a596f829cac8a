"""Money on account: what it was used for later is a row of its own, and a payment is never used beyond its amount."""

import django.db.models.deletion
from django.db import migrations, models

import apps.core.models

GUARD = """
CREATE FUNCTION billing_refuse_overuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    received bigint;
    given_back bigint;
    used bigint;
BEGIN
    SELECT amount INTO received FROM billing_payment WHERE id = NEW.payment_id FOR UPDATE;
    SELECT coalesce(sum(amount), 0) INTO given_back FROM billing_payment WHERE refunds_id = NEW.payment_id;
    SELECT coalesce(sum(amount), 0) INTO used FROM billing_paymentallocation WHERE payment_id = NEW.payment_id;
    IF used > received + given_back THEN
        RAISE EXCEPTION 'a payment of % would settle %', received + given_back, used
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_allocation_within_what_was_received';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_allocation_within_what_was_received AFTER INSERT ON billing_paymentallocation
    FOR EACH ROW WHEN (NEW.payment_id IS NOT NULL AND NEW.amount > 0) EXECUTE FUNCTION billing_refuse_overuse();
CREATE TRIGGER billing_accountuse_kept BEFORE UPDATE OR DELETE ON billing_accountuse
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_accountuse_not_emptied BEFORE TRUNCATE ON billing_accountuse
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
BACK = "DROP FUNCTION billing_refuse_overuse() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_training_and_duplicates"),
        ("directory", "0002_insurer_config"),
    ]

    operations = [
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
                    ("account_use", "use of money on account"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="AccountUse",
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
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("used_at", models.DateTimeField(verbose_name="used at")),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="account_uses",
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
            ],
            options={
                "verbose_name": "use of money on account",
                "verbose_name_plural": "uses of money on account",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="billing_accountuse_of_something"
                    )
                ],
            },
        ),
        migrations.RunSQL(GUARD, BACK),
    ]
