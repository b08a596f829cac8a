"""The message log refuses to be rewritten: only its sealed text may be blanked or sealed under another key."""

from django.db import migrations

FREEZE = """
CREATE FUNCTION notifications_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'rendered' = to_jsonb(OLD) - 'rendered' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the message log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER notifications_log_rows BEFORE UPDATE OR DELETE ON notifications_notificationlog
    FOR EACH ROW EXECUTE FUNCTION notifications_log_is_append_only();
CREATE TRIGGER notifications_log_table BEFORE TRUNCATE ON notifications_notificationlog
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_log_is_append_only();
"""
THAW = """
DROP TRIGGER notifications_log_table ON notifications_notificationlog;
DROP TRIGGER notifications_log_rows ON notifications_notificationlog;
DROP FUNCTION notifications_log_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
