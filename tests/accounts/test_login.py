"""POST /auth/login: one answer for every failure, limits that hold under parallel tries."""

from __future__ import annotations

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from apps.accounts.models import Session, User
from tests.cast import PASSWORD

LOGIN = "/api/v1/auth/login"


def log_in(email: str, password: str = PASSWORD, query: str = ""):
    return APIClient().post(LOGIN + query, {"email": email, "password": password}, format="json")


class TestLogin:
    def test_gives_tokens_and_the_user(self, ana: User) -> None:
        answer = log_in("ana@test.test")
        body = answer.json()
        assert answer.status_code == 200
        assert body["expires_in"] == 900
        assert body["user"]["role"] == "practitioner"
        assert body["user"]["practice"]["name"] == "Cabinet des Lilas"
        me = APIClient().get("/api/v1/auth/me", HTTP_AUTHORIZATION=f"Bearer {body['access_token']}")
        assert me.status_code == 200
        assert me.json()["id"] == str(ana.pk)
        assert "patients.add_patient" in me.json()["permissions"]

    def test_takes_the_email_in_any_case(self, ana: User) -> None:
        assert log_in("ANA@Test.test").status_code == 200

    def test_keeps_only_a_fingerprint_of_the_refresh_token(self, ana: User) -> None:
        secret = log_in("ana@test.test").json()["refresh_token"]
        row = Session.objects.get(user=ana)
        assert secret not in {str(value) for value in row.__dict__.values()}
        assert len(row.secret_sha256) == 64

    @pytest.mark.parametrize("case", ["unknown", "wrong", "disabled"])
    def test_answers_every_failure_alike(self, ana: User, acting, case: str) -> None:
        if case == "disabled":
            ana.is_active = False
            with acting(ana):
                ana.save(update_fields=["is_active"])
        email = "nobody@test.test" if case == "unknown" else "ana@test.test"
        password = "not the password" if case == "wrong" else PASSWORD
        answer = log_in(email, password)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "UNAUTHENTICATED"
        assert answer.json()["error"]["message"] == "L’adresse e-mail ou le mot de passe n’est pas correct."

    def test_cools_an_account_off_without_saying_so(self, ana: User) -> None:
        for _ in range(settings.LOGIN_FAILURES_PER_ACCOUNT):
            assert log_in("ana@test.test", "wrong").status_code == 401
        assert log_in("ana@test.test").status_code == 401

    def test_limits_an_address_and_says_when_to_return(self, ana: User) -> None:
        for n in range(settings.LOGIN_PER_ADDRESS_PER_MINUTE):
            log_in(f"x{n}@test.test", "wrong")
        answer = log_in("ana@test.test")
        assert answer.status_code == 429
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert answer.json()["error"]["code"] == "RATE_LIMITED"

    def test_does_not_count_successes(self, ana: User) -> None:
        for _ in range(settings.LOGIN_PER_ADDRESS_PER_MINUTE + 2):
            assert log_in("ana@test.test").status_code == 200

    def test_refuses_when_the_counters_are_down(self, ana: User, settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        answer = log_in("ana@test.test")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "UNAVAILABLE"

    def test_names_missing_fields(self) -> None:
        answer = APIClient().post(LOGIN, {"email": "no"}, format="json")
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"email", "password"}


class TestCookieMode:
    def test_keeps_tokens_out_of_the_body(self, ana: User) -> None:
        answer = log_in("ana@test.test", query="?cookie=1")
        assert "access_token" not in answer.json()
        assert answer.cookies["osd_access"]["httponly"]
        assert answer.cookies["osd_refresh"]["path"] == "/api/v1/auth"

    def test_refuses_a_write_without_the_csrf_token(self, ana: User) -> None:
        browser = APIClient(enforce_csrf_checks=True)
        browser.post(LOGIN + "?cookie=1", {"email": "ana@test.test", "password": PASSWORD}, format="json")
        assert browser.get("/api/v1/auth/me").status_code == 200
        assert browser.post("/api/v1/auth/logout").status_code == 403
        token = browser.cookies["csrftoken"].value
        assert browser.post("/api/v1/auth/logout", HTTP_X_CSRFTOKEN=token).status_code == 204
        assert browser.get("/api/v1/auth/me").status_code == 401


class TestRefresh:
    def test_rotates_once_and_ends_the_family_on_reuse(self, ana: User) -> None:
        first = log_in("ana@test.test").json()["refresh_token"]
        second = APIClient().post("/api/v1/auth/refresh", {"refresh_token": first}, format="json")
        assert second.status_code == 200
        again = APIClient().post("/api/v1/auth/refresh", {"refresh_token": first}, format="json")
        assert again.status_code == 401
        third = APIClient().post("/api/v1/auth/refresh", {"refresh_token": second.json()["refresh_token"]}, format="json")
        assert third.status_code == 401
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {second.json()['access_token']}"}
        assert APIClient().get("/api/v1/auth/me", **bearer).status_code == 401

    def test_does_not_move_the_end_of_the_session(self, ana: User) -> None:
        first = log_in("ana@test.test").json()["refresh_token"]
        APIClient().post("/api/v1/auth/refresh", {"refresh_token": first}, format="json")
        assert len(set(Session.objects.values_list("expires_at", flat=True))) == 1

    def test_refuses_nothing_at_all(self) -> None:
        assert APIClient().post("/api/v1/auth/refresh", {}, format="json").status_code == 401


class TestLogout:
    def test_ends_access_at_once(self, ana: User, api) -> None:
        client = api(ana)
        assert client.post("/api/v1/auth/logout").status_code == 204
        assert client.get("/api/v1/auth/me").status_code == 401

    def test_needs_a_login(self) -> None:
        answer = APIClient().post("/api/v1/auth/logout")
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "UNAUTHENTICATED"


class TestAccess:
    def test_reads_role_and_activity_from_the_database(self, ana: User, api, acting) -> None:
        client = api(ana)
        ana.is_active = False
        with acting(ana):
            ana.save(update_fields=["is_active"])
        assert client.get("/api/v1/auth/me").status_code == 401

    def test_refuses_a_forged_token(self, ana: User) -> None:
        token = log_in("ana@test.test").json()["access_token"]
        head, body, _signature = token.split(".")
        forged = f"{head}.{body}.{'A' * 43}"
        assert APIClient().get("/api/v1/auth/me", HTTP_AUTHORIZATION=f"Bearer {forged}").status_code == 401
