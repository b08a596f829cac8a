"""What screening counts at the counter is read by index; typical minutes are kept as the price list stood."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0002_insurer_config"),
        ("insurance", "0002_frozen"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="claimitem",
            name="minutes",
            field=models.PositiveIntegerField(
                default=0,
                help_text="As the price list stood; screening adds days up from it.",
                verbose_name="usual minutes of one",
            ),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(models.F("provider"), models.F("submitted_at"), name="insurance_claim_pace"),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(
                models.F("provider"), models.F("service_date"), name="insurance_claim_provider_day"
            ),
        ),
    ]
