"""The insurers' pages write through the services: all of a form or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.insurance.models import Adherent, Bareme, Contract
from tests.insurance.making import make_adherent, make_contract, make_convention, make_practice

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(ines, acting) -> Client:
    client = Client()
    with acting(ines):
        client.force_login(ines)
    return client


def address(model: str, name: str, *args: Any) -> str:
    return reverse(f"admin:insurance_{model}_{name}", args=args)


def sent(client: Client, url: str, **changes: Any) -> Any:
    """Post a page's own form back, changed."""
    context = client.get(url).context
    data: dict[str, Any] = {}
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for field in form:
            value = field.value()
            data[field.html_name] = "" if value is None else value
    return client.post(url, {**data, **changes})


def test_registers_somebody(desk, insurer) -> None:
    answer = sent(
        desk, address("adherent", "add"), last_name="Trabelsi", first_name="Salma", date_of_birth="12/04/1985", gender="F",
        new_national_id="0912 3456", new_phone="+21698123456",
    )  # fmt: skip
    assert answer.status_code == 302, answer.context["errors"]
    person = Adherent.objects.get()
    assert (person.insurer, person.national_id, person.phone) == (insurer, "09123456", "+21698123456")
    assert sent(desk, address("adherent", "change", person.pk), city="Sfax").status_code == 302
    person.refresh_from_db()
    assert (person.city, person.national_id) == ("Sfax", "09123456")


def test_changes_terms_and_members_together_or_not_at_all(desk, insurer) -> None:
    contract, child = make_contract(insurer), make_adherent(insurer)
    url = address("contract", "change", contract.pk)
    new = {"members-TOTAL_FORMS": "2", "members-1-adherent": str(child.pk), "members-1-relation": "child"}
    refused = sent(desk, url, **new, coverage='{"dental": {"rate_bp": 12000}}')
    assert refused.status_code == 200
    assert "coverage.dental.rate_bp" in refused.content.decode()
    assert contract.members.count() == 1
    answer = sent(desk, url, **new, status="suspended", status_from="10/06/2026", carence_days="10")
    assert answer.status_code == 302, answer.context["errors"]
    contract.refresh_from_db()
    assert (contract.status, str(contract.status_from), contract.carence_days) == (
        "suspended",
        "2026-06-10",
        10,
    )
    assert contract.members.get(relation="child").adherent == child


def test_publishes_prices(desk, insurer) -> None:
    convention = make_convention(insurer, make_practice("Pharmacie du Lac", "pharmacy"))
    url = address("convention", "change", convention.pk)
    prices = {"acts": {"C1": {"price": 50_000}}}
    lacking = sent(desk, url, new_version="2026-01", new_prices=json.dumps(prices))
    assert set(lacking.context["adminform"].form.errors) == {"new_from"}
    broken = sent(desk, url, new_version="2026-01", new_from="01/01/2026", new_prices="{")
    assert set(broken.context["adminform"].form.errors) == {"new_prices"}
    assert not Bareme.objects.exists()
    answer = sent(desk, url, new_version="2026-01", new_from="01/01/2026", new_prices=json.dumps(prices))
    assert answer.status_code == 302, answer.context["errors"]
    assert Bareme.objects.get().content == prices
    assert "50,000" in desk.get(url).content.decode().replace("\u202f", "")


def test_writes_a_contract(desk, insurer) -> None:
    person = make_adherent(insurer)
    answer = sent(
        desk, address("contract", "add"), adherent=str(person.pk), contract_number="K-1", plan_type="family",
        start_date="01/01/2026", end_date="31/12/2026", currency="EUR", coverage='{"dental": {"rate_bp": 6000}}',
        exclusions="[]", annual_limit="1 500,00", status="active",
    )  # fmt: skip
    assert answer.status_code == 302, answer.context["errors"]
    contract = Contract.objects.get()
    assert (contract.annual_limit, contract.insurer, contract.members.count()) == (150_000, insurer, 1)
