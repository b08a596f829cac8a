"""What an insurer's share follows from; frozen with the rest of the share from issue on."""

from django.db import migrations, models
from django.db.models import Q

FROZEN = "'id', 'practice_id', 'invoice_id', 'position', 'payer', 'insurer_id', 'kind', 'amount'"
RENEW = """
DROP TRIGGER billing_invoiceshare_frozen ON billing_invoiceshare;
CREATE TRIGGER billing_invoiceshare_frozen BEFORE UPDATE ON billing_invoiceshare
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change_of_part({columns});
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_frozen"), ("directory", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="invoiceshare",
            name="basis",
            field=models.CharField(
                choices=[("given", "a given amount"), ("rate", "a rate of the base"), ("lump", "a lump sum")],
                default="given",
                max_length=5,
                verbose_name="follows from",
            ),
        ),
        migrations.AddField(
            model_name="invoiceshare",
            name="lump_amount",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="lump sum"),
        ),
        migrations.AddField(
            model_name="invoiceshare",
            name="rate_bp",
            field=models.PositiveIntegerField(
                blank=True, null=True, verbose_name="rate of the base (basis points)"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceshare",
            constraint=models.CheckConstraint(
                condition=Q(basis="given", rate_bp__isnull=True, lump_amount__isnull=True)
                | Q(basis="rate", payer="insurer", lump_amount__isnull=True)
                | Q(basis="lump", payer="insurer", rate_bp__isnull=True, lump_amount__gte=0),
                name="billing_invoiceshare_terms",
            ),
        ),
        migrations.RunSQL(
            RENEW.format(columns=f"{FROZEN}, 'basis', 'rate_bp', 'lump_amount'"),
            RENEW.format(columns=FROZEN),
        ),
    ]
