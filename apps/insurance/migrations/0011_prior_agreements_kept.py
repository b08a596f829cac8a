"""A claim stays what it was asked as, a question that is agreed to becomes eligible, and an agreement never changes."""

from django.db import migrations

STEPS = """
CREATE OR REPLACE FUNCTION insurance_claim_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND (OLD.status || '>' || NEW.status) NOT IN (
        'pending>eligible', 'pending>approved', 'pending>pending_review', 'pending>blocked', 'pending>rejected',
        'eligible>approved', 'eligible>rejected', 'approved>rejected', 'approved>pending_review', 'approved>paid',
        'pending_review>approved', {agree}'pending_review>rejected', 'pending_review>blocked',
        'blocked>pending_review', 'blocked>rejected'
    ) THEN
        RAISE EXCEPTION 'a claim does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
"""

# Whatever is eligible today was asked as a question: nothing else becomes so.
FORWARD = """
UPDATE insurance_claim SET use = 'predetermination' WHERE status = 'eligible';

CREATE TRIGGER insurance_claim_use BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN (OLD.use IS DISTINCT FROM NEW.use) EXECUTE FUNCTION insurance_refuse_frozen('use');
CREATE TRIGGER insurance_prioragreement_kept BEFORE UPDATE OR DELETE ON insurance_prioragreement
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
CREATE TRIGGER insurance_prioragreement_not_emptied BEFORE TRUNCATE ON insurance_prioragreement
    FOR EACH STATEMENT EXECUTE FUNCTION insurance_refuse();
"""

BACK = """
DROP TRIGGER insurance_prioragreement_not_emptied ON insurance_prioragreement;
DROP TRIGGER insurance_prioragreement_kept ON insurance_prioragreement;
DROP TRIGGER insurance_claim_use ON insurance_claim;
"""


class Migration(migrations.Migration):
    dependencies = [("insurance", "0010_prior_agreements")]

    operations = [
        migrations.RunSQL(
            STEPS.format(agree="'pending_review>eligible', ") + FORWARD, STEPS.format(agree="") + BACK
        )
    ]
