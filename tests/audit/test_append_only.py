"""The table itself refuses to forget."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit.models import AuditEntry


@pytest.mark.django_db
class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_auditentry SET event = 'nothing.happened'",
            "DELETE FROM audit_auditentry",
            "TRUNCATE audit_auditentry",
        ],
    )
    def test_refuses(self, dora, statement: str) -> None:
        held = AuditEntry.objects.count()
        assert held > 0
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        assert AuditEntry.objects.count() == held

    def test_takes_new_entries(self, dora, practice, acting) -> None:
        held = AuditEntry.objects.count()
        with acting(dora):
            practice.city = "Nantes"
            practice.save()
        assert AuditEntry.objects.count() == held + 1

    def test_lets_a_user_go_without_touching_entries(self, dora, ana, acting) -> None:
        with acting(ana):
            ana.first_name = "Anna"
            ana.save()
        key = ana.pk
        with acting(dora):
            ana.delete()
        assert AuditEntry.objects.filter(actor_id=key).exists()
