"""Freeze claims by comparing columns where the trigger is declared, not inside it.

A reconciliation takes, and its payment settles, a million claims in one statement: a function called for each row would
cost more than the rest. A trigger whose condition is false is not called at all.
"""

from django.db import migrations

# What never changes of a claim, what does not once it is decided, and what does not once it stands in a reconciliation.
IDENTITY = (
    "id insurer_id provider_id adherent_id type service_date service_end_date submitted_at is_urgent currency "
    "total_amount idempotency_key body_sha256 fingerprint_salt replaces_id reversal_of_id practitioner_ref prescriber "
    "source_type source_id created_by_id created_at"
).split()
DECIDED = "contract_id member_id fingerprint".split()
RECONCILED = (
    "validated_at covered_amount copay_amount writeoff_amount tax_amount reason_code fraud_score bareme_id "
    "engine_version rules_version inputs_sha256 contract_id member_id fingerprint"
).split()


def differ(columns: list[str]) -> str:
    """Return the condition that any of the columns changes."""
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("OLD", "NEW"))
    return f"(({old}) IS DISTINCT FROM ({new}))"


def names(columns: list[str]) -> str:
    """Return the columns as a trigger's arguments."""
    return ", ".join(f"'{name}'" for name in columns)


FUNCTION = """
DROP TRIGGER insurance_claim_identity ON insurance_claim;
DROP TRIGGER insurance_claim_decided ON insurance_claim;
DROP TRIGGER insurance_claim_stepped ON insurance_claim;
DROP TRIGGER insurance_claim_settled ON insurance_claim;
DROP FUNCTION insurance_claim_reconciled();

CREATE FUNCTION insurance_claim_reconciled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Paid, or set free by its reconciliation's cancellation: nothing else.
    IF (NEW.reconciliation_id IS NOT DISTINCT FROM OLD.reconciliation_id
        AND OLD.status = 'approved' AND NEW.status = 'paid')
       OR (NEW.reconciliation_id IS NULL AND NEW.status = OLD.status AND EXISTS (
        SELECT 1 FROM insurance_reconciliation WHERE id = OLD.reconciliation_id AND status = 'cancelled'
    )) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a reconciled claim never changes, it is paid'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
"""

TRIGGERS = f"""
CREATE TRIGGER insurance_claim_identity BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN {differ(IDENTITY)} EXECUTE FUNCTION insurance_refuse_frozen({names(IDENTITY)});
CREATE TRIGGER insurance_claim_decided BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN (OLD.status <> 'pending' AND {differ(DECIDED)})
    EXECUTE FUNCTION insurance_refuse_frozen({names(DECIDED)});
CREATE TRIGGER insurance_claim_stepped BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION insurance_claim_step();
CREATE TRIGGER insurance_claim_settled BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN (OLD.reconciliation_id IS NOT NULL AND {differ(RECONCILED)})
    EXECUTE FUNCTION insurance_refuse_frozen({names(RECONCILED)});
CREATE TRIGGER insurance_claim_moved BEFORE UPDATE ON insurance_claim FOR EACH ROW
    WHEN (OLD.reconciliation_id IS NOT NULL
          AND ((OLD.status, OLD.reconciliation_id) IS DISTINCT FROM (NEW.status, NEW.reconciliation_id)))
    EXECUTE FUNCTION insurance_claim_reconciled();
"""

FUNCTION_BEFORE = """
DROP TRIGGER insurance_claim_moved ON insurance_claim;
DROP TRIGGER insurance_claim_identity ON insurance_claim;
DROP TRIGGER insurance_claim_decided ON insurance_claim;
DROP TRIGGER insurance_claim_stepped ON insurance_claim;
DROP TRIGGER insurance_claim_settled ON insurance_claim;
DROP FUNCTION insurance_claim_reconciled();

CREATE FUNCTION insurance_claim_reconciled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moving text[] := '{status,paid_at,updated_at,reconciliation_id,notes}';
    freed boolean := NEW.reconciliation_id IS NULL AND NEW.status = OLD.status AND EXISTS (
        SELECT 1 FROM insurance_reconciliation WHERE id = OLD.reconciliation_id AND status = 'cancelled'
    );
BEGIN
    IF to_jsonb(OLD) - moving IS DISTINCT FROM to_jsonb(NEW) - moving
       OR (NEW.reconciliation_id IS DISTINCT FROM OLD.reconciliation_id AND NOT freed)
       OR (NEW.status <> OLD.status AND NOT (OLD.status = 'approved' AND NEW.status = 'paid'))
    THEN
        RAISE EXCEPTION 'a reconciled claim never changes, it is paid'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
"""

TRIGGERS_BEFORE = f"""
CREATE TRIGGER insurance_claim_identity BEFORE UPDATE ON insurance_claim
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_frozen({names(IDENTITY)});
CREATE TRIGGER insurance_claim_decided BEFORE UPDATE ON insurance_claim
    FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION insurance_refuse_frozen({names(DECIDED)});
CREATE TRIGGER insurance_claim_stepped BEFORE UPDATE ON insurance_claim
    FOR EACH ROW EXECUTE FUNCTION insurance_claim_step();
CREATE TRIGGER insurance_claim_settled BEFORE UPDATE ON insurance_claim
    FOR EACH ROW WHEN (OLD.reconciliation_id IS NOT NULL) EXECUTE FUNCTION insurance_claim_reconciled();
"""


class Migration(migrations.Migration):
    dependencies = [("insurance", "0005_reconciliation_jobs")]

    operations = [migrations.RunSQL(FUNCTION + TRIGGERS, FUNCTION_BEFORE + TRIGGERS_BEFORE)]
