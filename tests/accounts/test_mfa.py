"""The second factor: enrolling, the second half of a login, what a half login opens, removal."""

from __future__ import annotations

import base64
from datetime import timedelta

import pyotp
import pytest
from django.conf import settings as installed
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.checks import required_roles_exist
from apps.accounts.login import HALF_LOGIN
from apps.accounts.mfa import SMS_TRIES, accept_code
from apps.accounts.models import MfaDevice, RecoveryCode, SmsCode, User
from apps.accounts.passwords import RESET
from apps.audit.models import AuditEntry
from apps.notifications.models import NotificationJob
from tests.accounts.factors import ME, enrol, half_login, log_in, opens, verify

ENROLL = "/api/v1/auth/mfa/enroll"
CONFIRM = "/api/v1/auth/mfa/confirm"
SMS = "/api/v1/auth/mfa/sms"
MFA = "/api/v1/auth/mfa"


class TestEnrolment:
    def test_shows_seed_address_and_picture(self, ana: User, api) -> None:
        answer = api(ana).post(ENROLL)
        body = answer.json()
        assert answer.status_code == 200
        assert body["otpauth_uri"].startswith(
            "otpauth://totp/OSdentaire:ana%40test.test?secret=" + body["secret"]
        )
        assert body["qr_svg"].startswith("data:image/svg+xml")
        assert not User.objects.get(pk=ana.pk).mfa_enabled

    def test_counts_once_confirmed_and_shows_recovery_codes_once(self, ana: User, api) -> None:
        client = api(ana)
        seed = client.post(ENROLL).json()["secret"]
        answer = client.post(CONFIRM, {"otp_code": pyotp.TOTP(seed).now()})
        assert answer.status_code == 200
        assert len(set(answer.json()["recovery_codes"])) == 10
        assert client.get(ME).json()["mfa_enabled"] is True
        assert log_in("ana@test.test").json()["requires_mfa"] is True

    def test_refuses_a_wrong_first_code(self, ana: User, api) -> None:
        client = api(ana)
        seed = client.post(ENROLL).json()["secret"]
        wrong = f"{(int(pyotp.TOTP(seed).now()) + 1) % 1_000_000:06}"
        answer = client.post(CONFIRM, {"otp_code": wrong})
        assert answer.status_code == 400
        assert "otp_code" in answer.json()["error"]["details"]
        assert log_in("ana@test.test").json()["requires_mfa"] is False

    def test_ends_other_logins_and_keeps_this_one(self, ana: User, api) -> None:
        other, client = api(ana), api(ana)
        seed = client.post(ENROLL).json()["secret"]
        client.post(CONFIRM, {"otp_code": pyotp.TOTP(seed).now()})
        assert client.get(ME).status_code == 200
        assert other.get(ME).status_code == 401

    def test_does_not_replace_a_factor_in_use(self, ana: User, api) -> None:
        enrol(ana)
        answer = api(ana).post(ENROLL)
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "MFA_ALREADY_ENABLED"

    def test_refuses_to_confirm_nothing(self, ana: User, api) -> None:
        answer = api(ana).post(CONFIRM, {"otp_code": "123456"})
        assert answer.json()["error"]["code"] == "MFA_NOT_ENABLED"

    def test_keeps_neither_seed_nor_codes_readable(self, ana: User) -> None:
        factor = enrol(ana)
        with connection.cursor() as cursor:
            cursor.execute("SELECT seed FROM accounts_mfadevice")
            stored = bytes(cursor.fetchone()[0])
        assert factor.seed.encode() not in stored
        assert base64.b32decode(factor.seed) not in stored
        hashes = set(RecoveryCode.objects.values_list("code_hash", flat=True))
        assert not hashes & {code.replace("-", "") for code in factor.recovery_codes}

    def test_leaves_an_entry(self, ana: User, api) -> None:
        client = api(ana)
        seed = client.post(ENROLL).json()["secret"]
        client.post(CONFIRM, {"otp_code": pyotp.TOTP(seed).now()})
        entry = AuditEntry.objects.about(ana).filter(event="accounts.mfa.confirm").get()
        assert entry.actor_id == ana.pk
        assert seed not in str(AuditEntry.objects.values_list("changes", flat=True))


class TestSecondHalf:
    def test_gives_tokens_for_a_code(self, ana: User) -> None:
        factor = enrol(ana)
        first = log_in("ana@test.test").json()
        assert first["methods"] == ["totp", "recovery"]
        assert "access_token" not in first
        answer = verify(first["mfa_token"], factor.code())
        assert answer.status_code == 200
        assert opens(answer.json()["access_token"])

    def test_takes_cookies_too(self, ana: User) -> None:
        factor = enrol(ana)
        answer = verify(half_login(ana), factor.code(), query="?cookie=1")
        assert "access_token" not in answer.json()
        assert answer.cookies["osd_access"]["httponly"]

    @pytest.mark.parametrize("steps", [-1, 0, 1])
    def test_forgives_half_a_minute_between_clocks(self, ana: User, at, steps: int) -> None:
        factor = enrol(ana)
        assert accept_code(actor=ana, user=ana, code=factor.code(at, steps), at=at)

    @pytest.mark.parametrize("steps", [-2, 2])
    def test_forgives_no_more(self, ana: User, at, steps: int) -> None:
        factor = enrol(ana)
        assert not accept_code(actor=ana, user=ana, code=factor.code(at, steps), at=at)

    def test_takes_a_code_once(self, ana: User) -> None:
        factor, token = enrol(ana), half_login(ana)
        code = factor.code()
        assert verify(token, code).status_code == 200
        assert verify(token, code).status_code == 401

    def test_takes_no_earlier_code_after_a_later_one(self, ana: User, at) -> None:
        factor = enrol(ana)
        assert accept_code(actor=ana, user=ana, code=factor.code(at, 1), at=at)
        assert not accept_code(actor=ana, user=ana, code=factor.code(at), at=at)

    def test_takes_a_recovery_code_once(self, ana: User) -> None:
        code = enrol(ana).recovery_codes[3]
        assert verify(half_login(ana), code.upper()).status_code == 200
        assert verify(half_login(ana), code).status_code == 401

    def test_takes_no_recovery_code_of_somebody_else(self, ana: User, ben: User) -> None:
        enrol(ana)
        code = enrol(ben).recovery_codes[0]
        assert verify(half_login(ana), code).status_code == 401

    def test_cools_off_after_five_wrong_codes(self, ana: User) -> None:
        factor, token = enrol(ana), half_login(ana)
        for _ in range(installed.OTP_TRIES):
            assert verify(token, "000000").status_code == 401
        answer = verify(token, factor.code())
        assert answer.status_code == 429
        assert 1 <= int(answer["Retry-After"]) <= installed.OTP_COOL_OFF_SECONDS

    def test_a_new_login_does_not_lift_the_cool_off(self, ana: User) -> None:
        factor = enrol(ana)
        for _ in range(installed.OTP_TRIES):
            verify(half_login(ana), "000000")
        assert verify(half_login(ana), factor.code()).status_code == 429

    def test_refuses_when_the_counters_are_down(self, ana: User, settings) -> None:
        factor, token = enrol(ana), half_login(ana)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        answer = verify(token, factor.code())
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "UNAVAILABLE"


class TestHalfLogin:
    @pytest.mark.parametrize(
        "path", ["/auth/me", "/auth/sessions", "/patients", "/users", "/auth/mfa/enroll"]
    )
    def test_opens_nothing_else(self, dora: User, path: str) -> None:
        enrol(dora)
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {half_login(dora)}"}
        method = APIClient().post if path.endswith("enroll") else APIClient().get
        assert method("/api/v1" + path, **bearer).status_code == 401

    def test_opens_no_session_as_a_refresh_token(self, ana: User) -> None:
        enrol(ana)
        answer = APIClient().post("/api/v1/auth/refresh", {"refresh_token": half_login(ana)}, format="json")
        assert answer.status_code in {400, 401}

    def test_ends_after_five_minutes(self, ana: User) -> None:
        factor = enrol(ana)
        late = HALF_LOGIN.token_for(ana, at=timezone.now() - timedelta(minutes=5, seconds=1))
        assert verify(late, factor.code()).status_code == 401

    def test_ends_with_a_new_password(self, ana: User, acting) -> None:
        factor, token = enrol(ana), half_login(ana)
        with acting(ana):
            ana.set_password("another long password")
            ana.save(update_fields=["password"])
        assert verify(token, factor.code()).status_code == 401

    def test_is_not_taken_from_a_link_of_another_purpose(self, ana: User) -> None:
        factor = enrol(ana)
        assert verify(RESET.token_for(ana, at=timezone.now()), factor.code()).status_code == 401

    def test_is_not_forged(self, ana: User) -> None:
        factor = enrol(ana)
        assert verify(half_login(ana)[:-2] + "AA", factor.code()).status_code == 401


class TestRemoval:
    @pytest.mark.parametrize("proof", ["password", "otp_code"])
    def test_takes_a_proof(self, ana: User, api, proof: str) -> None:
        factor, client, other = enrol(ana), api(ana), api(ana)
        given = "correct horse battery staple" if proof == "password" else factor.code()
        assert client.delete(MFA, {proof: given}).status_code == 204
        assert log_in("ana@test.test").json()["requires_mfa"] is False
        assert not MfaDevice.objects.filter(user=ana).exists()
        assert client.get(ME).status_code == 200
        assert other.get(ME).status_code == 401

    @pytest.mark.parametrize("body", [{}, {"password": "wrong"}, {"otp_code": "000000"}])
    def test_refuses_without_one(self, ana: User, api, body: dict) -> None:
        enrol(ana)
        assert api(ana).delete(MFA, body).status_code == 400
        assert User.objects.get(pk=ana.pk).mfa_enabled

    def test_refuses_guessing(self, ana: User, api) -> None:
        enrol(ana)
        client = api(ana)
        for _ in range(installed.OTP_TRIES):
            client.delete(MFA, {"password": "wrong"})
        assert client.delete(MFA, {"password": "correct horse battery staple"}).status_code == 429

    def test_refuses_where_the_role_requires_one(self, ana: User, api, settings) -> None:
        enrol(ana)
        settings.MFA_REQUIRED_ROLES = ["practitioner"]
        answer = api(ana).delete(MFA, {"password": "correct horse battery staple"})
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "MFA_REQUIRED"


class TestRequiredByRole:
    @pytest.fixture(autouse=True)
    def _required(self, settings) -> None:
        settings.MFA_REQUIRED_ROLES = ["practitioner"]

    def test_opens_nothing_but_enrolment(self, ana: User) -> None:
        body = log_in("ana@test.test").json()
        assert body["requires_mfa_enrollment"] is True
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access_token']}")
        answer = client.get("/api/v1/auth/sessions")
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "MFA_ENROLLMENT_REQUIRED"
        assert client.get(ME).status_code == 200
        seed = client.post(ENROLL).json()["secret"]
        assert client.post(CONFIRM, {"otp_code": pyotp.TOTP(seed).now()}).status_code == 200
        assert client.get("/api/v1/auth/sessions").status_code == 200

    def test_holds_for_sessions_opened_before_the_rule(self, ana: User, ben: User, api) -> None:
        assert api(ana).get("/api/v1/auth/sessions").status_code == 403
        assert api(ben).get("/api/v1/auth/sessions").status_code == 200


class TestRequiredRolesCheck:
    def test_stops_the_start_on_a_role_that_does_not_exist(self, settings) -> None:
        settings.MFA_REQUIRED_ROLES = ["admin", "practicioner"]
        assert [error.id for error in required_roles_exist()] == ["accounts.E001"]

    def test_is_content_with_roles_of_the_house(self, settings) -> None:
        settings.MFA_REQUIRED_ROLES = ["admin", "practice_admin"]
        assert required_roles_exist() == []


class TestSms:
    @pytest.fixture
    def with_phone(self, ana: User, acting, settings) -> User:
        settings.MFA_SMS_ENABLED = True
        with acting(ana):
            ana.phone = "+33612345678"
            ana.save(update_fields=["phone"])
        enrol(ana)
        return ana

    def sent(self) -> str:
        return str(NotificationJob.objects.order_by("-id").first().context["code"])

    def test_completes_a_login(self, with_phone: User) -> None:
        first = log_in("ana@test.test").json()
        assert "sms" in first["methods"]
        assert APIClient().post(SMS, {"mfa_token": first["mfa_token"]}, format="json").status_code == 202
        code = self.sent()
        assert verify(first["mfa_token"], code).status_code == 200
        assert verify(first["mfa_token"], code).status_code == 401

    def test_keeps_no_readable_code(self, with_phone: User, api) -> None:
        api(with_phone).post(SMS)
        code = self.sent()
        assert code not in SmsCode.objects.get().code_hash

    def test_ends_after_five_minutes(self, with_phone: User, api) -> None:
        api(with_phone).post(SMS)
        late = timezone.now() + timedelta(minutes=5, seconds=1)
        assert not accept_code(actor=with_phone, user=with_phone, code=self.sent(), at=late)

    def test_ends_after_five_tries(self, with_phone: User, api) -> None:
        api(with_phone).post(SMS)
        now, code = timezone.now(), self.sent()
        wrong = "000000" if code != "000000" else "000001"
        for _ in range(SMS_TRIES):
            assert not accept_code(actor=with_phone, user=with_phone, code=wrong, at=now)
        assert not accept_code(actor=with_phone, user=with_phone, code=code, at=now)

    def test_is_not_sent_more_than_five_times_an_hour(self, with_phone: User, api) -> None:
        client = api(with_phone)
        assert [client.post(SMS).status_code for _ in range(6)] == [202] * 5 + [429]

    def test_is_off_by_default(self, ana: User, api) -> None:
        enrol(ana)
        answer = api(ana).post(SMS)
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "SMS_NOT_AVAILABLE"

    def test_needs_a_login_or_half_of_one(self) -> None:
        assert APIClient().post(SMS, {}, format="json").status_code == 401
        assert APIClient().post(SMS, {"mfa_token": "x:y"}, format="json").status_code == 401
