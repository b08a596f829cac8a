"""Two hands at the payer network's desks: one person, one number, one price list a day."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError

from apps.core.errors import DomainError
from apps.insurance.models import Adherent, Bareme, Claim, Contract, ContractMember, Convention
from tests.concurrency.crowd import race
from tests.insurance.making import (
    NOW,
    make_adherent,
    make_bareme,
    make_contract,
    make_convention,
    make_member,
    make_practice,
)

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]
HANDS = 8


def ends(answers: list[Any]) -> Counter[str]:
    """Count how the tries ended."""
    return Counter(
        answer.code
        if isinstance(answer, DomainError)
        else f"fault {answer!r}"
        if isinstance(answer, Exception)
        else "done"
        for answer in answers
    )


class TestOneOfAll:
    def test_one_person_is_registered_once(self, insurer) -> None:
        answers = race(lambda n: make_adherent(insurer, national_id="01234567"), HANDS)
        assert ends(answers) == {"done": 1, "ADHERENT_EXISTS": HANDS - 1}
        assert Adherent.objects.count() == 1

    def test_one_number_is_given_once(self, insurer) -> None:
        people = [make_adherent(insurer) for _n in range(HANDS)]
        answers = race(lambda n: make_contract(insurer, people[n], contract_number="K-1"), HANDS)
        assert ends(answers) == {"done": 1, "CONTRACT_NUMBER_TAKEN": HANDS - 1}
        assert (Contract.objects.count(), ContractMember.objects.count()) == (1, 1)

    def test_one_contract_is_renewed_once(self, insurer) -> None:
        person = make_adherent(insurer)
        first = make_contract(insurer, person, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
        answers = race(lambda n: make_contract(insurer, person), 4)
        assert ends(answers) == {"done": 4}
        assert Contract.objects.filter(renews=first).count() == 1

    def test_one_person_joins_once(self, insurer) -> None:
        contract, person = make_contract(insurer), make_adherent(insurer)
        answers = race(lambda n: make_member(contract, adherent=person), HANDS)
        assert ends(answers) == {"done": 1, "ALREADY_MEMBER": HANDS - 1}

    def test_one_convention_is_in_force(self, insurer) -> None:
        pharmacy = make_practice("Pharmacie du Lac", "pharmacy")
        answers = race(lambda n: make_convention(insurer, pharmacy), HANDS)
        assert ends(answers) == {"done": 1, "CONVENTION_OVERLAP": HANDS - 1}
        assert Convention.objects.count() == 1

    def test_lists_follow_each_other(self, insurer) -> None:
        convention = make_convention(insurer, make_practice("Pharmacie du Lac", "pharmacy"))
        answers = race(
            lambda n: make_bareme(convention, version=f"v{n}", effective_from=date(2026, 1, 1 + n)), HANDS
        )
        found = ends(answers)
        assert set(found) <= {"done", "BAREME_OVERLAP"}
        rows = list(Bareme.objects.order_by("effective_from"))
        assert len(rows) == found["done"] >= 1
        assert [row.effective_to for row in rows] == [*[row.effective_from for row in rows[1:]], None]


class TestPricing:
    """Whoever comes first, no claim is priced by a list that is not in force on its day."""

    @pytest.mark.parametrize("round_", range(4))
    def test_a_claim_and_a_new_list(self, insurer, acting, ines, round_) -> None:
        pharmacy = make_practice("Pharmacie du Lac", "pharmacy")
        convention = make_convention(insurer, pharmacy)
        bareme, contract = make_bareme(convention), make_contract(insurer)

        def claim(day: int) -> Any:
            with acting(ines):
                return Claim.objects.create(
                    insurer=insurer, provider=pharmacy, contract=contract, adherent=contract.adherent,
                    type="pharmacy", service_date=date(2026, 7, day), submitted_at=NOW, status="rejected",
                    currency="TND", total_amount=1, copay_amount=1, bareme=bareme, idempotency_key=f"k-{day}",
                    body_sha256="0" * 64,
                )  # fmt: skip

        def work(number: int) -> Any:
            if number == 0:
                return make_bareme(convention, version="2026-07", effective_from=date(2026, 7, 1))
            return claim(number)

        answers = race(work, 4)
        priced = Claim.objects.filter(bareme=bareme).count()
        published = Bareme.objects.filter(version="2026-07").exists()
        assert published == (priced == 0)
        refused = [answer for answer in answers if isinstance(answer, IntegrityError)]
        assert all(
            "insurance_claim_bareme_in_force" in str(error.__cause__.diag.constraint_name)
            for error in refused
        )
        assert len(refused) == (3 if published else 0)
