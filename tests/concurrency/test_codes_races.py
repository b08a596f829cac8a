"""One code, a hundred hands; wrong guesses that slip under a limit together; right ones that must not."""

from __future__ import annotations

from collections import Counter

import pytest
from django.conf import settings as installed
from django.utils import timezone

from apps.accounts import login, mfa
from apps.accounts.models import MfaDevice, User
from apps.core import limits
from tests.accounts.factors import enrol, half_login, log_in, verify
from tests.concurrency.crowd import race
from tests.figures import figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
HANDS = 100


def use_by_all(user: User, code: str, hands: int = HANDS) -> Counter[int]:
    token = half_login(user)
    return Counter(race(lambda _n: verify(token, code).status_code, hands))


@pytest.mark.figures
class TestOneCode:
    @pytest.fixture(autouse=True)
    def _no_limit(self, settings) -> None:
        # The limit of wrong codes must not be what keeps the hundred apart.
        settings.OTP_TRIES = 1000

    def test_is_accepted_once(self, ana: User) -> None:
        answers = use_by_all(ana, enrol(ana).code())
        figure("parallel_uses_of_one_code", answers[200], "1")
        assert answers == {200: 1, 401: HANDS - 1}

    def test_is_accepted_often_without_the_condition(self, ana: User, monkeypatch) -> None:
        def check_then_write(device: MfaDevice, code: str, *, at) -> bool:
            step = mfa.step_of(device.seed, code, at=at)
            if step is None or device.last_step >= step:
                return False
            return bool(MfaDevice.objects.filter(pk=device.pk).update(last_step=step))

        monkeypatch.setattr(mfa, "spend_step", check_then_write)
        assert use_by_all(ana, enrol(ana).code())[200] > 1

    def test_of_the_recovery_list_is_accepted_once(self, ana: User) -> None:
        assert use_by_all(ana, enrol(ana).recovery_codes[0], 16)[200] == 1

    def test_of_an_sms_is_accepted_once(self, ana: User, acting, settings) -> None:
        settings.MFA_SMS_ENABLED = True
        enrol(ana)
        mfa.SmsCode.objects.create(
            user=ana, code_hash=mfa.sms_hash(ana, "123456"), expires_at=timezone.now() + mfa.SMS_LIFETIME
        )
        assert use_by_all(ana, "123456", 16)[200] == 1


class TestWrongCodes:
    def judged(self, user: User, monkeypatch) -> int:
        """Guess fifty wrong codes at once and return how many were looked at."""
        enrol(user)
        token, looked = half_login(user), []
        real = login.accept_code

        def counted(**kwargs) -> bool:
            looked.append(1)
            return real(**kwargs)

        monkeypatch.setattr(login, "accept_code", counted)
        race(lambda _n: verify(token, "000000"), 50)
        return len(looked)

    def test_five_are_looked_at(self, ana: User, monkeypatch) -> None:
        assert self.judged(ana, monkeypatch) == installed.OTP_TRIES

    def test_more_are_without_places(self, ana: User, monkeypatch) -> None:
        monkeypatch.setattr(limits, "ADMIT", limits.ADMIT.replace("+ redis.call('ZCARD', KEYS[2])", ""))
        assert self.judged(ana, monkeypatch) > installed.OTP_TRIES


class TestPasswords:
    def test_thirty_right_ones_at_once_all_open(self, ana: User) -> None:
        answers = Counter(race(lambda _n: log_in("ana@test.test").status_code, 30))
        assert answers == {200: 30}

    def test_thirty_wrong_ones_at_once_count_five(self, ana: User, settings, redis_server) -> None:
        settings.LOGIN_PER_ADDRESS_PER_MINUTE = 1000
        answers = Counter(race(lambda _n: log_in("ana@test.test", "wrong").status_code, 30))
        assert answers == {401: 30}
        key = next(key for key in redis_server.scan_iter("osd:guess:*account*failed"))
        assert int(redis_server.get(key)) == installed.LOGIN_FAILURES_PER_ACCOUNT
