"""What PostgreSQL does for a search: indexes, whatever is typed."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.patients.models import Patient
from apps.patients.search import find_patients

MANY = 20_000
FILL = """
INSERT INTO patients_patient (
    id, created_at, updated_at, practice_id, file_number, first_name, last_name, birth_name, birth_date, sex,
    identity_status, email, phone, phone_secondary, address, postal_code, city, country, language, profession, referred_by,
    status, do_not_contact, reminder_sms, reminder_email, tags, comment, search_text, sort_name, national_id_hash)
SELECT gen_random_uuid(), now(), now(), %s, g, f, l, '', date '1930-01-01' + g %% 30000, 'unknown',
    'provisional', '', '+336' || lpad(g::text, 8, '0'), '', '', '', '', 'FR', 'fr', '', '',
    'active', false, true, true, '{}', '', ' ' || l || ' ' || f, l || ' ' || f, 'h1:' || md5(g::text)
FROM (
    SELECT g, translate((g %% 997)::text, '0123456789', 'aeioubdlmr') || 'nard' AS l,
           translate((g %% 89)::text, '0123456789', 'aeioubdlmr') || 'lie' AS f
    FROM generate_series(1, %s) g
) people
"""


@pytest.fixture
def crowd(practice):
    """Twenty thousand patients."""
    with connection.cursor() as cursor:
        cursor.execute(FILL, [practice.pk, MANY])
        cursor.execute("ANALYZE patients_patient")
        cursor.execute("ANALYZE patients_nameword")
    return Patient.objects.filter(practice=practice, restricted_at__isnull=True, merged_into__isnull=True)


class TestPlans:
    @pytest.mark.parametrize(
        ("text", "most_queries"),
        [
            ("06 00 00 47 11", 1),
            ("4711", 1),
            ("12/03/1980", 1),
            ("einard", 3),
            ("eimard", 5),
            ("einard alie", 8),
            ("alie einard", 8),
            ("einrad alei", 8),
            ("ei", 2),
            ("nobody here", 8),
        ],
    )
    def test_read_no_table_from_end_to_end(self, crowd, practice, text, most_queries):
        with CaptureQueriesContext(connection) as queries:
            found = find_patients(crowd, text, practice=practice)
        assert len(queries) <= most_queries
        assert len(found) <= 200
        asked = [query["sql"] for query in queries.captured_queries]
        with connection.cursor() as cursor:
            for sql in asked:
                cursor.execute(f"EXPLAIN {sql}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
                assert "Seq Scan on patients_patient" not in plan, f"{text}:\n{plan}"

    def test_count_no_further_than_ten_thousand(self, crowd, api, ben):
        body = api(ben).get("/api/v1/patients", {"page_size": 1}).json()
        assert body["count"] == 10_000
