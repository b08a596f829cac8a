"""What was decided, priced or settled never changes: triggers name what may still move.

Sealed columns (`notes`, `reason`, `decision`, `diagnosis`) are not compared: their ciphertext is re-encrypted when keys
rotate.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION insurance_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

-- The arguments are the columns that never change.
CREATE FUNCTION insurance_refuse_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text;
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
BEGIN
    FOREACH name IN ARRAY TG_ARGV LOOP
        IF before -> name IS DISTINCT FROM after -> name THEN
            RAISE EXCEPTION '% of % never changes', name, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, COLUMN = name;
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

-- The arguments are the columns that may still change.
CREATE FUNCTION insurance_refuse_but() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - TG_ARGV IS DISTINCT FROM to_jsonb(NEW) - TG_ARGV THEN
        RAISE EXCEPTION 'this row of % never changes', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION insurance_refuse_change_of_bareme() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - '{effective_to,updated_at}'::text[] IS DISTINCT FROM
       to_jsonb(NEW) - '{effective_to,updated_at}'::text[]
       OR (OLD.effective_to IS NOT NULL AND NEW.effective_to IS DISTINCT FROM OLD.effective_to)
    THEN
        RAISE EXCEPTION 'a price list never changes; a new version takes over from it'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION insurance_claim_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND (OLD.status || '>' || NEW.status) NOT IN (
        'pending>eligible', 'pending>approved', 'pending>pending_review', 'pending>blocked', 'pending>rejected',
        'eligible>approved', 'eligible>rejected', 'approved>rejected', 'approved>pending_review', 'approved>paid',
        'pending_review>approved', 'pending_review>rejected', 'pending_review>blocked', 'blocked>pending_review',
        'blocked>rejected'
    ) THEN
        RAISE EXCEPTION 'a claim does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;

-- Once it stands in a reconciliation a claim is paid, or set free by that reconciliation's cancellation.
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

CREATE FUNCTION insurance_items_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_items AS item JOIN insurance_claim AS claim ON claim.id = item.claim_id
        WHERE claim.status <> 'pending'
    ) THEN
        RAISE EXCEPTION 'lines are added to a pending claim only'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'insurance_claimitem_added';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION insurance_items_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_items AS item JOIN insurance_claim AS claim ON claim.id = item.claim_id
        WHERE claim.reconciliation_id IS NOT NULL OR claim.status = 'paid'
    ) AND EXISTS (
        SELECT 1 FROM new_items AS after JOIN old_items AS before USING (id)
        WHERE to_jsonb(before) - '{diagnosis,updated_at}'::text[]
              IS DISTINCT FROM to_jsonb(after) - '{diagnosis,updated_at}'::text[]
    ) THEN
        RAISE EXCEPTION 'lines of a reconciled claim never change'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'insurance_claimitem_settled';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION insurance_part_of_reconciliation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM insurance_reconciliation
        WHERE id IN (SELECT DISTINCT reconciliation_id FROM new_rows) AND status <> 'generated'
    ) THEN
        RAISE EXCEPTION 'nothing is added to %, whose reconciliation was sent', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

CLAIMS = """
CREATE TRIGGER insurance_bareme_frozen BEFORE UPDATE ON insurance_bareme
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_change_of_bareme();
CREATE TRIGGER insurance_bareme_kept BEFORE DELETE ON insurance_bareme
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();

CREATE TRIGGER insurance_claim_identity BEFORE UPDATE ON insurance_claim
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_frozen(
        'id', 'insurer_id', 'provider_id', 'adherent_id', 'type', 'service_date', 'service_end_date', 'submitted_at',
        'is_urgent', 'currency', 'total_amount', 'idempotency_key', 'body_sha256', 'fingerprint_salt', 'replaces_id',
        'reversal_of_id', 'practitioner_ref', 'prescriber', 'source_type', 'source_id', 'created_by_id', 'created_at'
    );
CREATE TRIGGER insurance_claim_decided BEFORE UPDATE ON insurance_claim
    FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION insurance_refuse_frozen(
        'contract_id', 'member_id', 'fingerprint'
    );
CREATE TRIGGER insurance_claim_stepped BEFORE UPDATE ON insurance_claim
    FOR EACH ROW EXECUTE FUNCTION insurance_claim_step();
CREATE TRIGGER insurance_claim_settled BEFORE UPDATE ON insurance_claim
    FOR EACH ROW WHEN (OLD.reconciliation_id IS NOT NULL) EXECUTE FUNCTION insurance_claim_reconciled();
CREATE TRIGGER insurance_claim_kept BEFORE DELETE ON insurance_claim
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();

CREATE TRIGGER insurance_claimitem_frozen BEFORE UPDATE ON insurance_claimitem
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_frozen(
        'id', 'insurer_id', 'provider_id', 'claim_id', 'sequence', 'code', 'label', 'category', 'quantity',
        'unit_price', 'line_total', 'prior_paid', 'tooth', 'surfaces', 'prescriber', 'is_substitutable',
        'non_substitutable_reason', 'is_trauma', 'preauthorisation', 'created_at'
    );
CREATE TRIGGER insurance_claimitem_added AFTER INSERT ON insurance_claimitem
    REFERENCING NEW TABLE AS new_items FOR EACH STATEMENT EXECUTE FUNCTION insurance_items_inserted();
CREATE TRIGGER insurance_claimitem_settled AFTER UPDATE ON insurance_claimitem
    REFERENCING OLD TABLE AS old_items NEW TABLE AS new_items
    FOR EACH STATEMENT EXECUTE FUNCTION insurance_items_updated();
CREATE TRIGGER insurance_claimitem_kept BEFORE DELETE ON insurance_claimitem
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();

CREATE TRIGGER insurance_adjudication_kept BEFORE UPDATE OR DELETE ON insurance_claimadjudication
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
CREATE TRIGGER insurance_review_frozen BEFORE UPDATE ON insurance_claimreview
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_but('reason', 'updated_at');
CREATE TRIGGER insurance_review_kept BEFORE DELETE ON insurance_claimreview
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
CREATE TRIGGER insurance_flag_frozen BEFORE UPDATE ON insurance_claimflag
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_but('outcome', 'reviewed_by_id', 'reviewed_at', 'updated_at');
CREATE TRIGGER insurance_flag_kept BEFORE DELETE ON insurance_claimflag
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
CREATE TRIGGER insurance_entry_kept BEFORE UPDATE OR DELETE ON insurance_balanceentry
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
CREATE TRIGGER insurance_balance_kept BEFORE DELETE ON insurance_contractbalance
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
"""

RECONCILIATIONS = """
CREATE TRIGGER insurance_reconciliation_identity BEFORE UPDATE ON insurance_reconciliation
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_frozen(
        'id', 'insurer_id', 'number', 'sequence', 'period_start', 'period_end', 'cutoff_at', 'currency',
        'generated_at', 'generated_by_id', 'created_at'
    );
CREATE TRIGGER insurance_reconciliation_sent BEFORE UPDATE ON insurance_reconciliation
    FOR EACH ROW WHEN (OLD.status = 'sent') EXECUTE FUNCTION insurance_refuse_but(
        'status', 'paid_at', 'paid_by_id', 'payment_date', 'payment_reference', 'disputed_amount', 'paid_amount',
        'updated_at'
    );
CREATE TRIGGER insurance_reconciliation_closed BEFORE UPDATE ON insurance_reconciliation
    FOR EACH ROW WHEN (OLD.status IN ('paid', 'cancelled')) EXECUTE FUNCTION insurance_refuse_but('updated_at');
CREATE TRIGGER insurance_reconciliation_kept BEFORE DELETE ON insurance_reconciliation
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
CREATE TRIGGER insurance_recprovider_frozen BEFORE UPDATE ON insurance_reconciliationprovider
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_but('certificate_number', 'updated_at');
CREATE TRIGGER insurance_line_frozen BEFORE UPDATE ON insurance_reconciliationline
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_but('is_live', 'updated_at');
CREATE TRIGGER insurance_retention_frozen BEFORE UPDATE ON insurance_retention
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_but('certificate_number', 'released_in_id', 'updated_at');
CREATE TRIGGER insurance_dispute_frozen BEFORE UPDATE ON insurance_dispute
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse_frozen(
        'id', 'insurer_id', 'provider_id', 'line_id', 'side', 'opened_by_id', 'opened_at', 'document', 'amount',
        'created_at'
    );
CREATE TRIGGER insurance_dispute_decided BEFORE UPDATE ON insurance_dispute
    FOR EACH ROW WHEN (OLD.status <> 'open')
    EXECUTE FUNCTION insurance_refuse_but('carried_to_id', 'reason', 'decision', 'updated_at');
"""

PARTS = (
    "".join(
        f"""
CREATE TRIGGER {table}_added AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION insurance_part_of_reconciliation();
CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
"""
        for table in (
            "insurance_reconciliationprovider",
            "insurance_reconciliationline",
            "insurance_retention",
        )
    )
    + """
CREATE TRIGGER insurance_dispute_kept BEFORE DELETE ON insurance_dispute
    FOR EACH ROW EXECUTE FUNCTION insurance_refuse();
"""
)

WHOLE = "".join(
    f"""
CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION insurance_refuse();
"""
    for table in (
        "insurance_bareme",
        "insurance_claim",
        "insurance_claimitem",
        "insurance_claimadjudication",
        "insurance_claimreview",
        "insurance_claimflag",
        "insurance_contractbalance",
        "insurance_balanceentry",
        "insurance_reconciliation",
        "insurance_reconciliationprovider",
        "insurance_reconciliationline",
        "insurance_retention",
        "insurance_dispute",
    )
)

BACK = """
DROP FUNCTION insurance_refuse() CASCADE;
DROP FUNCTION insurance_refuse_frozen() CASCADE;
DROP FUNCTION insurance_refuse_but() CASCADE;
DROP FUNCTION insurance_refuse_change_of_bareme() CASCADE;
DROP FUNCTION insurance_claim_step() CASCADE;
DROP FUNCTION insurance_claim_reconciled() CASCADE;
DROP FUNCTION insurance_items_inserted() CASCADE;
DROP FUNCTION insurance_items_updated() CASCADE;
DROP FUNCTION insurance_part_of_reconciliation() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("insurance", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS + CLAIMS + RECONCILIATIONS + PARTS + WHOLE, BACK)]
