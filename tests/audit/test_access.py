"""Who read, who was refused, who came and went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.agenda.services import add_note
from apps.audit import seals
from apps.audit.access import record_failed_login, record_read
from apps.audit.models import AccessEntry, AuditSeal, Chain, SealKind
from apps.audit.recorder import NoActor
from apps.audit.seals import seal_pending
from apps.audit.services import expire_access, expiry_of
from apps.audit.tasks import expire
from apps.core.context import bind
from apps.core.crypto import blind_index
from apps.core.scope import SystemActor
from tests.agenda.scenes import Desk, clock
from tests.audit.trails import behind_the_triggers, empty_trails, findings, tamper
from tests.cast import PASSWORD

KEEPER = SystemActor("test-keeper")
Kind = AccessEntry.Kind


def enter(client: Any, user: User) -> None:
    """Log in to the admin."""
    with bind(actor_id=user.pk, actor_role=user.role, action="test.enter"):
        client.force_login(user, backend="apps.accounts.backends.RoleBackend")


def newest(kind: str) -> AccessEntry:
    entry = AccessEntry.objects.filter(kind=kind).order_by("-id").first()
    assert entry is not None
    return entry


@pytest.fixture
def visit(ben, ana, house, at):
    """A visit with two remarks."""
    visit = Desk(ben, house, at).book(clock(9))
    for body in ("Anxieux", "Préfère le matin"):
        add_note(actor=ana, appointment=visit, body=body, at=at)
    return visit


@pytest.mark.django_db
class TestReading:
    def test_each_note_shown_is_recorded(self, api, ana: User, visit) -> None:
        answer = api(ana).get(
            f"/api/v1/appointments/{visit.pk}/notes", HTTP_USER_AGENT="pytest", REMOTE_ADDR="203.0.113.9"
        )
        assert answer.status_code == 200
        rows = AccessEntry.objects.filter(kind=Kind.READ)
        assert {row.object_pk for row in rows} == {note["id"] for note in answer.json()["results"]}
        row = rows[0]
        assert (row.event, row.actor_id, row.actor_role, row.practice_id, row.remote_addr, row.user_agent) == (
            "agenda.appointment_note.read", ana.pk, "practitioner", ana.practice_id, "203.0.113.9", "pytest",
        )  # fmt: skip
        assert row.cid == answer.headers["X-Request-ID"]
        assert row.content_type is not None
        assert row.content_type.model == "appointmentnote"

    def test_nothing_is_shown_that_could_not_be_recorded(self, api, ana: User, visit, monkeypatch) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise DatabaseError

        client = api(ana)
        client.raise_request_exception = False
        monkeypatch.setattr(AccessEntry.objects, "bulk_create", broken)
        answer = client.get(f"/api/v1/appointments/{visit.pk}/notes")
        assert answer.status_code == 500
        assert b"Anxieux" not in answer.content

    def test_an_empty_list_is_no_reading(self, api, ana: User, ben, house, at) -> None:
        visit = Desk(ben, house, at).book(clock(9))
        assert api(ana).get(f"/api/v1/appointments/{visit.pk}/notes").json()["results"] == []
        assert not AccessEntry.objects.filter(kind=Kind.READ).exists()

    def test_the_admin_page_records_too(self, client, ana: User, visit) -> None:
        enter(client, ana)
        page = client.get(reverse("admin:agenda_appointment_change", args=[visit.pk]))
        assert page.status_code == 200
        shown = "Anxieux" in page.content.decode()
        assert AccessEntry.objects.filter(kind=Kind.READ).count() == (2 if shown else 0)
        assert shown

    def test_somebody_must_answer_for_it(self, visit) -> None:
        class Nobody:
            id = None
            role = ""
            practice_id = insurer_id = None

        with pytest.raises(NoActor):
            record_read(viewer=Nobody(), rows=[visit], event="x.read")


@pytest.mark.django_db
class TestDenials:
    def test_a_refused_call_is_recorded(self, api, ben: User) -> None:
        answer = api(ben).get("/api/v1/audit")
        assert answer.status_code == 403
        entry = newest(Kind.DENIED)
        assert (entry.event, entry.actor_id, entry.practice_id) == (
            "audit.auditentry.list", ben.pk, ben.practice_id,
        )  # fmt: skip
        assert entry.detail == {"method": "GET", "route": "/api/v1/audit", "code": "FORBIDDEN"}

    def test_names_the_object(self, api, omar: User, visit) -> None:
        assert api(omar).get(f"/api/v1/appointments/{visit.pk}/notes").status_code == 403
        entry = newest(Kind.DENIED)
        assert entry.object_pk == str(visit.pk)
        assert str(visit.pk) not in entry.detail["route"]

    def test_a_refused_admin_page_is_recorded(self, client, ben: User) -> None:
        enter(client, ben)
        assert client.get(reverse("admin:audit_auditentry_changelist")).status_code == 403
        assert newest(Kind.DENIED).actor_id == ben.pk

    def test_strangers_fill_nothing(self, api) -> None:
        assert api(None).get("/api/v1/audit").status_code == 401
        assert not AccessEntry.objects.exists()

    def test_a_trail_that_is_down_does_not_change_the_answer(self, api, ben: User, monkeypatch) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise DatabaseError

        client = api(ben)
        monkeypatch.setattr(AccessEntry.objects, "create", broken)
        assert client.get("/api/v1/audit").status_code == 403


@pytest.mark.django_db(transaction=True)
class TestAfterTheRollback:
    def test_a_refusal_outlives_the_transaction_it_ended(self, api, ben: User) -> None:
        client = api(ben)
        answer = client.post("/api/v1/users", {}, HTTP_IDEMPOTENCY_KEY="key-of-a-refused-call")
        assert answer.status_code == 403
        assert newest(Kind.DENIED).actor_id == ben.pk


@pytest.mark.django_db
class TestLogins:
    LOGIN = "/api/v1/auth/login"

    def test_a_login_and_a_logout(self, api, ana: User) -> None:
        client = api(None)
        answer = client.post(self.LOGIN, {"email": ana.email, "password": PASSWORD})
        assert answer.status_code == 200
        entry = newest(Kind.LOGIN)
        assert (entry.actor_id, entry.practice_id) == (ana.pk, ana.practice_id)
        assert entry.detail == {"door": "api", "factor": "password"}
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
        assert client.post("/api/v1/auth/logout").status_code == 204
        assert (newest(Kind.LOGOUT).actor_id, newest(Kind.LOGOUT).detail) == (ana.pk, {"door": "api"})

    @pytest.mark.parametrize("email", ["ana@test.test", "ANA@test.test", "nobody@test.test"])
    def test_a_failed_login_keeps_only_a_hash_of_what_was_tried(self, api, ana: User, email: str) -> None:
        assert (
            api(None).post(self.LOGIN, {"email": email, "password": "wrong-wrong-wrong"}).status_code == 401
        )
        entry = newest(Kind.LOGIN_FAILED)
        assert (entry.actor_id, entry.actor_role) == (None, "anonymous")
        assert entry.detail == {
            "reason": "password",
            "account": blind_index(email, purpose="audit.login.account"),
        }

    def test_the_admin_records_its_own(self, client, dora: User) -> None:
        page = reverse("admin:login")
        client.post(page, {"username": dora.email, "password": "wrong-wrong-wrong"})
        assert newest(Kind.LOGIN_FAILED).detail["reason"] == "password"
        client.post(page, {"username": dora.email, "password": PASSWORD})
        assert (newest(Kind.LOGIN).actor_id, newest(Kind.LOGIN).detail["door"]) == (dora.pk, "admin")
        client.post(reverse("admin:logout"))
        assert newest(Kind.LOGOUT).actor_id == dora.pk

    def test_a_wrong_code_is_the_users(self, ana: User) -> None:
        record_failed_login(user=ana, reason="code")
        assert (newest(Kind.LOGIN_FAILED).actor_id, newest(Kind.LOGIN_FAILED).detail) == (
            ana.pk, {"reason": "code"},
        )  # fmt: skip


@pytest.mark.django_db
class TestWhoMayLook:
    def test_one_sees_ones_own_house(self, client, dora: User, ana: User, cleo: User, visit) -> None:
        for user in (ana, cleo):
            record_read(viewer=user, rows=[user], event="accounts.user.read")
        enter(client, dora)
        page = client.get(reverse("admin:audit_accessentry_changelist")).content.decode()
        assert str(ana.pk) in page
        assert str(cleo.pk) not in page

    @pytest.mark.parametrize("who", ["ana", "ben", "omar"])
    def test_others_are_refused(self, client, request, who: str) -> None:
        enter(client, request.getfixturevalue(who))
        assert client.get(reverse("admin:audit_accessentry_changelist")).status_code == 403


NOW = datetime.now(UTC)


def reading(age: timedelta, user: User) -> AccessEntry:
    """Write a reading of long ago."""
    return AccessEntry.objects.create(
        kind=Kind.READ, event="x.read", actor=user, actor_role=user.role, object_pk="x", timestamp=NOW - age
    )


@pytest.fixture
def year(ana: User, monkeypatch) -> list[AccessEntry]:
    """Readings of 15, 14 and 2 months ago and of today, each sealed when it was made."""
    empty_trails()
    monkeypatch.setattr(seals, "horizon", lambda _cursor: 2**62)
    rows = []
    seal_pending(at=NOW - timedelta(days=470))
    for days in (455, 455, 425, 60, 0):
        rows.append(reading(timedelta(days=days), ana))
        seal_pending(at=NOW - timedelta(days=days))
    return rows


@pytest.mark.django_db
class TestExpiry:
    def left(self) -> list[int]:
        return list(AccessEntry.objects.order_by("id").values_list("id", flat=True))

    @pytest.mark.parametrize(
        ("at", "before"),
        [(datetime(2026, 11, 21, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)),
         (datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
         (datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2023, 2, 1, tzinfo=UTC))],
    )  # fmt: skip
    def test_whole_months_go(self, at: datetime, before: datetime) -> None:
        assert expiry_of(at) == before

    def test_drops_what_has_been_kept_for_a_year(self, year) -> None:
        assert expire_access(actor=KEEPER, at=NOW) == 3
        assert self.left() == [year[3].pk, year[4].pk]

    def test_leaves_a_tombstone_in_an_unbroken_chain(self, year) -> None:
        expire_access(actor=KEEPER, at=NOW)
        stone = AuditSeal.objects.get(chain=Chain.ACCESS, kind=SealKind.TOMBSTONE)
        assert (stone.facts["count"], stone.facts["last"]) == (3, 4)
        assert AuditSeal.objects.filter(chain=Chain.ACCESS).earliest("sequence").sequence == 5
        assert findings(Chain.ACCESS) == []

    def test_the_chain_goes_on_after_it(self, year, ana) -> None:
        expire_access(actor=KEEPER, at=NOW)
        reading(timedelta(), ana)
        assert seal_pending(at=NOW)["access"] == 1
        assert findings(Chain.ACCESS) == []
        assert expire_access(actor=KEEPER, at=NOW) == 0

    def test_what_remains_is_still_proved(self, year) -> None:
        expire_access(actor=KEEPER, at=NOW)
        tamper("UPDATE audit_accessentry SET actor_role = 'x' WHERE id = %s", year[3].pk)
        assert [(found.problem, found.entry_id) for found in findings(Chain.ACCESS)] == [
            ("altered", year[3].pk)
        ]

    def test_dropping_more_than_the_tombstone_says_is_found(self, year) -> None:
        expire_access(actor=KEEPER, at=NOW)
        tamper("DELETE FROM audit_accessentry WHERE id = %s", year[3].pk)
        tamper("DELETE FROM audit_auditseal WHERE entry_id = %s AND chain = 'access'", year[3].pk)
        assert findings(Chain.ACCESS)[0].problem == "missing"

    def test_a_forged_tombstone_covers_nothing(self, year) -> None:
        expire_access(actor=KEEPER, at=NOW)
        tamper(
            "UPDATE audit_auditseal SET facts = facts || '{\"last\": 5}' WHERE kind = 'tombstone' AND chain = 'access'"
        )
        with behind_the_triggers() as cursor:
            cursor.execute("DELETE FROM audit_auditseal WHERE chain = 'access' AND sequence = 5")
        assert findings(Chain.ACCESS)[0].problem == "missing"

    def test_the_database_refuses_to_drop_young_ones(self, year) -> None:
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM audit_accessentry WHERE id = %s", [year[3].pk])

    def test_nothing_old_nothing_done(self, ana) -> None:
        empty_trails()
        reading(timedelta(days=3), ana)
        assert expire_access(actor=KEEPER, at=timezone.now()) == 0

    def test_the_command_and_the_task_do_the_same(self, year) -> None:
        out = StringIO()
        call_command("expire_access", stdout=out)
        assert out.getvalue() == "3 access entries were dropped.\n"
        assert expire() == 0
