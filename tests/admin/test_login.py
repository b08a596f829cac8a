"""The admin's login: by email, counted with the API's, recorded as the person's own act."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from tests.cast import PASSWORD

LOGIN = "/admin/login/"


def log_in(email: str, password: str = PASSWORD):
    return Client().post(LOGIN, {"username": email, "password": password})


@pytest.mark.django_db
class TestAdminLogin:
    def test_asks_for_an_email(self) -> None:
        page = Client().get(LOGIN).content.decode()
        assert 'type="email"' in page

    def test_opens_the_site(self, ana: User) -> None:
        answer = log_in("ana@test.test")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")

    def test_is_recorded_as_the_persons_own_act(self, ana: User) -> None:
        log_in("ana@test.test")
        entry = AuditEntry.objects.about(ana).order_by("-id").first()
        assert entry is not None
        assert (entry.event, entry.actor_id, entry.actor_role) == (
            "accounts.session.open",
            ana.pk,
            "practitioner",
        )
        assert list(entry.changes) == ["last_login"]

    def test_answers_every_failure_alike(self, ana: User, dora: User, acting) -> None:
        with acting(dora):
            User.objects.filter(pk=dora.pk).update(is_active=False)
        tries = [("ana@test.test", "wrong"), ("nobody@test.test", PASSWORD), ("dora@test.test", PASSWORD)]
        answers = [log_in(email, password) for email, password in tries]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({str(answer.context["form"].non_field_errors()) for answer in answers}) == 1

    def test_cools_an_account_off(self, ana: User) -> None:
        for _ in range(settings.LOGIN_FAILURES_PER_ACCOUNT):
            log_in("ana@test.test", "wrong")
        assert log_in("ana@test.test").status_code == 200

    def test_ends_with_the_account(self, ana: User, acting) -> None:
        client = Client()
        client.post(LOGIN, {"username": "ana@test.test", "password": PASSWORD})
        assert client.get("/admin/").status_code == 200
        with acting(ana):
            User.objects.filter(pk=ana.pk).update(is_active=False)
        assert client.get("/admin/").status_code == 302

    def test_ends_with_the_role(self, ana: User, acting) -> None:
        client = Client()
        client.post(LOGIN, {"username": "ana@test.test", "password": PASSWORD})
        with acting(ana):
            User.objects.filter(pk=ana.pk).update(role="assistant")
        assert client.get("/admin/").status_code == 302
