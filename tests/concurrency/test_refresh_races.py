"""One refresh token, twenty hands; and a login that ends while it is being renewed."""

from __future__ import annotations

from collections import Counter
from threading import Event, Thread
from time import sleep

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts import services, sessions
from apps.accounts.models import Session, User
from apps.accounts.passwords import RESET
from apps.accounts.querysets import SessionQuerySet
from apps.accounts.roles import Role
from apps.core.errors import DomainError
from tests.accounts.factors import REFRESH
from tests.cast import make_user
from tests.concurrency.crowd import race
from tests.figures import figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
HANDS = 20


def refresh_by_all(user: User) -> Counter[int]:
    secret = sessions.open_session(actor=user, user=user, at=timezone.now()).refresh_token
    answers = race(
        lambda _n: APIClient().post(REFRESH, {"refresh_token": secret}, format="json").status_code, HANDS
    )
    return Counter(answers)


@pytest.mark.figures
class TestRefresh:
    def test_gives_one_successor(self, ana: User) -> None:
        answers = refresh_by_all(ana)
        figure("parallel_refreshes_of_one_token", answers[200], "1")
        assert answers == {200: 1, 401: HANDS - 1}
        assert Session.objects.filter(user=ana).count() == 2

    def test_gives_many_without_the_condition(self, ana: User, monkeypatch) -> None:
        monkeypatch.setattr(SessionQuerySet, "current", lambda rows, at: rows.live(at))
        assert refresh_by_all(ana)[200] > 1


class TestEndWhileRenewing:
    def end_beside_a_refresh(self, user: User, monkeypatch) -> int:
        """End the login between the new link's writing and its commit; return how many links still live."""
        pair = sessions.open_session(actor=user, user=user, at=timezone.now())
        session = Session.objects.get(user=user)
        written, real = Event(), sessions.issue

        def slow_issue(*args, **kwargs):
            answer = real(*args, **kwargs)
            written.set()
            sleep(0.5)
            return answer

        monkeypatch.setattr(sessions, "issue", slow_issue)

        def renew() -> None:
            sessions.refresh(refresh_token=pair.refresh_token, at=timezone.now())
            connections.close_all()

        renewing = Thread(target=renew)
        renewing.start()
        written.wait(10)
        sessions.log_out(actor=user, session=session, at=timezone.now())
        renewing.join()
        return Session.objects.live(timezone.now()).count()

    def test_no_link_outlives_the_logout(self, ana: User, monkeypatch) -> None:
        assert self.end_beside_a_refresh(ana, monkeypatch) == 0

    def test_one_does_without_the_lock(self, ana: User, monkeypatch) -> None:
        monkeypatch.setattr(sessions, "hold_user", lambda pk: User.objects.get(pk=pk))
        assert self.end_beside_a_refresh(ana, monkeypatch) == 1


class TestResetLink:
    def use_by_all(self, user: User) -> int:
        token = RESET.token_for(user, at=timezone.now())
        body = {"token": token, "new_password": "a much longer password"}
        answers = race(
            lambda _n: APIClient().post("/api/v1/auth/password/reset", body, format="json").status_code, 16
        )
        return answers.count(204)

    def test_works_once(self, ana: User) -> None:
        assert self.use_by_all(ana) == 1

    def test_works_often_without_the_lock(self, ana: User, monkeypatch) -> None:
        real = type(RESET).user_of
        monkeypatch.setattr(
            type(RESET), "user_of", lambda link, token, *, at, lock=False: real(link, token, at=at)
        )
        assert self.use_by_all(ana) > 1


class TestLastAdministrator:
    def close_each_other(self, practice, acting, rounds: int) -> Counter[str]:
        """Let two administrators close each other's account at once; count how the rounds ended."""
        ends: Counter[str] = Counter()
        for number in range(rounds):
            pair = [
                make_user(f"{name}{number}@test.test", Role.PRACTICE_ADMIN, name, practice=practice)
                for name in "ab"
            ]

            def close(hand: int, pair: list[User] = pair) -> str:
                actor, user = pair[hand], pair[1 - hand]
                try:
                    services.deactivate_user(actor=actor, user=user, at=timezone.now())
                except DomainError as refusal:
                    return refusal.code
                return "closed"

            answers = race(close, 2)
            ends.update(answer if isinstance(answer, str) else type(answer).__name__ for answer in answers)
            left = User.objects.filter(role=Role.PRACTICE_ADMIN, is_active=True)
            ends[f"left {left.count()}"] += 1
            with acting(pair[0]):
                left.update(is_active=False)
        return ends

    def test_one_of_two_stays(self, practice, acting) -> None:
        ends = self.close_each_other(practice, acting, 10)
        assert ends == {"closed": 10, "LAST_ADMINISTRATOR": 10, "left 1": 10}

    def test_none_stays_without_the_lock(self, practice, acting, monkeypatch) -> None:
        def unlocked(actor: User, user: User) -> User:
            found = User.objects.get(pk=user.pk)
            sleep(0.05)
            return found

        def slow_check(user: User) -> None:
            services_check(user)
            sleep(0.2)

        services_check = services.keep_an_administrator
        monkeypatch.setattr(services, "locked", unlocked)
        monkeypatch.setattr(services, "keep_an_administrator", slow_check)
        assert self.close_each_other(practice, acting, 3)["left 0"] > 0
