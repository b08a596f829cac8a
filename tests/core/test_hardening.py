"""Limits, spoofed headers, and what goes on when Redis does not answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.audit.models import AccessEntry
from apps.core.middleware import client_address

NOBODY_THERE = "redis://127.0.0.1:1/0"
LISTS = "patients appointments-types invoices payments users absences notifications/jobs audit".replace(
    "appointments-", "appointment-"
).split()


@pytest.mark.django_db
class TestLists:
    @pytest.mark.parametrize("name", LISTS)
    def test_refuse_a_parameter_nobody_knows(self, name: str, dora: User, api) -> None:
        answer = api(dora).get(f"/api/v1/{name}", {"is_deleted": "1"})
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["is_deleted"])

    def test_give_at_most_200_rows(self, dora: User, house, api, acting) -> None:
        from tests.cast import make_user

        for n in range(205):
            make_user(f"n{n}@test.test", "assistant", "N", practice=house.practice)
        assert len(api(dora).get("/api/v1/users", {"page_size": 100_000}).json()["results"]) == 200


@pytest.mark.django_db
class TestLimits:
    def test_of_a_user(self, ana: User, ben: User, api, settings) -> None:
        settings.API_PER_USER_PER_MINUTE = 10
        client = api(ana)
        answers = [client.get("/api/v1/auth/me") for _ in range(12)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
        assert answers[-1].json()["error"]["code"] == "RATE_LIMITED"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
        assert api(ben).get("/api/v1/auth/me").status_code == 200

    def test_of_public_links(self) -> None:
        answers = [Client().get("/r/guess", REMOTE_ADDR="203.0.113.9") for _ in range(21)]
        assert [answer.status_code for answer in answers] == [404] * 20 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert Client().get("/r/guess", REMOTE_ADDR="203.0.113.10").status_code == 404

    def test_of_exports(self, dora: User, api) -> None:
        client = api(dora)
        answers = [client.get("/api/v1/patients/export.csv") for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.django_db
class TestRedisDown:
    @pytest.fixture(autouse=True)
    def _down(self, settings) -> None:
        settings.REDIS_URL = NOBODY_THERE

    def test_closes_the_login(self, ana: User) -> None:
        body = {"email": ana.email, "password": "correct horse battery staple"}
        answer = APIClient().post("/api/v1/auth/login", body, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")

    def test_closes_one_time_codes(self) -> None:
        body = {"mfa_token": "x", "otp_code": "123456"}
        assert APIClient().post("/api/v1/auth/mfa/verify", body, format="json").status_code in {401, 503}

    def test_lets_the_api_go_on(self, ana: User, api) -> None:
        assert api(ana).get("/api/v1/patients").status_code == 200
        assert (
            api(ana)
            .post("/api/v1/patients", {"first_name": "A", "last_name": "B"}, format="json")
            .status_code
            == 201
        )

    def test_lets_patients_answer(self) -> None:
        assert Client().get("/r/guess").status_code == 404


class TestSpoofing:
    @pytest.mark.parametrize("name", ["evil.test", "127.0.0.1.evil.test", "localhost@evil.test", "a b"])
    def test_another_host_is_refused(self, name: str) -> None:
        assert Client().get("/api/v1/auth/me", HTTP_HOST=name).status_code == 400
        assert Client().get("/admin/login/", HTTP_HOST=name).status_code == 400

    def test_a_forwarded_host_counts_for_nothing(self, db) -> None:
        answer = Client().get("/admin/", HTTP_X_FORWARDED_HOST="evil.test")
        assert "evil.test" not in answer.headers.get("Location", "")

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "believed"),
        [
            (0, "203.0.113.1", "10.0.0.9"),
            (0, "", "10.0.0.9"),
            (1, "203.0.113.1", "203.0.113.1"),
            (1, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
            (2, "6.6.6.6, 203.0.113.1, 10.0.0.8", "203.0.113.1"),
            (2, "203.0.113.1", "10.0.0.9"),
            (1, "", "10.0.0.9"),
            (1, "6.6.6.6, nonsense", "10.0.0.9"),
        ],
    )
    def test_the_address_is_the_one_our_proxy_wrote(
        self, proxies: int, forwarded: str, believed: str, settings
    ) -> None:
        settings.TRUSTED_PROXIES = proxies
        headers: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
        request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", **headers)
        assert client_address(request) == believed

    def test_a_malformed_address_breaks_no_login(self, ana: User, settings) -> None:
        settings.TRUSTED_PROXIES = 1
        body = {"email": ana.email, "password": "correct horse battery staple"}
        answer = APIClient().post(
            "/api/v1/auth/login", body, format="json", HTTP_X_FORWARDED_FOR="not-an-address"
        )
        assert answer.status_code == 200
        assert AccessEntry.objects.filter(actor=ana).exists()

    def test_a_request_id_is_ours_alone_without_a_proxy(self, settings) -> None:
        settings.TRUSTED_PROXIES = 0
        answer = Client().get("/healthz", HTTP_X_REQUEST_ID="chosen-by-the-client")
        assert answer.headers["X-Request-ID"] != "chosen-by-the-client"
