"""The admin's login asks for the second factor and obeys the limits of the API's."""

from __future__ import annotations

import pytest
from django.conf import settings as installed
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import reset_mfa
from apps.notifications.models import NotificationJob
from tests.accounts.factors import enrol, half_login, verify
from tests.cast import PASSWORD

LOGIN = "/admin/login/"


def log_in(email: str, password: str = PASSWORD, otp_code: str = ""):
    return Client().post(LOGIN, {"username": email, "password": password, "otp_code": otp_code})


class TestAdminLogin:
    def test_asks_for_the_code_on_its_page(self, db: None) -> None:
        page = Client().get(LOGIN).content.decode()
        assert 'name="otp_code"' in page
        assert 'autocomplete="one-time-code"' in page

    def test_takes_password_and_code(self, ana: User) -> None:
        assert log_in("ana@test.test", otp_code=enrol(ana).code()).status_code == 302

    def test_takes_a_recovery_code(self, ana: User) -> None:
        assert log_in("ana@test.test", otp_code=enrol(ana).recovery_codes[0]).status_code == 302

    @pytest.mark.parametrize("code", ["", "000000"])
    def test_refuses_without_the_right_code(self, ana: User, code: str) -> None:
        enrol(ana)
        answer = log_in("ana@test.test", otp_code=code)
        assert answer.status_code == 200
        assert answer.context["form"].non_field_errors()

    def test_refuses_a_code_spent_in_the_api(self, ana: User) -> None:
        factor = enrol(ana)
        code = factor.code()
        verify(half_login(ana), code)
        assert log_in("ana@test.test", otp_code=code).status_code == 200

    def test_cools_off_with_the_api(self, ana: User) -> None:
        factor = enrol(ana)
        for _ in range(installed.OTP_TRIES):
            verify(half_login(ana), "000000")
        assert log_in("ana@test.test", otp_code=factor.code()).status_code == 429

    def test_limits_an_address(self, ana: User) -> None:
        for n in range(installed.LOGIN_PER_ADDRESS_PER_MINUTE):
            log_in(f"x{n}@test.test", "wrong")
        assert log_in("ana@test.test").status_code == 429

    def test_is_closed_when_the_counters_are_down(self, ana: User, settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert log_in("ana@test.test").status_code == 503

    def test_is_closed_to_whoever_owes_a_second_factor(self, ana: User, settings) -> None:
        settings.MFA_REQUIRED_ROLES = ["practitioner"]
        assert log_in("ana@test.test").status_code == 200

    def test_ends_when_a_second_factor_becomes_due(self, ana: User, settings) -> None:
        client = Client()
        client.post(LOGIN, {"username": "ana@test.test", "password": PASSWORD})
        assert client.get("/admin/password_change/").status_code == 200
        settings.MFA_REQUIRED_ROLES = ["practitioner"]
        assert client.get("/admin/password_change/").status_code == 302

    def test_ends_with_a_change_of_the_second_factor(self, ana: User, dora: User, at) -> None:
        factor, client = enrol(ana), Client()
        client.post(LOGIN, {"username": "ana@test.test", "password": PASSWORD, "otp_code": factor.code()})
        assert client.get("/admin/password_change/").status_code == 200
        reset_mfa(actor=dora, user=ana, at=at)
        assert client.get("/admin/password_change/").status_code == 302

    def test_has_no_side_door_for_those_with_a_second_factor(self, ana: User) -> None:
        enrol(ana)
        assert not Client().login(username="ana@test.test", password=PASSWORD)


class TestNewAccount:
    def test_is_an_invitation(self, dora: User, acting) -> None:
        client = Client()
        with acting(dora):
            client.force_login(dora)
        page = client.get("/admin/accounts/user/add/")
        assert 'name="password"' not in page.content.decode()
        body = {
            "first_name": "Zoé", "last_name": "Blanc", "email": "zoe@test.test", "phone": "",
            "language": "fr", "role": "assistant", "practitioner": "",
        }  # fmt: skip
        answer = client.post("/admin/accounts/user/add/", body)
        assert answer.status_code == 302, answer.context["errors"]
        assert NotificationJob.objects.get().template_key == "account.invitation"
