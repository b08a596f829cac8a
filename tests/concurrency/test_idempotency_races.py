"""One key, sixteen hands, fifty times over: fifty effects."""

from __future__ import annotations

from collections import Counter, defaultdict
from time import sleep

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core import idempotency
from apps.core.models import IdempotencyKey
from apps.patients.models import Patient
from tests.accounts.factors import log_in
from tests.concurrency.crowd import race
from tests.figures import FULL, figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
PATIENTS = "/api/v1/patients"
HANDS = 16
KEYS = 50 if FULL else 10


def client_of(user: User) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {log_in(user.email).json()['access_token']}")
    return client


def post_until_answered(client: APIClient, key: str) -> tuple[str, int, str]:
    """Post as a patient client does: come back while the first request is under way."""
    body = {"first_name": "Camille", "last_name": key, "birth_date": "1980-05-04", "allow_duplicate": True}
    while True:
        answer = client.post(PATIENTS, body, format="json", HTTP_IDEMPOTENCY_KEY=key)
        if answer.status_code != 409:
            return key, answer.status_code, str(answer.json().get("id", ""))
        sleep(0.01)


def post_by_all(user: User, keys: int) -> list[tuple[str, int, str]]:
    """Let all hands post every key, in the same order, as fast as they can."""
    clients = [client_of(user) for _ in range(HANDS)]
    names = [f"counter-{number:04}" for number in range(keys)]
    answers = race(lambda hand: [post_until_answered(clients[hand], name) for name in names], HANDS)
    return [row for rows in answers for row in rows]


class TestParallelPosts:
    @pytest.mark.figures
    def test_have_one_effect_a_key(self, ben: User) -> None:
        answers = post_by_all(ben, KEYS)
        figure(f"effects_of_{KEYS}_keys_x_{HANDS}_posts", Patient.objects.count(), str(KEYS))
        assert len(answers) == KEYS * HANDS
        assert Counter(status for _key, status, _id in answers) == {201: KEYS * HANDS}
        by_key = defaultdict(set)
        for key, _status, pk in answers:
            by_key[key].add(pk)
        assert {len(ids) for ids in by_key.values()} == {1}
        assert Patient.objects.count() == IdempotencyKey.objects.count() == KEYS

    def test_fail_without_the_lock(self, ben: User, monkeypatch) -> None:
        # The unique key still keeps the effects apart, but the losers do their work first and meet a fault.
        monkeypatch.setattr(idempotency, "try_lock", lambda _name: True)
        assert Counter(status for _key, status, _id in post_by_all(ben, 3))[500] > 0

    def test_have_an_effect_each_without_the_key(self, ben: User, monkeypatch) -> None:
        monkeypatch.setattr(
            "apps.core.api.views.once", lambda handler, *args, **kwargs: handler(*args, **kwargs)
        )
        post_by_all(ben, 3)
        assert Patient.objects.count() == 3 * HANDS
