"""Records are signed, closings know their last moment, and rows with personal values have a salt for their digests."""

import apps.billing.models.salts
from django.db import migrations, models
from django.utils import timezone

FROZEN = """
CREATE TRIGGER billing_payment_salted BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_frozen('salt');
"""


def salt() -> models.CharField:
    return models.CharField(default=apps.billing.models.salts.new_salt, editable=False, max_length=32)


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_share_terms")]

    operations = [
        migrations.AddField(
            model_name="closing",
            name="ends_at",
            field=models.DateTimeField(default=timezone.now, verbose_name="ends at"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="ledgerrecord",
            name="key_id",
            field=models.CharField(blank=True, default="", max_length=32, verbose_name="signed with"),
        ),
        migrations.AddField(
            model_name="ledgerrecord",
            name="signature",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="signature"),
        ),
        migrations.AddField(model_name="deposit", name="salt", field=salt()),
        migrations.AddField(model_name="payment", name="salt", field=salt()),
        migrations.RunSQL(FROZEN, "DROP TRIGGER billing_payment_salted ON billing_payment;"),
    ]
