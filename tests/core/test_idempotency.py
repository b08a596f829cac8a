"""Idempotency-Key: the stored answer, the mismatch, the refusal that leaves nothing, the seal, the purge."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.core import idempotency
from apps.core.models import IdempotencyKey
from apps.core.tasks import purge_idempotency
from apps.patients.models import Patient

PATIENTS = "/api/v1/patients"
KEY = {"HTTP_IDEMPOTENCY_KEY": "front-desk-0001"}


def body(**changes):
    return {
        "first_name": "Camille",
        "last_name": "Marqueur",
        "birth_date": "1980-05-04",
        "allow_duplicate": True,
        **changes,
    }


class TestIdempotencyKey:
    def test_gives_the_stored_answer(self, ben: User, api) -> None:
        client = api(ben)
        first = client.post(PATIENTS, body(), **KEY)
        again = client.post(PATIENTS, body(), **KEY)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again["Idempotent-Replay"] == "true"
        assert Patient.objects.count() == 1

    def test_does_not_mind_the_order_of_the_fields(self, ben: User, api) -> None:
        client = api(ben)
        client.post(PATIENTS, body(), **KEY)
        assert client.post(PATIENTS, dict(reversed(body().items())), **KEY).status_code == 201

    def test_refuses_another_body(self, ben: User, api) -> None:
        client = api(ben)
        client.post(PATIENTS, body(), **KEY)
        answer = client.post(PATIENTS, body(first_name="Claude"), **KEY)
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "IDEMPOTENCY_MISMATCH"
        assert Patient.objects.count() == 1

    def test_refuses_another_query(self, ben: User, api) -> None:
        client = api(ben)
        client.post(PATIENTS, body(), **KEY)
        assert client.post(PATIENTS + "?x=1", body(), **KEY).status_code == 422

    def test_belongs_to_its_caller_and_route(self, ben: User, dora: User, carl: User, api) -> None:
        for user in (ben, dora, carl):
            assert api(user).post(PATIENTS, body(), **KEY).status_code == 201
        assert Patient.objects.count() == 3
        assert api(dora).post("/api/v1/auth/logout", **KEY).status_code == 204

    def test_leaves_nothing_of_a_refusal(self, ben: User, api) -> None:
        client = api(ben)
        assert client.post(PATIENTS, body(birth_date="never"), **KEY).status_code == 400
        assert not IdempotencyKey.objects.exists()
        assert client.post(PATIENTS, body(), **KEY).status_code == 201

    def test_takes_a_short_key(self, ben: User, api) -> None:
        answers = [api(ben).post(PATIENTS, body(), HTTP_IDEMPOTENCY_KEY="1").json()["id"] for _ in range(2)]
        assert answers[0] == answers[1]

    @pytest.mark.parametrize("key", ["x" * 129, "clé-pas-ascii", "tab\there-in-key"])
    def test_refuses_a_key_of_another_form(self, ben: User, api, key: str) -> None:
        assert api(ben).post(PATIENTS, body(), HTTP_IDEMPOTENCY_KEY=key).status_code == 400

    def test_means_nothing_without_a_login(self, ana: User, api) -> None:
        login = {"email": "ana@test.test", "password": "correct horse battery staple"}
        tokens = {api().post("/api/v1/auth/login", login, **KEY).json()["access_token"] for _ in range(2)}
        assert len(tokens) == 2
        assert not IdempotencyKey.objects.exists()

    def test_does_not_outlive_the_right(self, ben: User, api, acting) -> None:
        client = api(ben)
        client.post(PATIENTS, body(), **KEY)
        with acting(ben):
            User.objects.filter(pk=ben.pk).update(is_active=False)
        assert client.post(PATIENTS, body(), **KEY).status_code == 401

    def test_seals_the_answer(self, ben: User, api) -> None:
        api(ben).post(PATIENTS, body(), **KEY)
        with connection.cursor() as cursor:
            cursor.execute("SELECT t::text, answer FROM core_idempotencykey t")
            row, answer = cursor.fetchone()
        assert "Marqueur" not in row
        assert b"Marqueur" not in bytes(answer)
        assert IdempotencyKey.objects.get().answer["last_name"].upper() == "MARQUEUR"


class TestAge:
    def test_a_day_later_the_key_is_new(self, ben: User, api) -> None:
        client = api(ben)
        client.post(PATIENTS, body(), **KEY)
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
        answer = client.post(PATIENTS, body(first_name="Claude"), **KEY)
        assert answer.status_code == 201
        assert IdempotencyKey.objects.count() == 1

    def test_the_purge_takes_what_is_older_than_a_day(self, ben: User, api) -> None:
        client = api(ben)
        for n in range(2):
            client.post(PATIENTS, body(), HTTP_IDEMPOTENCY_KEY=f"front-desk-{n}")
        old = IdempotencyKey.objects.get(key="front-desk-0")
        IdempotencyKey.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
        assert purge_idempotency() == 1
        assert IdempotencyKey.objects.get().key == "front-desk-1"


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
class TestUnderWay:
    def test_tells_the_second_request_to_come_back(self, ben: User, api) -> None:
        client = api(ben)
        held, done = Event(), Event()

        def hold() -> None:
            with transaction.atomic():
                idempotency.try_lock(f"{ben.pk}|POST {PATIENTS}|front-desk-0001")
                held.set()
                done.wait(10)
            connections.close_all()

        holder = Thread(target=hold)
        holder.start()
        held.wait(10)
        answer = client.post(PATIENTS, body(), **KEY)
        done.set()
        holder.join()
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"
        assert answer["Retry-After"] == "1"
        assert client.post(PATIENTS, body(), **KEY).status_code == 201
