"""A practice's first day over HTTP, from login to the reminder, as its people would live it.

RECORD_EXAMPLES=1 writes each call's request and answer into examples/, which the contract test then holds against the
schema.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core import mail
from django.utils import timezone
from rest_framework.test import APIClient

from apps.billing.tasks import render_due
from apps.catalog.importer import import_acts
from apps.core.scope import SystemActor
from apps.directory.models import Insurer
from apps.notifications.tasks import dispatch_due_messages
from tests.cast import PASSWORD, House

EXAMPLES = Path(__file__).with_name("examples")
ACTS_FILE = Path(__file__).parents[2] / "apps" / "catalog" / "data" / "dental_acts.csv"
PARIS = ZoneInfo("Europe/Paris")


class Recorder:
    """Calls the API as somebody, checks the status, and keeps the call as an example."""

    def __init__(self) -> None:
        self.client = APIClient()
        self.record = os.environ.get("RECORD_EXAMPLES") == "1"

    def log_in(self, email: str) -> None:
        """Log in for real and use the token from then on."""
        self.client.credentials()
        answer = self.call("POST", "/auth/login", {"email": email, "password": PASSWORD})
        self.refresh_token = answer["refresh_token"]
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer['access_token']}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int | None = None,
        query: str = "",
        **headers: str,
    ) -> Any:
        """Make one call; `path` may hold ids, which the example's path shows as {}."""
        wanted = status or {"POST": 200}.get(method, 200)
        sent = {"data": body, "format": "json"} if body is not None else {}
        answer = getattr(self.client, method.lower())(f"/api/v1{path}{query}", **sent, **headers)
        if status is None and method == "POST" and answer.status_code == 201:
            wanted = 201
        assert answer.status_code == wanted, (method, path, answer.status_code, answer.content[:600])
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        data = json.loads(answer.content) if is_json and answer.content else None
        if self.record:
            self.keep(method, path, body, answer.status_code, data)
        return data if is_json else answer

    def keep(self, method: str, path: str, body: Any, status: int, data: Any) -> None:
        """Write an example; only the first success and the refusals that a test names are kept."""
        shape = re.sub(r"/[0-9a-f]{8}-[0-9a-f-]{27}", "/{}", path)
        name = f"{method.lower()}{shape.replace('/', '-').replace('{}', 'id')}"
        file = EXAMPLES / (f"{name}.json" if status < 300 else f"{name}-{status}.json")
        if file.exists():
            return
        EXAMPLES.mkdir(exist_ok=True)
        example = {"method": method, "path": shape, "request": body, "status": status, "answer": data}
        file.write_text(json.dumps(example, indent=2, ensure_ascii=False) + "\n")


@pytest.fixture
def day() -> Recorder:
    return Recorder()


@pytest.fixture
def stage(house: House, insurer: Insurer, ana, ben, dora, cleo) -> House:
    """The practice before it opens: catalogue, kinds of visit, an insurer."""
    actor = SystemActor("test-stage")
    import_acts(actor=actor, content=ACTS_FILE.read_bytes())
    from apps.agenda.services import create_type

    create_type(actor=actor, practice=house.practice, name="Contrôle", duration_minutes=30)
    return house


def next_monday(weeks: int, hour: int) -> datetime:
    """Return a Monday some weeks ahead at a local hour."""
    today = timezone.now().astimezone(PARIS)
    monday = today + timedelta(days=7 * weeks - today.weekday())
    return monday.replace(hour=hour, minute=0, second=0, microsecond=0)


@pytest.mark.django_db(transaction=True)
class TestFirstDay:
    def test_runs_from_login_to_reminder(self, stage: House, day: Recorder) -> None:
        day.log_in("ben@test.test")
        assert day.call("GET", "/auth/me")["role"] == "assistant"
        patient = self.register(day)
        soon, later = self.book(day, stage, patient)
        self.treat_and_bill(day, stage, patient, soon)
        self.remind(day, later)
        self.look_back(day, patient, soon)

    def register(self, day: Recorder) -> dict[str, Any]:
        """1. The assistant searches, finds nobody, and registers a patient; a welcome email is queued."""
        assert day.call("GET", "/patients", query="?search=lefevre")["count"] == 0
        patient = day.call(
            "POST",
            "/patients",
            {
                "first_name": "Jeanne",
                "last_name": "Lefèvre",
                "birth_date": "1984-05-13",
                "sex": "female",
                "phone": "06 39 98 12 34",
                "email": "jeanne.lefevre@example.test",
                "national_id": "255081416802538",
                "consents": [{"kind": "data_notice"}, {"kind": "email"}, {"kind": "sms"}],
            },
        )
        assert patient["phone"] == "+33639981234"
        assert "081416802" not in json.dumps(patient)
        for text in ("lefevre jeanne", "lefebvre", "0639981234", "13/05/1984", "2 55 08 14 168 025 38"):
            found = day.call("GET", "/patients", query=f"?search={text}")
            assert [row["id"] for row in found["results"]] == [patient["id"]], text
        day.call("PATCH", f"/patients/{patient['id']}", {"profession": "libraire"})
        assert day.call("GET", f"/patients/{patient['id']}")["profession"] == "libraire"
        again = {"first_name": "Jeanne", "last_name": "Lefevre", "birth_date": "1984-05-13"}
        assert day.call("POST", "/patients", again, status=409)["error"]["code"] == "POSSIBLE_DUPLICATE"
        dispatch_due_messages()
        assert [message.to for message in mail.outbox] == [["jeanne.lefevre@example.test"]]
        return patient

    def book(
        self, day: Recorder, stage: House, patient: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """2. The assistant books; overlaps of practitioner, room and patient are refused."""
        practitioner = day.call("GET", "/practitioners")["results"][0]["id"]
        assert practitioner == str(stage.practitioners[0].pk)
        rooms = [row["id"] for row in day.call("GET", "/rooms")["results"]]
        kind = day.call("GET", "/appointment-types")["results"][0]["id"]
        start = next_monday(1, 9)
        body = {
            "patient": patient["id"],
            "practitioner": practitioner,
            "room": rooms[0],
            "type": kind,
            "starts_at": start.replace(tzinfo=None).isoformat(),
        }
        soon = day.call("POST", "/appointments", body)
        assert datetime.fromisoformat(soon["starts_at"]) == start
        other = day.call("POST", "/patients", {"first_name": "Paul", "last_name": "Garnier"})
        taken = {**body, "patient": other["id"], "room": rooms[1]}
        assert day.call("POST", "/appointments", taken, status=409)["error"]["code"] == "SLOT_TAKEN"
        second = str(stage.practitioners[1].pk)
        same_room = {**body, "patient": other["id"], "practitioner": second}
        assert day.call("POST", "/appointments", same_room, status=409)["error"]["code"] == "ROOM_TAKEN"
        same_patient = {**body, "practitioner": second, "room": rooms[1]}
        assert day.call("POST", "/appointments", same_patient, status=409)["error"]["code"] == "PATIENT_BUSY"
        later = day.call("POST", "/appointments", {**body, "starts_at": next_monday(3, 10).isoformat()})
        moved = day.call(
            "PATCH",
            f"/appointments/{later['id']}",
            {"starts_at": next_monday(3, 11).isoformat(), "version": later["version"]},
        )
        stale = {"starts_at": next_monday(3, 12).isoformat(), "version": later["version"]}
        assert (
            day.call("PATCH", f"/appointments/{later['id']}", stale, status=409)["error"]["code"] == "STALE"
        )
        dropped = day.call("POST", "/appointments", {**body, "starts_at": next_monday(2, 15).isoformat()})
        day.call(
            "PATCH", f"/appointments/{dropped['id']}/cancel", {"reason": "Voyage", "cancelled_by": "patient"}
        )
        missed = day.call("POST", "/appointments", {**body, "starts_at": next_monday(2, 16).isoformat()})
        day.call("POST", f"/appointments/{missed['id']}/no-show")
        day.call("POST", f"/appointments/{moved['id']}/confirm")
        listed = day.call("GET", "/appointments", query=f"?date={start.date()}")
        assert [row["id"] for row in listed["results"]] == [soon["id"]]
        return soon, moved

    def treat_and_bill(
        self, day: Recorder, stage: House, patient: dict[str, Any], visit: dict[str, Any]
    ) -> None:
        """3-6. The practitioner treats and bills; the worker renders and mails; the money comes in."""
        day.log_in("ana@test.test")
        for verb in ("arrive", "seat", "complete"):
            seen = day.call("POST", f"/appointments/{visit['id']}/{verb}")
        assert seen["status"] == "done"
        assert day.call("GET", f"/appointments/{visit['id']}")["status"] == "done"
        treatments = []
        for code, tooth, surfaces in (("HBMD049", "36", "MO"), ("HN-BLAMB", "", "")):
            act = day.call("GET", "/acts", query=f"?search={code}")["results"][0]
            planned = day.call(
                "POST",
                f"/patients/{patient['id']}/treatments",
                {"act": act["id"], "tooth": tooth, "surfaces": surfaces, "appointment": visit["id"]},
            )
            treatments.append(day.call("POST", f"/treatments/{planned['id']}/complete"))
        assert day.call("GET", f"/patients/{patient['id']}/treatments")["count"] == 2
        insurer = day.call("GET", "/insurers")["results"][0]["id"]
        draft = day.call(
            "POST",
            "/invoices",
            {
                "patient": patient["id"],
                "items": [{"treatment": treatment["id"]} for treatment in treatments],
                "shares": [{"payer": "insurer", "insurer": insurer, "kind": "mandatory", "amount": 2832}],
            },
        )
        assert draft["number"] is None
        # 47.20 exempt and 400.00 with 20 % VAT inside: 333.33 + 66.67.
        assert (draft["total_amount"], draft["vat_amount"]) == (44720, 6667)
        day.call("PATCH", f"/invoices/{draft['id']}", {"language": "fr"})
        thrown = day.call(
            "POST", "/invoices", {"patient": patient["id"], "items": [{"label": "Brosse", "unit_price": 500}]}
        )
        day.call("DELETE", f"/invoices/{thrown['id']}", status=204)
        issued = day.call("POST", f"/invoices/{draft['id']}/issue")
        assert issued["number"] == f"FA-{timezone.now().astimezone(PARIS).year}-000001"
        assert (issued["balance_patient"], issued["balance_insurer"]) == (44720 - 2832, 2832)
        render_due()
        dispatch_due_messages()
        bill = mail.outbox[-1]
        assert [name for name, _content, _kind in bill.attachments] == [f"{issued['number']}.pdf"]
        assert bill.attachments[0][1][:5] == b"%PDF-"
        self.fetch_pdf(day, issued)
        self.pay(day, issued, insurer)

    def fetch_pdf(self, day: Recorder, invoice: dict[str, Any]) -> None:
        """The PDF is served, or a signed link to it."""
        answer = day.client.get(f"/api/v1/invoices/{invoice['id']}/pdf", follow=True)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code == 200
        assert content[:5] == b"%PDF-"
        if day.record:
            day.keep("GET", f"/invoices/{invoice['id']}/pdf", None, 200, None)

    def pay(self, day: Recorder, invoice: dict[str, Any], insurer: str) -> None:
        """6. Patient and insurer settle the invoice; more than is due is refused."""
        path = f"/invoices/{invoice['id']}/payments"
        too_much = {"payer": "patient", "method": "card", "amount": 44720}
        assert day.call("POST", path, too_much, status=409)["error"]["code"] == "OVERPAYMENT"
        day.call("POST", path, {"payer": "patient", "method": "card", "amount": 41888})
        day.call("POST", path, {"payer": "insurer", "insurer": insurer, "method": "transfer", "amount": 2832})
        settled = day.call("GET", f"/invoices/{invoice['id']}")
        assert (settled["status"], settled["balance_patient"], settled["balance_insurer"]) == ("paid", 0, 0)
        again = {"payer": "patient", "method": "cash", "amount": 1}
        assert day.call("POST", path, again, status=409)["error"]["code"] == "OVERPAYMENT"
        assert day.call("GET", "/invoices")["count"] == 1

    def remind(self, day: Recorder, visit: dict[str, Any]) -> None:
        """7. The reminder is a row, is sent when due by the signed call of cron, and its log shows it."""
        day.log_in("dora@test.test")
        jobs = day.call("GET", "/notifications/jobs", query=f"?cause_id={visit['id']}")["results"]
        assert {job["template"] for job in jobs} >= {"appointment.reminder"}
        day.call("POST", "/notifications/test", {"channel": "sms", "recipient": "+33639981234"}, status=202)
        self.signed_dispatch(day)
        logs = day.call("GET", "/notifications/logs")["results"]
        assert "sent" in {row["step"] for row in logs}

    def signed_dispatch(self, day: Recorder) -> None:
        """The call a cron service makes."""
        body, stamp = b"{}", str(int(time.time()))
        digest = hmac.new(
            settings.DISPATCH_KEY.encode(), f"{stamp}.".encode() + body, hashlib.sha256
        ).hexdigest()
        headers = {"HTTP_X_DISPATCH_TIMESTAMP": stamp, "HTTP_X_DISPATCH_SIGNATURE": f"sha256={digest}"}
        answer = APIClient().post(
            "/api/v1/jobs/notifications/dispatch", body, content_type="application/json", **headers
        )
        assert answer.status_code == 200, answer.content
        if day.record:
            day.keep("POST", "/jobs/notifications/dispatch", None, 200, answer.json())

    def look_back(self, day: Recorder, patient: dict[str, Any], visit: dict[str, Any]) -> None:
        """8. Every step left entries with their actor."""
        for kind, key in (("patients.patient", patient["id"]), ("agenda.appointment", visit["id"])):
            entries = day.call("GET", "/audit", query=f"?object_type={kind}&object_id={key}")["results"]
            assert entries
            assert all(entry["actor"]["id"] and entry["action"] for entry in entries)
        day.call("GET", "/health")
        pair = day.call("POST", "/auth/refresh", {"refresh_token": day.refresh_token})
        day.client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access_token']}")
        day.call("POST", "/auth/logout", status=204)
