"""Number the agenda's changes while they commit."""

from django.db import migrations

# Deferred: it runs when nothing else of the transaction is left to wait for, and the lock on the counter lasts until the
# commit is done. So the numbers come without gaps, in the order in which others see the changes, and never deadlock.
NUMBER = """
CREATE FUNCTION agenda_number_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given bigint;
BEGIN
    INSERT INTO agenda_agendasequence AS s (practice_id, last) VALUES (NEW.practice_id, 1)
    ON CONFLICT (practice_id) DO UPDATE SET last = s.last + 1
    RETURNING s.last INTO given;
    UPDATE agenda_agendachange SET sequence = given, committed_at = clock_timestamp() WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER agenda_change_number AFTER INSERT ON agenda_agendachange
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION agenda_number_change();
"""
FORGET = """
DROP TRIGGER agenda_change_number ON agenda_agendachange;
DROP FUNCTION agenda_number_change();
"""


class Migration(migrations.Migration):
    dependencies = [("agenda", "0001_initial")]

    operations = [migrations.RunSQL(NUMBER, FORGET)]
