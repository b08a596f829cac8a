"""One's own logins: listed by device, ended one by one, and ended by what makes them doubtful."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from django.conf import settings as installed
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Session, User
from apps.accounts.services import deactivate_user, reset_mfa, update_user
from apps.accounts.sessions import SessionEnded, end_all_sessions, open_session, refresh
from tests.accounts.factors import LOGIN, ME, REFRESH, enrol, log_in, opens
from tests.cast import PASSWORD

SESSIONS = "/api/v1/auth/sessions"


class TestList:
    def test_shows_one_row_a_device(self, ana: User, api) -> None:
        client = api(ana)
        secret = log_in("ana@test.test").json()["refresh_token"]
        APIClient().post(REFRESH, {"refresh_token": secret}, format="json")
        body = client.get(SESSIONS).json()
        assert body["count"] == 2
        assert sorted(row["current"] for row in body["results"]) == [False, True]

    def test_shows_nobody_elses(self, ana: User, cleo: User, api) -> None:
        api(cleo)
        assert api(ana).get(SESSIONS).json()["count"] == 1

    def test_leaves_out_what_has_ended(self, ana: User, api, at) -> None:
        open_session(actor=ana, user=ana, at=timezone.now() - timedelta(hours=25))
        assert api(ana).get(SESSIONS).json()["count"] == 1


class TestRevoke:
    def test_ends_a_login_at_once(self, ana: User, api) -> None:
        phone, desk = api(ana), api(ana)
        other = next(row for row in desk.get(SESSIONS).json()["results"] if not row["current"])
        assert desk.delete(f"{SESSIONS}/{other['id']}").status_code == 204
        assert phone.get(ME).status_code == 401
        assert desk.get(ME).status_code == 200

    def test_ends_the_whole_chain(self, ana: User, api) -> None:
        desk, first = api(ana), log_in("ana@test.test").json()
        second = APIClient().post(REFRESH, {"refresh_token": first["refresh_token"]}, format="json").json()
        other = next(row for row in desk.get(SESSIONS).json()["results"] if not row["current"])
        desk.delete(f"{SESSIONS}/{other['id']}")
        assert not opens(first["access_token"])
        assert not opens(second["access_token"])
        answer = APIClient().post(REFRESH, {"refresh_token": second["refresh_token"]}, format="json")
        assert answer.status_code == 401

    def test_knows_nobody_elses(self, ana: User, cleo: User, api) -> None:
        client = api(cleo)
        theirs = Session.objects.get(user=cleo)
        assert api(ana).delete(f"{SESSIONS}/{theirs.pk}").status_code == 404
        assert client.get(ME).status_code == 200


class TestAccessToken:
    def test_carries_the_claims_of_the_house(self, ana: User) -> None:
        token = log_in("ana@test.test").json()["access_token"]
        claims = jwt.decode(
            token,
            installed.JWT_SIGNING_KEY,
            algorithms=["HS256"],
            issuer="osdentaire",
            options={"verify_aud": False},
        )
        assert {"sub", "role", "practice_id", "insurer_id", "sid", "iat", "exp", "iss"} <= set(claims)
        assert claims["exp"] - claims["iat"] == 900
        assert claims["role"] == "practitioner"

    def test_is_refused_when_unsigned_or_signed_by_another_key(self, ana: User) -> None:
        session = Session.objects.get(
            pk=open_session(actor=ana, user=ana, at=timezone.now()) and Session.objects.get().pk
        )
        claims = {
            "sub": str(ana.pk), "sid": str(session.pk), "iss": "osdentaire", "token_type": "access",
            "exp": int(timezone.now().timestamp()) + 60, "iat": 0, "jti": "x",
        }  # fmt: skip
        assert not opens(jwt.encode(claims, "", algorithm="none"))
        assert not opens(jwt.encode(claims, installed.SECRET_KEY, algorithm="HS256"))
        assert opens(jwt.encode(claims, installed.JWT_SIGNING_KEY, algorithm="HS256"))

    def test_is_refused_after_its_quarter_of_an_hour(self, ana: User) -> None:
        pair = open_session(actor=ana, user=ana, at=timezone.now() - timedelta(seconds=901))
        assert not opens(pair.access_token)

    def test_does_not_speak_for_another_user(self, ana: User, ben: User) -> None:
        open_session(actor=ben, user=ben, at=timezone.now())
        claims = {
            "sub": str(ana.pk), "sid": str(Session.objects.get(user=ben).pk), "iss": "osdentaire",
            "token_type": "access", "exp": int(timezone.now().timestamp()) + 60, "iat": 0, "jti": "x",
        }  # fmt: skip
        assert not opens(jwt.encode(claims, installed.JWT_SIGNING_KEY, algorithm="HS256"))


class TestRefresh:
    def test_ends_after_a_day_however_often_renewed(self, ana: User) -> None:
        begin = timezone.now()
        pair = open_session(actor=ana, user=ana, at=begin)
        pair = refresh(refresh_token=pair.refresh_token, at=begin + timedelta(hours=23))
        with pytest.raises(SessionEnded):
            refresh(refresh_token=pair.refresh_token, at=begin + timedelta(hours=24))

    def test_refuses_a_closed_account(self, ana: User, dora: User) -> None:
        pair = open_session(actor=ana, user=ana, at=timezone.now())
        deactivate_user(actor=dora, user=ana, at=timezone.now())
        with pytest.raises(SessionEnded):
            refresh(refresh_token=pair.refresh_token, at=timezone.now())


class TestWhatEndsAccess:
    def test_a_new_role(self, ana: User, dora: User, api, at) -> None:
        client = api(ana)
        update_user(actor=dora, user=ana, role="assistant", practitioner=None, at=at)
        assert client.get(ME).status_code == 401

    def test_a_closed_account(self, ana: User, dora: User, api, at) -> None:
        client = api(ana)
        deactivate_user(actor=dora, user=ana, at=at)
        assert client.get(ME).status_code == 401

    def test_a_second_factor_taken_away(self, ana: User, dora: User, api, at) -> None:
        enrol(ana)
        client = api(ana)
        reset_mfa(actor=dora, user=ana, at=at)
        assert client.get(ME).status_code == 401

    def test_a_login_does_not_outrun_a_new_password(self, ana: User, acting, at) -> None:
        proved = User.objects.get(pk=ana.pk)
        with acting(ana):
            ana.set_password("another long password")
            ana.save(update_fields=["password"])
        with pytest.raises(SessionEnded):
            open_session(actor=proved, user=proved, at=at)

    def test_keeps_the_login_it_is_asked_to_keep(self, ana: User, api, at) -> None:
        kept, other = api(ana), api(ana)
        session = Session.objects.order_by("pk").first()
        end_all_sessions(actor=ana, user=ana, keep=session, at=at)
        assert (kept.get(ME).status_code, other.get(ME).status_code) == (200, 401)


class TestCookies:
    @pytest.fixture
    def browser(self, ana: User) -> APIClient:
        browser = APIClient(enforce_csrf_checks=True)
        browser.post(LOGIN + "?cookie=1", {"email": "ana@test.test", "password": PASSWORD}, format="json")
        return browser

    def test_refresh_needs_the_csrf_token(self, browser: APIClient) -> None:
        assert browser.post(REFRESH).status_code == 403
        token = browser.cookies["csrftoken"].value
        answer = browser.post(REFRESH, HTTP_X_CSRFTOKEN=token)
        assert answer.status_code == 200
        assert "access_token" not in answer.json()

    def test_another_origin_is_refused_with_the_token(self, browser: APIClient) -> None:
        given = {
            "HTTP_X_CSRFTOKEN": browser.cookies["csrftoken"].value,
            "HTTP_ORIGIN": "https://evil.example",
        }
        assert browser.post("/api/v1/auth/logout", **given).status_code == 403
        assert browser.post(REFRESH, **given).status_code == 403
        own = {**given, "HTTP_ORIGIN": "http://testserver"}
        assert browser.post("/api/v1/auth/logout", **own).status_code == 204

    def test_another_origin_sets_no_cookies(self, ana: User) -> None:
        body = {"email": "ana@test.test", "password": PASSWORD}
        answer = APIClient().post(
            LOGIN + "?cookie=1", body, format="json", HTTP_ORIGIN="https://evil.example"
        )
        assert answer.status_code == 403
        assert "osd_access" not in answer.cookies

    def test_a_form_of_another_site_is_not_understood(self, ana: User) -> None:
        answer = APIClient().post(
            LOGIN + "?cookie=1", '{"email": "ana@test.test", "password": "x"}', content_type="text/plain"
        )
        assert answer.status_code == 415

    def test_a_bearer_token_needs_no_csrf_token(self, ana: User) -> None:
        client = APIClient(enforce_csrf_checks=True)
        token = log_in("ana@test.test").json()["access_token"]
        assert client.post("/api/v1/auth/logout", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 204

    def test_are_for_scripts_of_nobody(self, browser: APIClient) -> None:
        for name in ("osd_access", "osd_refresh"):
            assert browser.cookies[name]["httponly"]
            assert browser.cookies[name]["samesite"] == "Strict"
