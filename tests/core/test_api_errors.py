"""Every error under /api/ has the one shape, whoever raises it."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User


def assert_shape(answer, status: int, code: str) -> dict:
    body = answer.json()
    assert answer.status_code == status
    assert body["success"] is False
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    assert body["error"]["request_id"] == answer["X-Request-ID"]
    assert answer["Cache-Control"] == "no-store"
    return body["error"]


class TestErrorShape:
    def test_of_an_unknown_route(self) -> None:
        assert_shape(Client().get("/api/v1/nothing-here"), 404, "NOT_FOUND")

    def test_of_an_unknown_method(self, ana: User, api) -> None:
        assert_shape(api(ana).delete("/api/v1/auth/me"), 405, "METHOD_NOT_ALLOWED")

    def test_of_malformed_json(self) -> None:
        answer = APIClient().post("/api/v1/auth/login", '{"email": ', content_type="application/json")
        assert_shape(answer, 400, "MALFORMED")

    def test_of_a_list_where_an_object_belongs(self) -> None:
        assert_shape(
            APIClient().post("/api/v1/auth/login", "[]", content_type="application/json"), 400, "MALFORMED"
        )

    def test_of_another_content_type(self) -> None:
        answer = APIClient().post(
            "/api/v1/auth/login", "a=b", content_type="application/x-www-form-urlencoded"
        )
        assert_shape(answer, 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_of_a_body_beyond_two_megabytes(self) -> None:
        big = '{"email": "' + "x" * (2 * 1024 * 1024) + '"}'
        assert_shape(
            APIClient().post("/api/v1/auth/login", big, content_type="application/json"),
            413,
            "PAYLOAD_TOO_LARGE",
        )

    def test_of_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def explode(**_: object) -> None:
            raise RuntimeError("boom")

        monkeypatch.setattr("apps.accounts.api.views.log_in", explode)
        client = Client(raise_request_exception=False)
        answer = client.post(
            "/api/v1/auth/login", {"email": "a@b.fr", "password": "x"}, content_type="application/json"
        )
        assert "boom" not in str(assert_shape(answer, 500, "INTERNAL_ERROR"))

    def test_takes_a_trailing_slash(self, ana: User, api) -> None:
        assert api(ana).get("/api/v1/auth/me/").status_code == 200

    def test_speaks_the_callers_language(self) -> None:
        french = APIClient().post("/api/v1/auth/login", {}, format="json", HTTP_ACCEPT_LANGUAGE="fr")
        english = APIClient().post("/api/v1/auth/login", {}, format="json", HTTP_ACCEPT_LANGUAGE="en")
        assert english.json()["error"]["message"] == "Some of the values are not valid."
        assert french.json()["error"]["message"] != english.json()["error"]["message"]
