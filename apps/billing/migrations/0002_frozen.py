"""Issued documents never change: triggers name the frozen columns, payments and the ledger are append-only.

Not frozen on purpose: `status` (follows the balances), `patient_id` (records of one person are merged), `updated_at`,
`holds_treatment` (released by a full credit), and `vat_reason`, whose ciphertext is re-encrypted when keys rotate.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION billing_refuse_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text;
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
BEGIN
    FOREACH name IN ARRAY TG_ARGV LOOP
        IF before -> name IS DISTINCT FROM after -> name THEN
            RAISE EXCEPTION '% of an issued row of % never changes', name, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, COLUMN = name;
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

CREATE FUNCTION billing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE FUNCTION billing_refuse_part_of_issued() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END;
BEGIN
    IF EXISTS (SELECT 1 FROM billing_invoice WHERE id = parent AND status <> 'draft') THEN
        RAISE EXCEPTION '% in % of an issued invoice is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION billing_refuse_change_of_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text;
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM billing_invoice WHERE id IN (OLD.invoice_id, NEW.invoice_id) AND status <> 'draft'
    ) THEN
        RETURN NEW;
    END IF;
    FOREACH name IN ARRAY TG_ARGV LOOP
        IF before -> name IS DISTINCT FROM after -> name THEN
            RAISE EXCEPTION '% in % of an issued invoice never changes', name, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, COLUMN = name;
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

CREATE FUNCTION billing_refuse_change_of_quote() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text;
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN to_jsonb(NEW) ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    open boolean := NOT EXISTS (
        SELECT 1 FROM billing_quote
        WHERE id IN ((before ->> 'quote_id')::uuid, (after ->> 'quote_id')::uuid) AND status <> 'draft'
    );
BEGIN
    IF NOT open AND TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION '% in % of an issued quote is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    IF NOT open THEN
        FOREACH name IN ARRAY TG_ARGV LOOP
            IF before -> name IS DISTINCT FROM after -> name THEN
                RAISE EXCEPTION '% in % of an issued quote never changes', name, TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, COLUMN = name;
            END IF;
        END LOOP;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION billing_refuse_overallocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed bigint;
    settled bigint;
BEGIN
    SELECT amount INTO owed FROM billing_invoiceshare WHERE id = NEW.share_id FOR UPDATE;
    SELECT coalesce(sum(amount), 0) INTO settled FROM billing_paymentallocation WHERE share_id = NEW.share_id;
    IF settled > owed OR settled < 0 THEN
        RAISE EXCEPTION 'a share of % would be settled with %', owed, settled
            USING ERRCODE = 'check_violation', CONSTRAINT = 'billing_allocation_within_share';
    END IF;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER billing_invoice_frozen BEFORE UPDATE ON billing_invoice
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION billing_refuse_frozen(
        'id', 'practice_id', 'kind', 'number', 'practitioner_id', 'corrects_id', 'reason', 'currency', 'language',
        'total_amount', 'net_amount', 'vat_amount', 'issued_at', 'issued_on', 'seller', 'buyer', 'buyer_salt',
        'created_at'
    );
CREATE TRIGGER billing_invoice_kept BEFORE DELETE ON billing_invoice
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_invoiceitem_frozen BEFORE UPDATE ON billing_invoiceitem
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change_of_part(
        'id', 'practice_id', 'invoice_id', 'position', 'treatment_id', 'act_id', 'corrects_id', 'performed_on', 'code',
        'label', 'tooth', 'quantity', 'unit_price', 'discount', 'total_amount', 'net_amount', 'vat_amount', 'vat_code',
        'vat_rate_bp', 'brss', 'rate_bp'
    );
CREATE TRIGGER billing_invoiceitem_kept BEFORE INSERT OR DELETE ON billing_invoiceitem
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_part_of_issued();
CREATE TRIGGER billing_invoiceshare_frozen BEFORE UPDATE ON billing_invoiceshare
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change_of_part(
        'id', 'practice_id', 'invoice_id', 'position', 'payer', 'insurer_id', 'kind', 'amount'
    );
CREATE TRIGGER billing_invoiceshare_kept BEFORE INSERT OR DELETE ON billing_invoiceshare
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_part_of_issued();
CREATE TRIGGER billing_payment_frozen BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_frozen(
        'id', 'practice_id', 'payer', 'insurer_id', 'method', 'amount', 'currency', 'received_on', 'recorded_at',
        'reference', 'refunds_id', 'created_at'
    );
CREATE TRIGGER billing_payment_kept BEFORE DELETE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_payment_deposited BEFORE UPDATE ON billing_payment
    FOR EACH ROW WHEN (OLD.deposit_id IS NOT NULL) EXECUTE FUNCTION billing_refuse_frozen('deposit_id');
CREATE TRIGGER billing_deposit_kept BEFORE UPDATE OR DELETE ON billing_deposit
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_allocation_kept BEFORE UPDATE OR DELETE ON billing_paymentallocation
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE CONSTRAINT TRIGGER billing_allocation_within_share AFTER INSERT ON billing_paymentallocation
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_overallocation();
CREATE TRIGGER billing_ledger_kept BEFORE UPDATE OR DELETE ON billing_ledgerrecord
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_closing_kept BEFORE UPDATE OR DELETE ON billing_closing
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_quote_frozen BEFORE UPDATE ON billing_quote
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION billing_refuse_frozen(
        'id', 'practice_id', 'number', 'version', 'replaces_id', 'practitioner_id', 'currency', 'language',
        'valid_until', 'manufacture', 'subcontracted', 'total_amount', 'refund_amount', 'remainder_amount',
        'issued_at', 'issued_on', 'seller', 'buyer', 'created_at'
    );
CREATE TRIGGER billing_quote_kept BEFORE DELETE ON billing_quote
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_quoteitem_frozen BEFORE UPDATE ON billing_quoteitem
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change_of_quote(
        'id', 'practice_id', 'quote_id', 'position', 'alternative_to_id', 'act_id', 'code', 'label', 'tooth',
        'surfaces', 'material', 'basket', 'cap', 'price', 'device_price', 'brss', 'refund_amount', 'remainder_amount'
    );
CREATE TRIGGER billing_quoteitem_kept BEFORE INSERT OR DELETE ON billing_quoteitem
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_change_of_quote();
CREATE TRIGGER billing_quotedecision_kept BEFORE UPDATE OR DELETE ON billing_quotedecision
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
CREATE TRIGGER billing_document_frozen BEFORE UPDATE ON billing_billingdocument
    FOR EACH ROW WHEN (OLD.sha256 <> '') EXECUTE FUNCTION billing_refuse_frozen(
        'id', 'practice_id', 'invoice_id', 'quote_id', 'kind', 'language', 'storage_key', 'content_type', 'sha256', 'size',
        'rendered_at'
    );
CREATE TRIGGER billing_document_kept BEFORE DELETE ON billing_billingdocument
    FOR EACH ROW EXECUTE FUNCTION billing_refuse();
"""

WHOLE = "".join(
    f"""
CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""
    for table in (
        "billing_invoice",
        "billing_invoiceitem",
        "billing_invoiceshare",
        "billing_payment",
        "billing_paymentallocation",
        "billing_ledgerrecord",
        "billing_billingdocument",
        "billing_closing",
        "billing_deposit",
        "billing_quote",
        "billing_quoteitem",
        "billing_quotedecision",
    )
)

BACK = """
DROP FUNCTION billing_refuse_frozen() CASCADE;
DROP FUNCTION billing_refuse() CASCADE;
DROP FUNCTION billing_refuse_part_of_issued() CASCADE;
DROP FUNCTION billing_refuse_change_of_part() CASCADE;
DROP FUNCTION billing_refuse_overallocation() CASCADE;
DROP FUNCTION billing_refuse_change_of_quote() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS + TRIGGERS + WHOLE, BACK)]
