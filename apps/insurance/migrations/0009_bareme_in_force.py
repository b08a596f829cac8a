"""A claim is priced by a list that is in force on its day of care, whoever publishes a new one at the same moment.

The key-share lock waits for a publication under way, which locks the list it ends; the condition is then asked again.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION insurance_claim_bareme_in_force() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM insurance_bareme
    WHERE id = NEW.bareme_id AND effective_from <= NEW.service_date
          AND (effective_to IS NULL OR effective_to > NEW.service_date)
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the price list is not in force on the day of care'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'insurance_claim_bareme_in_force';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER insurance_claim_priced BEFORE INSERT ON insurance_claim FOR EACH ROW
    WHEN (NEW.bareme_id IS NOT NULL) EXECUTE FUNCTION insurance_claim_bareme_in_force();
CREATE TRIGGER insurance_claim_repriced BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN (NEW.bareme_id IS NOT NULL AND NEW.bareme_id IS DISTINCT FROM OLD.bareme_id)
    EXECUTE FUNCTION insurance_claim_bareme_in_force();
"""

BACK = """
DROP TRIGGER insurance_claim_priced ON insurance_claim;
DROP TRIGGER insurance_claim_repriced ON insurance_claim;
DROP FUNCTION insurance_claim_bareme_in_force();
"""


class Migration(migrations.Migration):
    dependencies = [("insurance", "0008_reconciliations_without_index")]

    operations = [migrations.RunSQL(FORWARD, BACK)]
