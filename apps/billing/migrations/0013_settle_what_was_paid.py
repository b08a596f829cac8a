"""Give the reconciliations paid before their rows too: a worker finds the payments there are and names them."""

from django.db import migrations

JOBS = """
INSERT INTO billing_settlementjob
    (id, kind, unique_key, due_at, state, attempts, max_attempts, last_error, created_at, practice_id, reconciliation_id)
SELECT gen_random_uuid(), 'settle', paid.reconciliation || ':' || paid.practice, now(), 'pending', 0, 20, '', now(),
       paid.practice, paid.reconciliation
FROM (
    SELECT DISTINCT r.id AS reconciliation, l.provider_id AS practice
    FROM insurance_reconciliation r
    JOIN insurance_reconciliationline l ON l.reconciliation_id = r.id
    JOIN insurance_claim c ON c.id = l.claim_id
    WHERE r.status = 'paid' AND c.source_type = 'billing.invoice'
) paid
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_network_settlements")]

    operations = [migrations.RunSQL(JOBS, migrations.RunSQL.noop)]
