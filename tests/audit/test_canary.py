"""A canary in every personal field: the main flows run, and none of it sings in logs, Redis, tasks or subjects."""

from __future__ import annotations

import base64
import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core import mail
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.agenda.tasks import plan_reminders
from apps.audit.tasks import seal
from apps.billing.tasks import render_due
from apps.core.logging import JsonFormatter
from apps.notifications.tasks import dispatch_due_messages
from tests.agenda.scenes import make_type
from tests.billing.making import make_acts
from tests.cast import PASSWORD, House
from tests.core.test_sealed_at_rest import number

# Words that occur nowhere else, one per field, so that a leak names its source.
PERSON = {
    "first_name": "Zéphyrine", "last_name": "Quaxolotl", "birth_name": "Wyvernoir", "profession": "zythologue",
    "birth_date": "1931-07-29", "email": "zq.canary@oiseau.test", "phone": "+33639987301",
    "address": "77 rue Xylophage", "postal_code": "F-69ZQ7", "city": "Villezorglub", "national_id": number(4711),
}  # fmt: skip
NOTE, REASON, ALERT = "gingivorragie-zq", "motif-zq-exoneration", "pénicilline-zq"
MARKERS = [*PERSON.values(), NOTE, REASON, ALERT]


def spellings(text: str) -> set[bytes]:
    """Return how a text may stand somewhere: as it is, folded, without accents, escaped, in base64 at any offset."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    ways = {text, text.lower(), text.upper(), plain, plain.lower(), plain.upper(), json.dumps(text)[1:-1]}
    ways.add(text.replace(" ", ""))
    found = {way.encode() for way in ways}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text.encode()).rstrip(b"=")
        found.add(encoded[4 if shift else 0 : len(encoded) - 2])
    return found


def sings(content: bytes) -> list[str]:
    """Return the markers that occur in some content."""
    return [marker for marker in MARKERS if any(way in content for way in spellings(marker))]


def everything_in(server: redis.Redis) -> Iterator[bytes]:
    """Yield every key and value: limits, cached sessions, and the messages of Celery with their bodies decoded."""
    kinds = {
        "string": lambda key: [server.get(key)],
        "list": lambda key: server.lrange(key, 0, -1),
        "set": server.smembers,
        "zset": lambda key: server.zrange(key, 0, -1),
        "hash": lambda key: [part for pair in server.hgetall(key).items() for part in pair],
    }
    for key in server.scan_iter("*"):
        yield key
        for value in kinds[server.type(key).decode()](key):
            yield value
            if value[:1] == b"{" and b'"body"' in value:
                yield base64.b64decode(json.loads(value)["body"])


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the product's own formatter writes, at the most talkative level."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


class Flow:
    """The main flows over HTTP: register, warn, book, remark, treat, bill, send."""

    def __init__(self, api: Any, house: House, ben: User, ana: User) -> None:
        self.api, self.house, self.desk, self.dentist = api, house, api(ben), api(ana)

    def post(self, client: Any, path: str, body: Any = None, *statuses: int) -> Any:
        """Send a body as a client would, with a key that makes the answer be kept."""
        answer = client.post(f"/api/v1{path}", body or {}, HTTP_IDEMPOTENCY_KEY=f"key-{path}"[:120])
        assert answer.status_code in (statuses or (200, 201)), (path, answer.content[:500])
        return json.loads(answer.content)

    def run(self) -> None:
        """Live a visit, refusals included."""
        consents = [{"kind": "data_notice"}, {"kind": "email"}, {"kind": "sms"}]
        patient = self.post(self.desk, "/patients", {**PERSON, "sex": "female", "consents": consents})
        self.post(self.desk, "/patients?x=1", {**PERSON, "sex": "female"}, 409, 400)
        for text in (PERSON["last_name"], PERSON["phone"], PERSON["national_id"]):
            self.desk.get("/api/v1/patients", {"search": text})
        key = patient["id"]
        self.desk.patch(f"/api/v1/patients/{key}", {"email": f"not an address {PERSON['email']}"})
        self.post(self.dentist, f"/patients/{key}/alerts", {"kind": "allergy", "label": ALERT, "severity": 3})
        visit = self.post(
            self.desk,
            "/appointments",
            {
                "patient": key, "practitioner": str(self.house.practitioners[0].pk), "note": NOTE,
                "room": str(self.house.rooms[0].pk), "type": str(make_type(self.house.practice).pk),
                "starts_at": (monday() + timedelta(hours=9)).isoformat(),
            },
        )  # fmt: skip
        assert self.dentist.get(f"/api/v1/appointments/{visit['id']}/notes").status_code == 200
        acts = make_acts()
        draft = self.post(
            self.dentist,
            "/invoices",
            {
                "patient": key,
                "items": [{"act": str(acts["HBLD403"].pk), "tooth": "11", "vat_reason": REASON}],
            },
        )
        self.post(self.dentist, f"/invoices/{draft['id']}/issue")
        wrong = {"email": PERSON["email"], "password": "wrong-wrong-wrong"}
        self.post(self.api(None), "/auth/login", wrong, 401)
        self.post(self.api(None), "/auth/login", {"email": "ana@test.test", "password": PASSWORD})


def monday() -> Any:
    """Return the start of a Monday three weeks ahead."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=21 - today.weekday())


@pytest.mark.django_db(transaction=True)
class TestCanary:
    def test_is_not_heard(self, api, house, ben, ana, lines, redis_server) -> None:
        Flow(api, house, ben, ana).run()
        queued = b"\n".join(everything_in(redis_server))
        plan_reminders()
        render_due()
        dispatch_due_messages()
        seal()
        assert len(mail.outbox) >= 2, "the welcome and the invoice go out"
        written = lines.getvalue()
        places = {
            "logs": written.encode(),
            "redis before the workers": queued,
            "redis after the workers": b"\n".join(everything_in(redis_server)),
            "subjects": "\n".join(message.subject for message in mail.outbox).encode(),
            "names of attachments": "\n".join(
                str(name) for message in mail.outbox for name, *_rest in message.attachments
            ).encode(),
            "the audit trail": table("audit_auditentry"),
            "the access trail": table("audit_accessentry"),
        }
        assert {place: sings(content) for place, content in places.items() if sings(content)} == {}
        assert written.count('"request"') > 10, "the logs were listened to"
        assert b"notifications.dispatch_due" in queued, "a task was waiting in Redis"
        assert settings.REDIS_URL

    def test_would_be_heard(self) -> None:
        """The listening itself works, in every spelling."""
        for marker in MARKERS:
            for shift in range(3):
                assert marker in sings(base64.b64encode(b"x" * shift + marker.encode() + b"and more"))
            assert marker in sings(json.dumps({"name": marker}).encode())
            assert marker in sings(f"... {marker.upper()} ...".encode())


def table(name: str) -> bytes:
    """Return a table as text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {name} t")  # noqa: S608 - a constant
        return str(cursor.fetchone()[0]).encode()
