"""Changing, forgetting and resetting a password; answering an invitation."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic

import pytest
from django.conf import settings as installed
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.invitations import INVITATION
from apps.accounts.login import HALF_LOGIN
from apps.accounts.models import User
from apps.accounts.passwords import ANSWER_SECONDS, RESET
from apps.audit.models import AuditEntry
from apps.notifications.models import NotificationJob
from tests.accounts.factors import ME, enrol, log_in
from tests.cast import PASSWORD

CHANGE = "/api/v1/auth/password/change"
FORGOT = "/api/v1/auth/password/forgot"
RESETS = "/api/v1/auth/password/reset"
NEW = "a much longer password"


def forgot(email: str):
    return APIClient().post(FORGOT, {"email": email}, format="json")


def reset(token: str, password: str = NEW):
    return APIClient().post(RESETS, {"token": token, "new_password": password}, format="json")


def mailed_token() -> str:
    job = NotificationJob.objects.order_by("-id").first()
    link: str = job.context["link"]
    return link.partition("#token=")[2]


class TestChange:
    def test_keeps_this_login_and_ends_the_others(self, ana: User, api) -> None:
        here, there = api(ana), api(ana)
        answer = here.post(CHANGE, {"current_password": PASSWORD, "new_password": NEW})
        assert answer.status_code == 204
        assert here.get(ME).status_code == 200
        assert there.get(ME).status_code == 401
        assert log_in("ana@test.test", NEW).status_code == 200
        assert log_in("ana@test.test").status_code == 401

    def test_needs_the_present_password(self, ana: User, api) -> None:
        answer = api(ana).post(CHANGE, {"current_password": "wrong", "new_password": NEW})
        assert answer.status_code == 400
        assert "current_password" in answer.json()["error"]["details"]

    def test_limits_guessing_it(self, ana: User, api) -> None:
        client = api(ana)
        for _ in range(installed.OTP_TRIES):
            client.post(CHANGE, {"current_password": "wrong", "new_password": NEW})
        answer = client.post(CHANGE, {"current_password": PASSWORD, "new_password": NEW})
        assert answer.status_code == 429

    @pytest.mark.parametrize("weak", ["short", "elevenchars", "q1w2e3r4t5y6", "ana@test.test1"])
    def test_refuses_a_weak_one(self, ana: User, api, weak: str) -> None:
        answer = api(ana).post(CHANGE, {"current_password": PASSWORD, "new_password": weak})
        assert answer.status_code == 400, weak

    def test_has_no_rules_of_composition(self, ana: User, api) -> None:
        given = {"current_password": PASSWORD, "new_password": "chaise fleuve lampe"}
        assert api(ana).post(CHANGE, given).status_code == 204

    def test_leaves_an_entry_without_the_password(self, ana: User, api) -> None:
        api(ana).post(CHANGE, {"current_password": PASSWORD, "new_password": NEW})
        entry = AuditEntry.objects.about(ana).filter(event="accounts.password.change").get()
        assert entry.changes["password"][1].startswith("h1:")


class TestForgot:
    def test_answers_alike_whoever_asks(self, ana: User, dora: User, acting) -> None:
        with acting(dora):
            User.objects.filter(pk=dora.pk).update(is_active=False)
        answers = [forgot(email) for email in ("ana@test.test", "nobody@test.test", "dora@test.test")]
        assert [answer.status_code for answer in answers] == [204] * 3
        assert {answer.content for answer in answers} == {b""}
        assert NotificationJob.objects.count() == 1

    def test_takes_as_long_whoever_asks(self, ana: User) -> None:
        forgot("ana@test.test")
        took = []
        for email in ("ana@test.test", "nobody@test.test"):
            begun = monotonic()
            forgot(email)
            took.append(monotonic() - begun)
        assert min(took) >= ANSWER_SECONDS

    def test_mails_a_link_whose_token_no_server_sees(self, ana: User) -> None:
        forgot("ANA@test.test")
        job = NotificationJob.objects.get()
        assert (job.template_key, job.recipient) == ("account.password_reset", "ana@test.test")
        assert "#token=" in job.context["link"]
        assert "?" not in job.context["link"]

    def test_mails_at_most_three_an_hour(self, ana: User) -> None:
        assert {forgot("ana@test.test").status_code for _ in range(5)} == {204}
        assert NotificationJob.objects.count() == 3

    def test_limits_an_address(self, ana: User) -> None:
        for n in range(installed.LOGIN_PER_ADDRESS_PER_MINUTE):
            forgot(f"x{n}@test.test")
        assert forgot("ana@test.test").status_code == 429

    def test_refuses_when_the_counters_are_down(self, ana: User, settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert forgot("ana@test.test").status_code == 503


class TestReset:
    def test_sets_the_password_once_and_ends_every_login(self, ana: User, api) -> None:
        client = api(ana)
        forgot("ana@test.test")
        token = mailed_token()
        assert reset(token).status_code == 204
        assert client.get(ME).status_code == 401
        assert log_in("ana@test.test", NEW).status_code == 200
        assert reset(token, "yet another password").status_code == 400
        assert log_in("ana@test.test", NEW).status_code == 200

    def test_gives_no_tokens_and_does_not_skip_the_second_factor(self, ana: User) -> None:
        enrol(ana)
        answer = reset(RESET.token_for(User.objects.get(pk=ana.pk), at=timezone.now()))
        assert answer.content == b""
        assert log_in("ana@test.test", NEW).json()["requires_mfa"] is True

    def test_ends_after_half_an_hour(self, ana: User) -> None:
        late = timezone.now() - timedelta(seconds=installed.PASSWORD_RESET_SECONDS + 1)
        assert reset(RESET.token_for(ana, at=late)).status_code == 400

    def test_is_overtaken_by_a_change_of_the_password(self, ana: User, acting) -> None:
        token = RESET.token_for(ana, at=timezone.now())
        with acting(ana):
            ana.set_password("another long password")
            ana.save(update_fields=["password"])
        assert reset(token).status_code == 400

    def test_refuses_a_forged_or_foreign_token(self, ana: User) -> None:
        good = RESET.token_for(ana, at=timezone.now())
        for token in (good[:-2] + "AA", HALF_LOGIN.token_for(ana, at=timezone.now()), "x", "é:é"):
            assert reset(token).status_code == 400
        assert log_in("ana@test.test").status_code == 200

    def test_refuses_a_closed_account(self, ana: User, acting) -> None:
        token = RESET.token_for(ana, at=timezone.now())
        with acting(ana):
            User.objects.filter(pk=ana.pk).update(is_active=False)
        assert reset(token).status_code == 400

    def test_a_weak_password_does_not_use_the_link_up(self, ana: User) -> None:
        token = RESET.token_for(ana, at=timezone.now())
        assert reset(token, "short").status_code == 400
        assert reset(token).status_code == 204

    def test_lifts_the_cool_off(self, ana: User) -> None:
        for _ in range(installed.LOGIN_FAILURES_PER_ACCOUNT):
            log_in("ana@test.test", "wrong")
        reset(RESET.token_for(ana, at=timezone.now()))
        assert log_in("ana@test.test", NEW).status_code == 200


class TestInvitation:
    def test_is_answered_by_choosing_a_password(self, dora: User, api) -> None:
        invited = {"email": "Zoe@test.test", "first_name": "Zoé", "last_name": "Blanc", "role": "assistant"}
        answer = api(dora).post("/api/v1/users", invited)
        assert answer.status_code == 201
        assert answer.json()["is_invited"] is True
        assert NotificationJob.objects.get().template_key == "account.invitation"
        assert log_in("zoe@test.test", "").status_code == 400
        assert reset(mailed_token()).status_code == 204
        assert log_in("zoe@test.test", NEW).json()["user"]["role"] == "assistant"

    def test_lasts_three_days(self, ana: User) -> None:
        now = timezone.now()
        almost = INVITATION.token_for(ana, at=now - timedelta(hours=71))
        late = INVITATION.token_for(ana, at=now - timedelta(hours=73))
        assert reset(late).status_code == 400
        assert reset(almost).status_code == 204
