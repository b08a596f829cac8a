"""Where each provider is paid, as it was when its reconciliation was generated.

Like other sealed columns the account is not compared by the trigger: its ciphertext changes when keys rotate. What it
says is part of the reconciliation's hash.
"""

from django.db import migrations

import apps.core.fields

FROZEN = """
CREATE OR REPLACE TRIGGER insurance_recprovider_frozen BEFORE UPDATE ON insurance_reconciliationprovider
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_but({moving});
"""


class Migration(migrations.Migration):
    dependencies = [("insurance", "0011_prior_agreements_kept")]
    operations = [
        migrations.AddField(
            model_name="reconciliationprovider",
            name="account",
            field=apps.core.fields.EncryptedTextField(
                blank=True,
                context="insurance.reconciliation_provider.account",
                help_text="IBAN as it was when this was generated. Empty: not known then.",
                max_length=34,
                null=True,
                verbose_name="account",
            ),
        ),
        migrations.RunSQL(
            FROZEN.format(moving="'certificate_number', 'account', 'updated_at'"),
            FROZEN.format(moving="'certificate_number', 'updated_at'"),
        ),
    ]
