"""Accounts of a house: who may make, change, close and reopen which."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.accounts.roles import GRANTABLE, MATRIX, ROLES_BY_KIND, Role
from apps.directory.models import Insurer, Practice
from apps.notifications.models import NotificationJob
from tests.accounts.factors import ME, enrol, log_in
from tests.cast import make_user

USERS = "/api/v1/users"


def invited(**changes):
    return {
        "email": "zoe@test.test",
        "first_name": "Zoé",
        "last_name": "Blanc",
        "role": "assistant",
        **changes,
    }


class TestList:
    def test_shows_ones_own_house(self, dora: User, ana: User, cleo: User, ines: User, api) -> None:
        emails = {row["email"] for row in api(dora).get(USERS).json()["results"]}
        assert emails == {"dora@test.test", "ana@test.test"}

    def test_shows_an_insurers_own(self, ines: User, omar: User, nora: User, ana: User, api) -> None:
        emails = {row["email"] for row in api(ines).get(USERS).json()["results"]}
        assert emails == {"ines@test.test", "omar@test.test"}

    def test_shows_the_platforms_admin_all(self, root: User, ana: User, ines: User, api) -> None:
        assert api(root).get(USERS).json()["count"] == 3

    def test_filters_and_searches(self, dora: User, ana: User, ben: User, api) -> None:
        client = api(dora)
        assert client.get(USERS + "?role=assistant").json()["count"] == 1
        assert client.get(USERS + "?search=ana").json()["results"][0]["email"] == "ana@test.test"
        assert client.get(USERS + "?is_active=false").json()["count"] == 0
        assert client.get(USERS + "?nonsense=1").status_code == 400

    @pytest.mark.parametrize("rows", [1, 50])
    def test_asks_the_database_as_often_for_one_as_for_fifty(
        self, dora: User, practice: Practice, api, django_assert_max_num_queries, rows: int
    ) -> None:
        for n in range(rows):
            make_user(f"u{n}@test.test", Role.ASSISTANT, f"U{n}", practice=practice)
        client = api(dora)
        with django_assert_max_num_queries(4):
            assert client.get(USERS + "?page_size=200").json()["count"] == rows + 1

    def test_shows_no_secret(self, dora: User, api) -> None:
        row = api(dora).get(USERS).json()["results"][0]
        assert not {"password", "mfa_device", "recovery_codes"} & set(row)


class TestElsewhere:
    @pytest.mark.parametrize("verb", ["get", "patch", "deactivate", "reactivate", "reset-mfa"])
    def test_an_account_of_another_house_does_not_exist(
        self, dora: User, cleo: User, ines: User, api, verb: str
    ) -> None:
        client = api(dora)
        for other in (cleo, ines):
            path = f"{USERS}/{other.pk}"
            if verb == "get":
                answer = client.get(path)
            elif verb == "patch":
                answer = client.patch(path, {"first_name": "Taken"})
            else:
                answer = client.post(f"{path}/{verb}")
            assert answer.status_code == 404
            assert User.objects.get(pk=other.pk).first_name == other.first_name


class TestInvite:
    def test_puts_the_account_into_ones_own_house(self, dora: User, other_practice: Practice, api) -> None:
        answer = api(dora).post(USERS, invited())
        assert answer.status_code == 201
        assert answer.json()["practice"]["name"] == "Cabinet des Lilas"
        assert not User.objects.get(email="zoe@test.test").has_usable_password()

    def test_refuses_a_house_that_is_not_visible(self, dora: User, other_practice: Practice, api) -> None:
        answer = api(dora).post(USERS, invited(practice=str(other_practice.pk)))
        assert answer.status_code == 400
        assert "practice" in answer.json()["error"]["details"]

    def test_takes_no_password_from_anybody(self, dora: User, api) -> None:
        api(dora).post(USERS, invited(password="a password of mine"))
        assert log_in("zoe@test.test", "a password of mine").status_code == 401

    def test_refuses_an_address_in_use_without_a_mail(self, dora: User, ana: User, api) -> None:
        answer = api(dora).post(USERS, invited(email="ANA@test.test"))
        assert answer.status_code == 400
        assert "email" in answer.json()["error"]["details"]
        assert not NotificationJob.objects.exists()

    @pytest.mark.parametrize(
        "role", ["admin", "insurer_admin", "insurer_agent", "pharmacist", "doctor", "clinic_admin"]
    )
    def test_refuses_a_practice_admin_roles_of_other_houses(self, dora: User, api, role: str) -> None:
        answer = api(dora).post(USERS, invited(role=role))
        assert answer.status_code == 400
        assert "role" in answer.json()["error"]["details"]

    @pytest.mark.parametrize("role", ["admin", "practice_admin", "practitioner", "assistant"])
    def test_refuses_an_insurer_admin_roles_of_practices(self, ines: User, api, role: str) -> None:
        assert api(ines).post(USERS, invited(role=role)).status_code == 400

    def test_refuses_a_practitioner_of_another_practice(self, dora: User, other_house, api) -> None:
        body = invited(role="practitioner", practitioner=str(other_house.practitioners[0].pk))
        answer = api(dora).post(USERS, body)
        assert answer.status_code == 400
        assert "practitioner" in answer.json()["error"]["details"]

    def test_lets_the_platforms_admin_name_the_house(self, root: User, practice: Practice, api) -> None:
        answer = api(root).post(USERS, invited(role="practice_admin", practice=str(practice.pk)))
        assert answer.status_code == 201

    def test_refuses_a_role_outside_the_kind_of_practice(self, root: User, practice: Practice, api) -> None:
        answer = api(root).post(USERS, invited(role="pharmacist", practice=str(practice.pk)))
        assert answer.status_code == 400
        assert "role" in answer.json()["error"]["details"]

    def test_refuses_a_role_without_its_house(self, root: User, insurer: Insurer, api) -> None:
        assert api(root).post(USERS, invited(role="assistant", insurer=str(insurer.pk))).status_code == 400
        assert api(root).post(USERS, invited(role="assistant")).status_code == 400


class TestUpdate:
    def test_changes_name_phone_and_role(self, dora: User, ben: User, api) -> None:
        body = {"first_name": "Benoît", "phone": "+33612345678", "role": "practitioner"}
        answer = api(dora).patch(f"{USERS}/{ben.pk}", body)
        assert answer.status_code == 200
        assert (answer.json()["first_name"], answer.json()["role"]) == ("Benoît", "practitioner")

    def test_does_not_change_address_house_or_password(
        self, dora: User, ben: User, other_practice, api
    ) -> None:
        before = User.objects.get(pk=ben.pk)
        body = {
            "email": "x@test.test",
            "practice": str(other_practice.pk),
            "password": "x" * 20,
            "is_active": False,
        }
        assert api(dora).patch(f"{USERS}/{ben.pk}", body).status_code == 200
        after = User.objects.get(pk=ben.pk)
        for name in ("email", "practice_id", "password", "is_active"):
            assert getattr(after, name) == getattr(before, name), name

    @pytest.mark.parametrize("role", ["admin", "insurer_admin", "pharmacist"])
    def test_grants_no_role_of_another_house(self, dora: User, ben: User, api, role: str) -> None:
        assert api(dora).patch(f"{USERS}/{ben.pk}", {"role": role}).status_code == 400
        assert User.objects.get(pk=ben.pk).role == "assistant"

    def test_does_not_change_ones_own_role(self, dora: User, api) -> None:
        answer = api(dora).patch(f"{USERS}/{dora.pk}", {"role": "practitioner"})
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "OWN_ACCOUNT"

    def test_refuses_those_who_do_not_manage_accounts(self, ana: User, ben: User, omar: User, api) -> None:
        for user in (ana, ben, omar):
            assert api(user).patch(f"{USERS}/{ben.pk}", {"first_name": "X"}).status_code == 403
            assert api(user).post(USERS, invited()).status_code == 403

    def test_does_not_take_the_last_administrator(self, root: User, dora: User, api) -> None:
        answer = api(root).patch(f"{USERS}/{dora.pk}", {"role": "assistant"})
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "LAST_ADMINISTRATOR"

    def test_takes_one_of_two(self, root: User, dora: User, practice: Practice, api) -> None:
        make_user("eve@test.test", Role.PRACTICE_ADMIN, "Eve", practice=practice)
        assert api(root).patch(f"{USERS}/{dora.pk}", {"role": "assistant"}).status_code == 200


class TestClosing:
    def test_ends_access_at_once_and_comes_back(self, dora: User, ben: User, api) -> None:
        client, theirs = api(dora), api(ben)
        assert client.post(f"{USERS}/{ben.pk}/deactivate").json()["is_active"] is False
        assert theirs.get(ME).status_code == 401
        assert log_in("ben@test.test").status_code == 401
        assert client.post(f"{USERS}/{ben.pk}/reactivate").json()["is_active"] is True
        assert theirs.get(ME).status_code == 401
        assert log_in("ben@test.test").status_code == 200

    def test_does_not_close_ones_own(self, dora: User, api) -> None:
        assert api(dora).post(f"{USERS}/{dora.pk}/deactivate").status_code == 409

    @pytest.mark.parametrize("who", ["dora", "ines"])
    def test_does_not_close_the_last_administrator(
        self, dora: User, ines: User, root: User, api, who: str
    ) -> None:
        user = {"dora": dora, "ines": ines}[who]
        answer = api(root).post(f"{USERS}/{user.pk}/deactivate")
        assert answer.json()["error"]["code"] == "LAST_ADMINISTRATOR"
        assert User.objects.get(pk=user.pk).is_active


class TestResetMfa:
    def test_removes_a_lost_factor_and_ends_access(self, dora: User, ben: User, api) -> None:
        enrol(ben)
        theirs = api(ben)
        answer = api(dora).post(f"{USERS}/{ben.pk}/reset-mfa")
        assert answer.json()["mfa_enabled"] is False
        assert theirs.get(ME).status_code == 401
        assert log_in("ben@test.test").json()["requires_mfa"] is False

    def test_is_not_a_way_around_ones_own(self, dora: User, api) -> None:
        enrol(dora)
        answer = api(dora).post(f"{USERS}/{dora.pk}/reset-mfa")
        assert answer.json()["error"]["code"] == "OWN_ACCOUNT"
        assert User.objects.get(pk=dora.pk).mfa_enabled


class TestRoles:
    def test_nobody_grants_a_right_to_run_a_house_that_they_do_not_hold(self) -> None:
        running = {perm for perm in MATRIX if perm.startswith(("accounts.", "audit.", "auth."))}
        for granter, roles in GRANTABLE.items():
            held = {perm for perm in running if granter in MATRIX[perm]}
            for role in roles:
                assert {perm for perm in running if role in MATRIX[perm]} <= held, (granter, role)

    def test_only_three_roles_grant_any(self) -> None:
        assert set(GRANTABLE) == {"practice_admin", "insurer_admin", "admin"}
        assert GRANTABLE[Role.PRACTICE_ADMIN] == {"assistant", "practitioner", "practice_admin"}
        assert GRANTABLE[Role.INSURER_ADMIN] == {"insurer_admin", "insurer_agent"}

    def test_every_kind_of_practice_has_its_roles(self) -> None:
        assert set(ROLES_BY_KIND) == set(Practice.Kind.values)

    def test_nobody_is_a_superuser(self, root: User) -> None:
        assert root.is_superuser is False
        assert not any(field.name == "is_superuser" for field in User._meta.get_fields())
