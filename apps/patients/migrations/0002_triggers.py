"""Keep the words of names; let nobody rewrite a consent."""

from django.db import migrations

# Fires per statement, also for COPY. Only words that are not there yet are inserted, in one order, so that two
# registrations never wait for each other crosswise.
KEEP_WORDS = """
CREATE FUNCTION patients_keep_name_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO patients_nameword (practice_id, word)
    SELECT DISTINCT n.practice_id, left(w.word, 80)
    FROM new_rows n CROSS JOIN LATERAL regexp_split_to_table(btrim(n.search_text), ' ') AS w(word)
    WHERE length(w.word) > 2
      AND NOT EXISTS (
        SELECT 1 FROM patients_nameword k WHERE k.practice_id = n.practice_id AND k.word = left(w.word, 80)
      )
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER patients_patient_words_inserted AFTER INSERT ON patients_patient
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION patients_keep_name_words();
CREATE TRIGGER patients_patient_words_updated AFTER UPDATE ON patients_patient
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION patients_keep_name_words();
"""
FORGET_WORDS = """
DROP TRIGGER patients_patient_words_inserted ON patients_patient;
DROP TRIGGER patients_patient_words_updated ON patients_patient;
DROP FUNCTION patients_keep_name_words();
"""

# A merge moves a consent to the kept record; nothing else about it ever changes.
FREEZE_CONSENTS = """
CREATE FUNCTION patients_freeze_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND (NEW.id, NEW.practice_id, NEW.kind, NEW.decision, NEW.text_version, NEW.text, NEW.channel, NEW.signer_name,
            NEW.signer_contact_id, NEW.decided_at, NEW.proof_sha256, NEW.withdraws_id, NEW.created_at)
       IS NOT DISTINCT FROM
           (OLD.id, OLD.practice_id, OLD.kind, OLD.decision, OLD.text_version, OLD.text, OLD.channel, OLD.signer_name,
            OLD.signer_contact_id, OLD.decided_at, OLD.proof_sha256, OLD.withdraws_id, OLD.created_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a consent is never changed or deleted: record another one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER patients_consentform_frozen BEFORE UPDATE OR DELETE ON patients_consentform
    FOR EACH ROW EXECUTE FUNCTION patients_freeze_consent();
"""
THAW_CONSENTS = """
DROP TRIGGER patients_consentform_frozen ON patients_consentform;
DROP FUNCTION patients_freeze_consent();
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial")]

    operations = [
        migrations.RunSQL(KEEP_WORDS, FORGET_WORDS),
        migrations.RunSQL(FREEZE_CONSENTS, THAW_CONSENTS),
    ]
