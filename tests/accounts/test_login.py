"""POST /auth/login: one answer for every failure, limits that hold under parallel tries."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from rest_framework.test import APIClient

from apps.accounts.login import nobodys_password
from apps.accounts.models import Session, User
from apps.core.limits import Guesses
from config.settings import base
from tests.cast import PASSWORD
from tests.figures import figure

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

    def test_a_cool_off_is_not_extended_by_the_owner(self, ana: User, redis_server) -> None:
        for _ in range(settings.LOGIN_FAILURES_PER_ACCOUNT):
            log_in("ana@test.test", "wrong")
        key = next(key for key in redis_server.scan_iter("osd:guess:*account*failed"))
        redis_server.expire(key, 100)
        log_in("ana@test.test")
        assert redis_server.ttl(key) <= 100

    def test_forgets_failures_with_a_success(self, ana: User) -> None:
        for _ in range(3):
            for _ in range(settings.LOGIN_FAILURES_PER_ACCOUNT - 1):
                log_in("ana@test.test", "wrong")
            assert log_in("ana@test.test").status_code == 200
            Guesses("login:address:127.0.0.1", 1, 1).forget()

    def test_refuses_when_the_counters_are_down(self, ana: User, settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        answer = log_in("ana@test.test")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "UNAVAILABLE"

    def test_names_missing_fields(self) -> None:
        answer = APIClient().post(LOGIN, {"email": "no"}, format="json")
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"email", "password"}


ARGON2 = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
CASES = ("unknown", "wrong", "disabled", "invited", "cooling off")


@pytest.fixture
def people(ana: User, ben: User, dora: User, cleo: User, acting, settings) -> Iterator[dict[str, str]]:
    """Every way to fail, by address, under the hasher of production."""
    settings.PASSWORD_HASHERS = ARGON2
    settings.LOGIN_PER_ADDRESS_PER_MINUTE = 10_000
    nobodys_password.cache_clear()
    with acting(dora):
        for user in (ana, ben, cleo):
            user.set_password(PASSWORD)
        ben.is_active = False
        dora.set_unusable_password()
        for user in (ana, ben, cleo, dora):
            user.save()
    for _ in range(settings.LOGIN_FAILURES_PER_ACCOUNT):
        log_in("cleo@test.test", "wrong")
    yield {
        "unknown": "nobody@test.test",
        "wrong": "ana@test.test",
        "disabled": "ben@test.test",
        "invited": "dora@test.test",
        "cooling off": "cleo@test.test",
    }
    nobodys_password.cache_clear()


class TestUniformTime:
    @pytest.mark.parametrize("case", CASES)
    def test_hashes_once_whatever_is_wrong(
        self, people: dict[str, str], hashes: list[str], case: str
    ) -> None:
        log_in("warm-up@test.test")
        hashes.clear()
        assert log_in(people[case], "wrong" if case == "wrong" else PASSWORD).status_code == 401
        assert len(hashes) == 1

    @pytest.mark.figures
    def test_takes_as_long_whatever_is_wrong(self, people: dict[str, str]) -> None:
        log_in("warm-up@test.test")
        # Fewer rounds than failures cool an account off; the fastest of each, because machines are busy.
        rounds = [{case: timed(people[case]) for case in CASES} for _ in range(4)]
        fastest = {case: min(times[case] for times in rounds) for case in CASES}
        spread = max(fastest.values()) / min(fastest.values())
        figure("login_timing_spread", f"{spread:.2f}", "<=1.5")
        assert spread <= 1.5, fastest


def timed(email: str) -> float:
    begun = perf_counter()
    log_in(email, "wrong")
    return perf_counter() - begun


@pytest.fixture
def hashes(monkeypatch) -> list[str]:
    """Collect the runs of Argon2, to hash or to verify."""
    runs: list[str] = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def counted(self, *args, name=name, real=real):
            runs.append(name)
            return real(self, *args)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    return runs


class TestProductionHasher:
    def test_is_argon2id(self) -> None:
        assert base.PASSWORD_HASHERS[0] == ARGON2[0]
        assert Argon2PasswordHasher().encode("x", "somesalt").startswith("argon2$argon2id$")


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
        third = APIClient().post(
            "/api/v1/auth/refresh", {"refresh_token": second.json()["refresh_token"]}, format="json"
        )
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
