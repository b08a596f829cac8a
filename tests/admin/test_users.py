"""Accounts through the admin: the service decides whom one may make what."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Session, User
from apps.accounts.roles import Role
from apps.audit.models import AuditEntry
from apps.notifications.models import NotificationJob
from tests.cast import make_user

ADD = "/admin/accounts/user/add/"


def form(**changes: Any) -> dict[str, Any]:
    return {
        "first_name": "Lou",
        "last_name": "Blanc",
        "email": "Lou@Test.test",
        "phone": "",
        "language": "fr",
        "role": "assistant",
        "practitioner": "",
        **changes,
    }


def page(user: User, name: str = "change") -> str:
    return f"/admin/accounts/user/{user.pk}/{name}/"


def change_form(user: User, **changes: Any) -> dict[str, Any]:
    return {
        **form(first_name=user.first_name, last_name=user.last_name, email=user.email, role=user.role),
        "sessions-TOTAL_FORMS": "0",
        "sessions-INITIAL_FORMS": "0",
        **changes,
    }


@pytest.mark.django_db
class TestCreating:
    def test_makes_an_account_of_ones_own_house(self, dora: User, browser) -> None:
        assert browser(dora).post(ADD, form()).status_code == 302
        lou = User.objects.get(email="lou@test.test")
        assert (lou.practice_id, lou.role) == (dora.practice_id, "assistant")
        assert not lou.has_usable_password()
        entry = AuditEntry.objects.about(lou).get()
        assert (entry.event, entry.actor_id) == ("accounts.user.create", dora.pk)

    def test_writes_the_owner_an_invitation(self, dora: User, browser) -> None:
        browser(dora).post(ADD, form())
        job = NotificationJob.objects.get(template_key="account.invitation")
        assert job.cause_id == User.objects.get(email="lou@test.test").pk

    @pytest.mark.parametrize("role", ["admin", "insurer_admin", "pharmacist"])
    def test_refuses_a_role_beyond_ones_own(self, dora: User, browser, role: str) -> None:
        answer = browser(dora).post(ADD, form(role=role))
        assert answer.status_code == 200
        assert "role" in answer.context["adminform"].form.errors
        assert not User.objects.filter(email="lou@test.test").exists()

    def test_refuses_a_practitioner_of_another_practice(self, dora: User, cleo: User, browser) -> None:
        answer = browser(dora).post(ADD, form(practitioner=str(cleo.practitioner_id)))
        assert "practitioner" in answer.context["adminform"].form.errors

    def test_refuses_an_email_in_use(self, dora: User, ben: User, browser) -> None:
        assert (
            "email" in browser(dora).post(ADD, form(email="ben@test.test")).context["adminform"].form.errors
        )

    def test_the_platform_names_the_house(self, root: User, practice, browser) -> None:
        assert browser(root).post(ADD, form(practice=str(practice.pk), insurer="")).status_code == 302
        assert User.objects.get(email="lou@test.test").practice_id == practice.pk


@pytest.mark.django_db
class TestChanging:
    def test_a_new_role_ends_the_sessions(self, dora: User, ben: User, api, browser) -> None:
        api(ben)
        answer = browser(dora).post(page(ben), change_form(ben, role="practice_admin"))
        assert answer.status_code == 302
        assert User.objects.get(pk=ben.pk).role == "practice_admin"
        assert not Session.objects.filter(user=ben, revoked_at__isnull=True).exists()

    def test_ones_own_role_stays(self, dora: User, browser) -> None:
        answer = browser(dora).post(page(dora), change_form(dora, role="assistant"))
        assert answer.status_code == 200
        assert answer.context["adminform"].form.non_field_errors()
        assert User.objects.get(pk=dora.pk).role == Role.PRACTICE_ADMIN

    def test_the_house_keeps_its_last_administrator(self, dora: User, root: User, browser) -> None:
        client = browser(root)
        answer = client.post(
            page(dora), change_form(dora, role="assistant", practice=str(dora.practice_id), insurer="")
        )
        assert answer.status_code == 200
        client.post(page(dora, "do/deactivate"), {"confirmed": "yes"})
        dora.refresh_from_db()
        assert (dora.role, dora.is_active) == (Role.PRACTICE_ADMIN, True)

    def test_another_house_is_not_there(self, dora: User, cleo: User, browser) -> None:
        client = browser(dora)
        assert client.get(page(cleo)).status_code == 404
        assert client.post(page(cleo, "do/deactivate"), {"confirmed": "yes"}).status_code == 404
        assert User.objects.get(pk=cleo.pk).is_active


@pytest.mark.django_db
class TestClosing:
    def test_asks_first(self, dora: User, ben: User, browser) -> None:
        answer = browser(dora).get(page(ben, "do/deactivate"))
        assert answer.status_code == 200
        assert ben.display_name in answer.content.decode()
        assert User.objects.get(pk=ben.pk).is_active

    def test_closes_and_reopens(self, dora: User, ben: User, api, browser) -> None:
        phone, client = api(ben), browser(dora)
        assert client.post(page(ben, "do/deactivate"), {"confirmed": "yes"}).status_code == 302
        assert not User.objects.get(pk=ben.pk).is_active
        assert phone.get("/api/v1/auth/me").status_code == 401
        client.post(page(ben, "do/reactivate"), {"confirmed": "yes"})
        assert User.objects.get(pk=ben.pk).is_active

    def test_from_the_list_reports_each_refusal(self, dora: User, ben: User, browser) -> None:
        chosen = {"action": "deactivate", "_selected_action": [str(ben.pk), str(dora.pk)]}
        client = browser(dora)
        assert client.post("/admin/accounts/user/", chosen).status_code == 200
        answer = client.post("/admin/accounts/user/", {**chosen, "confirmed": "yes"}, follow=True)
        said = [str(message) for message in answer.context["messages"]]
        assert len(said) == 2
        assert any(dora.display_name in sentence for sentence in said)
        assert not User.objects.get(pk=ben.pk).is_active
        assert User.objects.get(pk=dora.pk).is_active

    def test_ends_one_login(self, dora: User, ben: User, api, browser) -> None:
        phone = api(ben)
        session = Session.objects.get(user=ben)
        address = f"/admin/accounts/session/{session.pk}/do/end_login/"
        assert browser(dora).post(address, {"confirmed": "yes"}).status_code in {302, 200}
        assert phone.get("/api/v1/auth/me").status_code == 401

    def test_an_assistant_does_none_of_it(self, ben: User, ana: User, browser) -> None:
        assert browser(ben).post(page(ana, "do/deactivate"), {"confirmed": "yes"}).status_code == 403
        assert User.objects.get(pk=ana.pk).is_active


@pytest.mark.django_db
class TestOwnPassword:
    def test_ends_the_other_sessions_and_keeps_this_one(self, ben: User, api, browser) -> None:
        phone, client = api(ben), browser(ben)
        new = "un tout autre secret"
        answer = client.post(
            "/admin/password_change/",
            {"old_password": "correct horse battery staple", "new_password1": new, "new_password2": new},
        )
        assert answer.status_code == 302
        assert client.get("/admin/").status_code == 200
        assert phone.get("/api/v1/auth/me").status_code == 401


@pytest.mark.django_db
def test_two_administrators_may_part(dora: User, root: User, browser) -> None:
    second = make_user("dan@test.test", Role.PRACTICE_ADMIN, "Dan", practice=dora.practice)
    browser(dora).post(page(second, "do/deactivate"), {"confirmed": "yes"})
    assert not User.objects.get(pk=second.pk).is_active
