"""What a full week of the agenda costs over HTTP, held against the bare query written as JSON in the same process."""

from __future__ import annotations

import gc
import http.client
import json
import statistics
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import orjson
import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection, connections
from django.utils import timezone

from apps.accounts.sessions import open_session
from apps.agenda.models import Appointment, AppointmentNote
from apps.core.context import bind
from tests.agenda.scenes import PARIS, STAGE, Desk, clock
from tests.concurrency.test_booking_figures import WEEK, fill_week
from tests.figures import FULL, figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.figures]
ROUNDS = 200 if FULL else 60
WANTED = 0.5
PATH = "/api/v1/appointments?from=2026-11-23&to=2026-11-29"
# What one would write by hand for this answer and no other: no login, no role, no filter but the practice and the week.
BARE = """
SELECT a.id, a.patient_id, p.first_name, p.last_name, a.practitioner_id, a.assistant_id, a.room_id, a.type_id,
       a.starts_at, a.ends_at, a.status, a.confirmation, a.color, t.color, a.version, a.arrived_at, a.seated_at,
       a.dismissed_at, a.cancelled_at, a.override_reason,
       (SELECT count(*) FROM agenda_appointmentnote n WHERE n.appointment_id = a.id)
  FROM agenda_appointment a
  JOIN patients_patient p ON p.id = a.patient_id
  JOIN agenda_appointmenttype t ON t.id = a.type_id
 WHERE a.practice_id = %s AND a.starts_at < %s AND a.ends_at > %s AND p.restricted_at IS NULL
 ORDER BY a.starts_at, a.id
"""


@pytest.fixture
def desk(ben, house, at) -> Desk:
    desk = Desk(ben, house, at)
    fill_week(desk)
    with bind(actor_id=STAGE.id, actor_role=STAGE.role, action="test.stage"):
        for visit in Appointment.objects.filter(practice=house.practice).order_by("starts_at", "pk")[::10]:
            AppointmentNote.objects.create(
                practice=house.practice, appointment=visit, body="Sonner deux fois", noted_at=at
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return desk


def bare(desk: Desk) -> bytes:
    """Return the same body by one query and no framework."""
    with connection.cursor() as cursor:
        cursor.execute(BARE, [desk.house.practice.pk, clock(0).replace(day=30), clock(0).replace(day=23)])
        rows = cursor.fetchall()
    results = [
        {
            "id": row[0],
            "patient": {"id": row[1], "display_name": f"{row[2]} {row[3].upper()}".strip()},
            "practitioner": row[4],
            "assistant": row[5],
            "room": row[6],
            "type": row[7],
            "starts_at": row[8].astimezone(PARIS),
            "ends_at": row[9].astimezone(PARIS),
            "status": row[10],
            "confirmation": row[11],
            "color": row[12] or row[13],
            "note_count": row[20],
            "version": row[14],
            "arrived_at": row[15] and row[15].astimezone(PARIS),
            "seated_at": row[16] and row[16].astimezone(PARIS),
            "dismissed_at": row[17] and row[17].astimezone(PARIS),
            "cancelled_at": row[18] and row[18].astimezone(PARIS),
            "is_overbooked": bool(row[19]),
        }
        for row in rows
    ]
    return orjson.dumps({"count": len(results), "next": None, "previous": None, "results": results})


@pytest.fixture
def ask(live_server, ben, monkeypatch, settings) -> Iterator[Callable[[], bytes]]:
    """Read the week over one kept connection, whose thread keeps its connection to the database as a worker does."""
    # The test server writes head and body apart; with Nagle's algorithm each answer would wait for its second half.
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    settings.API_PER_USER_PER_MINUTE = 1_000_000
    kept = connections.settings["default"]["CONN_MAX_AGE"]
    connections.settings["default"]["CONN_MAX_AGE"] = None
    where = urlsplit(live_server.url)
    wire = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    token = open_session(actor=ben, user=ben, at=timezone.now()).access_token

    def call() -> bytes:
        wire.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
        answer = wire.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:500]
        return body

    yield call
    wire.close()
    connections.settings["default"]["CONN_MAX_AGE"] = kept


def test_is_at_least_half_as_fast_as_the_bare_query(desk, ask) -> None:
    took: dict[str, list[float]] = {"http": [], "bare": []}
    ways = {"http": ask, "bare": lambda: bare(desk)}
    assert json.loads(ask()) == json.loads(bare(desk))
    assert json.loads(ask())["count"] == WEEK
    for _warm in range(5):
        for way in ways.values():
            way()
    gc.collect()
    # In turn rather than one after the other: what else the machine does then slows both alike.
    for _round in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            took[name].append(time.perf_counter() - began)
    http_ms, bare_ms = (statistics.median(took[name]) * 1000 for name in ("http", "bare"))
    figure("agenda_week_http_ms", f"{http_ms:.1f}", "the measured")
    figure("agenda_week_bare_ms", f"{bare_ms:.1f}", "the limit")
    figure("agenda_week_throughput_ratio", f"{bare_ms / http_ms:.2f}", f">={WANTED}")
    assert bare_ms / http_ms >= WANTED
