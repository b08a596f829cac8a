"""Many counters, one contract: its limit is met to the unit, never passed, and nobody waits in a circle."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.insurance.engine import Balances
from apps.insurance.models import BalanceEntry, Claim, ContractBalance
from apps.insurance.services import claims
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.balances import Held
from tests.cast import make_user
from tests.concurrency.crowd import race
from tests.figures import FULL, figure
from tests.insurance.claims.asking import change_terms, file
from tests.insurance.claims.test_claims_api import TODAY, body

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
CLIENTS = 50
LIMIT = 1_000_000


def run_for_years(network):
    """Let contract K run around today."""
    change_terms(network, start_date=date(TODAY.year - 1, 1, 1), end_date=date(TODAY.year + 1, 12, 31))


def client_of(user: User) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    return client


def holds(network) -> None:
    """Check that ledger, balances and claims say the same and keep the limit."""
    for balance in ContractBalance.objects.annotate(booked=Sum("entries__delta")):
        assert balance.used == (balance.booked or 0)
        assert balance.limit_amount is None or balance.used <= balance.limit_amount
    covered = Claim.objects.holding().aggregate(total=Sum("covered_amount"))["total"] or 0
    assert ContractBalance.objects.get(scope="*").used == covered


class TestParallelClaims:
    @pytest.mark.figures
    def test_meet_the_limit_exactly(self, network, doctor, clinic, pharmacist) -> None:
        run_for_years(network)
        change_terms(network, annual_limit=LIMIT)
        people = [
            (doctor, "consultation", "C2"),
            (clinic, "consultation", "C1"),
            (pharmacist, "pharmacy", "MED-B"),
        ]

        def shop(hand: int) -> list[int]:
            user, kind, code = people[hand % 3]
            client = client_of(user)
            statuses = []
            for turn in range(4 if FULL else 1):
                day = (TODAY - timedelta(days=(hand // 3 + 17 * turn) % 50)).isoformat()
                quantity = 9 if code == "MED-B" else 1
                answer = client.post(
                    f"/api/v1/claims/{kind}",
                    body(network, (code, quantity, 70_000 + hand), service_date=day),
                    format="json",
                )
                statuses.append(answer.status_code)
            return statuses

        answers = Counter(status for row in race(shop, CLIENTS) for status in row)
        used = ContractBalance.objects.get(scope="*").used
        figure(f"limit_used_by_{CLIENTS}_clients", used, str(LIMIT))
        assert set(answers) == {201}
        assert used == LIMIT
        holds(network)

    def test_share_the_last_of_the_year(self, network, doctor) -> None:
        """Worked case 8: 60 000 are left, two visits of 49 000 come at once on two days."""
        run_for_years(network)
        change_terms(network, annual_limit=60_000)
        days = [(TODAY - timedelta(days=n)).isoformat() for n in (3, 4)]

        def visit(hand: int) -> dict[str, int]:
            sent = body(network, ("C2", 1, 70_000), service_date=days[hand])
            return client_of(doctor).post("/api/v1/claims/consultation", sent, format="json").json()

        answers = race(visit, 2)
        assert sorted((a["covered_amount"], a["copay_amount"]) for a in answers) == [
            (11_000, 59_000),
            (49_000, 21_000),
        ]
        holds(network)

    def test_pay_the_same_care_once(self, network, doctor) -> None:
        """Worked case 11 with everybody at once: one claim is paid, the others are its repeats."""
        run_for_years(network)
        sent = body(network, ("C2", 1, 80_000))
        answers = race(
            lambda _hand: client_of(doctor).post("/api/v1/claims/consultation", sent, format="json").json(),
            16,
        )
        assert Counter(answer["status"] for answer in answers) == {"approved": 1, "blocked": 15}
        assert ContractBalance.objects.get(scope="*").used == 49_000
        holds(network)

    def test_use_a_prior_agreement_once(self, network, omar) -> None:
        """Sixteen claims of sixteen days name the same agreement, given for one crown."""
        run_for_years(network)
        change_terms(network, coverage={"dental": {"rate_bp": 6000, "preauth_above": 300_000}})
        dentist = make_user("t@test.test", Role.PRACTITIONER, "Ana", practice=network.providers["dental"])
        crown = ("HBLD634", 1, 350_000)
        asked_on = timezone.now() - timedelta(days=40)
        question = file(
            dentist,
            network,
            "dental",
            asked_on.date().isoformat(),
            crown,
            at=asked_on,
            is_predetermination=True,
        )
        approve_claim(actor=omar, claim=question, expected_status="pending_review", at=timezone.now())

        def treat(hand: int) -> tuple[str, str]:
            day = (TODAY - timedelta(days=hand + 1)).isoformat()
            sent = body(network, crown, service_date=day)
            sent["items"][0]["preauthorisation"] = str(question.pk)
            answer = client_of(dentist).post("/api/v1/claims/dental", sent, format="json").json()
            return answer["status"], answer["reason_code"]

        assert Counter(race(treat, 16)) == {("approved", ""): 1, ("rejected", "PREAUTH_MISSING"): 15}
        assert ContractBalance.objects.get(scope="*").used == 210_000
        holds(network)

    def test_have_one_claim_a_key(self, network, doctor) -> None:
        run_for_years(network)
        colleagues = [
            make_user(f"d{n}@test.test", Role.DOCTOR, "Dan", practice=network.providers["medical"])
            for n in range(16)
        ]
        sent = body(network, ("C2", 1, 80_000), idempotency_key="the-counter-key")

        def post(hand: int) -> str:
            client = client_of(colleagues[hand])
            return str(client.post("/api/v1/claims/consultation", sent, format="json").json().get("id"))

        assert len(set(race(post, 16))) == 1
        assert Claim.objects.count() == 1
        assert BalanceEntry.objects.count() == 2

    def test_pass_the_limit_without_the_lock(self, network, doctor, monkeypatch) -> None:
        """Read without a lock, two claims see the same room; the constraint refuses what the engine would have paid."""
        run_for_years(network)
        change_terms(network, annual_limit=60_000)
        real = claims.lock_balances

        def unlocked(**kwargs) -> Held:
            keys = {b.scope: b.pk for b in ContractBalance.objects.filter(contract=network.contract)}
            return Held(keys, Balances({}).used) if keys else real(**kwargs)

        file(
            doctor,
            network,
            "consultation",
            (TODAY - timedelta(days=9)).isoformat(),
            ("C1", 1, 100),
            at=timezone.now(),
        )
        monkeypatch.setattr(claims, "lock_balances", unlocked)
        days = [(TODAY - timedelta(days=n)).isoformat() for n in range(2, 6)]

        def visit(hand: int) -> int:
            sent = body(network, ("C2", 1, 70_000), service_date=days[hand])
            return int(client_of(doctor).post("/api/v1/claims/consultation", sent, format="json").status_code)

        assert 500 in race(visit, 4)
