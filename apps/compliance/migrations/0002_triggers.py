"""Let nobody delete a request or rewrite what was asked."""

from django.db import migrations

# A merge moves a request to the kept file, and the answer moves its status; the note may be completed.
FREEZE = """
CREATE FUNCTION compliance_freeze_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND (NEW.id, NEW.practice_id, NEW.kind, NEW.requested_at, NEW.due_at, NEW.requested_by_id, NEW.created_at)
       IS NOT DISTINCT FROM
           (OLD.id, OLD.practice_id, OLD.kind, OLD.requested_at, OLD.due_at, OLD.requested_by_id, OLD.created_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a data request is never deleted, nor is what was asked ever changed'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER compliance_datarequest_frozen BEFORE UPDATE OR DELETE ON compliance_datarequest
    FOR EACH ROW EXECUTE FUNCTION compliance_freeze_request();
"""
THAW = """
DROP TRIGGER compliance_datarequest_frozen ON compliance_datarequest;
DROP FUNCTION compliance_freeze_request();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
