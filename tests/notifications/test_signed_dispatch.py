"""A round of sending started from outside."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from apps.notifications.signing import sign

DISPATCH = "/api/v1/jobs/notifications/dispatch"


def post(body: bytes, timestamp: int | str, signature: str):
    return APIClient().post(
        DISPATCH,
        data=body,
        content_type="application/json",
        headers={"X-Dispatch-Timestamp": str(timestamp), "X-Dispatch-Signature": signature},
    )


@pytest.mark.django_db
class TestSignedDispatch:
    def test_sends_what_is_due_and_counts(self, queue, texts):
        for _ in range(3):
            queue(due_at=timezone.now())
        now, body = int(time.time()), b'{"limit": 2}'

        answer = post(body, now, sign(now, body))

        assert answer.status_code == 200, answer.content
        assert (answer.json()["sent"], answer.json()["due"], len(texts())) == (2, 1, 2)

    @pytest.mark.parametrize("off", [-301, 301])
    def test_refuses_an_old_or_future_signature(self, off):
        then = int(time.time()) + off

        assert post(b"{}", then, sign(then, b"{}")).status_code == 401

    def test_refuses_a_signature_of_another_body_or_time(self, queue, texts):
        queue(due_at=timezone.now())
        now = int(time.time())

        assert post(b'{"limit":1}', now, sign(now, b'{"limit":2}')).status_code == 401
        assert post(b"{}", now, sign(now - 1, b"{}")).status_code == 401
        assert post(b"{}", "now", sign(now, b"{}")).status_code == 401
        assert post(b"{}", now, "sha256=é").status_code == 401
        assert post(b"{}", now, "").status_code == 401
        assert APIClient().post(DISPATCH, {}).json()["error"]["code"] == "UNAUTHENTICATED"
        assert texts() == []

    def test_is_not_opened_by_a_login(self, api, dora):
        assert api(dora).post(DISPATCH, {}).status_code == 401

    @pytest.mark.parametrize("body", [b'{"limit": 0}', b'{"limit": 501}', b'{"limit": "x"}', b"[1]", b"{"])
    def test_refuses_bad_bodies(self, body):
        now = int(time.time())

        assert post(body, now, sign(now, body)).status_code == 400

    def test_has_a_command_that_signs(self, queue, texts):
        queue(due_at=timezone.now())
        out = StringIO()
        call_command("sign_dispatch", "--limit", "5", stdout=out)
        words = out.getvalue().split("'")

        headers = dict(word.split(": ", 1) for word in words if word.startswith("X-Dispatch"))
        answer = post(words[-2].encode(), headers["X-Dispatch-Timestamp"], headers["X-Dispatch-Signature"])

        assert (answer.status_code, len(texts())) == (200, 1)
