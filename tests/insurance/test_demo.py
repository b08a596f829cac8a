"""The demo's payer network: believable, complete for the demo logins, and nothing at all for Nora."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import pytest

import apps.catalog
from apps.catalog.importer import import_acts
from apps.catalog.models import Act
from apps.core.scope import SystemActor
from apps.demo.claims import CLAIMS, build_claims
from apps.demo.houses import build_accounts, build_dental_houses, build_network
from apps.demo.management.commands.demo import PAYER_STEPS
from apps.demo.payers import PATIENTS, build_payers
from apps.directory.models import Insurer
from apps.insurance.models import (
    Adherent,
    Bareme,
    Claim,
    Contract,
    ContractMember,
    Convention,
    Dispute,
    Reconciliation,
)
from apps.insurance.selectors import waiting_since
from apps.patients.identifiers import national_id_index
from tests.billing.making import make_patient

ACTOR = SystemActor("demo")


@pytest.mark.django_db
def test_the_demos_network(at) -> None:
    content = (Path(apps.catalog.__file__).parent / "data" / "dental_acts.csv").read_bytes()
    import_acts(actor=ACTOR, content=content)
    houses = build_dental_houses(actor=ACTOR)
    insurers, providers = build_network(actor=ACTOR)
    people = build_accounts(actor=ACTOR, houses=houses, insurers=insurers, providers=providers)
    patients = []
    for number in range(1, 4):
        body = f"18005999990{number:02d}"
        nir = f"{body}{97 - int(body) % 97:02d}"
        patients.append(
            make_patient(
                houses[0].practice,
                number,
                birth_date=date(1980, 5, 1),
                national_id=nir,
                national_id_hash=national_id_index(nir),
            )
        )
    steps: list[int] = []
    build_payers(
        insurers=insurers, head=people["ines"], houses=houses, providers=providers, random=Random(2026), now=at,
        step=lambda: steps.append(1),
    )  # fmt: skip

    by_code = {insurer.code: insurer for insurer in Insurer.objects.all()}
    cap, mutual, nora = by_code["CAP"], by_code["QUAIS"], by_code["NORD"]
    assert not any(model.objects.filter(insurer=nora).exists() for model in (Adherent, Contract, Convention))
    assert {
        (plan, status)
        for plan, status in Contract.objects.filter(insurer=cap).values_list("plan_type", "status")
    } >= {
        ("individual", "active"), ("individual", "suspended"), ("individual", "cancelled"), ("family", "active"),
        ("corporate", "active"),
    }  # fmt: skip
    renewed = Contract.objects.filter(insurer=cap, renews__isnull=False)
    assert {waiting_since(contract=row, adherent_id=row.adherent_id) for row in renewed} == {date(2025, 1, 1)}
    assert ContractMember.objects.filter(relation="child").count() == 10
    assert ContractMember.objects.filter(relation="employee").count() == 6

    conventions = Convention.objects.select_related("practice", "insurer")
    assert {(row.insurer.code, row.practice.kind) for row in conventions} == {
        ("CAP", "pharmacy"), ("CAP", "laboratory"), ("CAP", "clinic"), ("CAP", "medical"), ("QUAIS", "dental"),
    }  # fmt: skip
    assert all(row.practice.currency == row.insurer.currency for row in conventions)
    assert all(row.practice.license_no for row in conventions)
    currencies = Contract.objects.values_list("insurer__code", "currency").distinct()
    assert set(currencies) == {("CAP", "TND"), ("QUAIS", "EUR")}
    for row in conventions:
        assert list(row.baremes.order_by("version").values_list("version", "effective_to")) == [
            ("2026-01", date(2026, 7, 1)), ("2026-07", None),
        ]  # fmt: skip
    medical = Bareme.objects.filter(convention__practice__kind="medical").order_by("version")
    assert [row.content["acts"]["C2"]["price"] for row in medical] == [70_000, 75_000]
    dental = Bareme.objects.filter(insurer=mutual).first()
    assert dental is not None
    assert set(dental.content["acts"]) == set(Act.objects.values_list("code", flat=True))
    assert Adherent.objects.filter(insurer=mutual).count() == len(patients)
    # The full demo insures PATIENTS people of each dental house.
    assert len(steps) + 2 * PATIENTS - len(patients) == PAYER_STEPS


@pytest.mark.django_db
def test_the_demos_claims(at) -> None:
    content = (Path(apps.catalog.__file__).parent / "data" / "dental_acts.csv").read_bytes()
    import_acts(actor=ACTOR, content=content)
    houses = build_dental_houses(actor=ACTOR)
    insurers, providers = build_network(actor=ACTOR)
    people = build_accounts(actor=ACTOR, houses=houses, insurers=insurers, providers=providers)
    body = "1800599999001"
    nir = f"{body}{97 - int(body) % 97:02d}"
    make_patient(
        houses[0].practice,
        1,
        birth_date=date(1980, 5, 1),
        national_id=nir,
        national_id_hash=national_id_index(nir),
    )
    build_payers(
        insurers=insurers, head=people["ines"], houses=houses, providers=providers, random=Random(2026), now=at,
        step=lambda: None,
    )  # fmt: skip
    steps: list[int] = []
    build_claims(
        people=people,
        insurers=insurers,
        houses=houses,
        random=Random(2026),
        now=at,
        step=lambda: steps.append(1),
    )
    assert len(steps) == CLAIMS
    cap = Insurer.objects.get(code="CAP")
    claims = Claim.objects.filter(insurer=cap)
    assert set(claims.values_list("type", flat=True)) == {
        "pharmacy", "consultation", "laboratory", "hospitalization",
    }  # fmt: skip
    assert {"eligible", "approved", "pending_review", "blocked", "rejected", "paid"} <= set(
        claims.values_list("status", flat=True)
    )
    assert sorted(Reconciliation.objects.filter(insurer=cap).values_list("status", flat=True)) == [
        "paid",
        "sent",
    ]
    assert Dispute.objects.filter(insurer=cap, status="open").count() == 1
    assert Claim.objects.filter(type="dental", source_type="billing.invoice").count() == 1
