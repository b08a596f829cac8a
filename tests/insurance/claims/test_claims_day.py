"""A day of the payer network over HTTP: every call of claims once, as its people would make it.

RECORD_EXAMPLES=1 writes the calls into tests/contract/examples.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from apps.accounts.roles import Role
from tests.cast import make_user
from tests.contract.test_first_day import Recorder
from tests.insurance.claims.asking import change_terms
from tests.insurance.making import COVERAGE

TODAY = timezone.now().date()
DAY = (TODAY - timedelta(days=3)).isoformat()
PEOPLE = {
    "pharmacy": (Role.PHARMACIST, "pharmacy", ("MED-A-GEN", 2, 15_300)),
    "consultation": (Role.DOCTOR, "medical", ("C2", 1, 80_000)),
    "hospitalization": (Role.CLINIC_ADMIN, "clinic", ("HOSP-DAY", 2, 180_000)),
    "laboratory": (Role.LAB_MANAGER, "laboratory", ("NFS", 1, 12_000)),
    "dental": (Role.PRACTITIONER, "dental", ("HBGD036", 1, 60_000)),
}


@pytest.fixture
def day() -> Recorder:
    return Recorder()


@pytest.mark.django_db
def test_a_day_of_the_network(day, network, ines, omar):
    change_terms(
        network,
        start_date=date(TODAY.year - 1, 1, 1),
        end_date=date(TODAY.year + 1, 12, 31),
        coverage={**COVERAGE, "laboratory": {"rate_bp": 8000}},
    )
    for role, home, _item in PEOPLE.values():
        make_user(f"{home}@test.test", role, "Una", practice=network.providers[home])

    def body(code, quantity, price, **more):
        line = {"code": code, "label": "Acte", "quantity": quantity, "unit_price": price}
        return {
            "contract": str(network.contract.pk),
            "adherent": str(network.adherent.pk),
            "service_date": DAY,
            "items": [line],
            **more,
        }

    filed = {}
    for kind, (_role, home, item) in PEOPLE.items():
        day.log_in(f"{home}@test.test")
        asked = {**body(*item), "care_type": kind}
        preview = day.call("POST", "/eligibility", asked)["preview"]
        filed[kind] = day.call("POST", f"/claims/{kind}", body(*item))
        assert filed[kind]["covered_amount"] == preview["covered_amount"]
    day.log_in("dental@test.test")
    held = day.call("POST", "/claims/dental", body("HBLD634", 1, 350_000, use="predetermination"))
    assert held["status"] == "eligible"
    confirmed = day.call("POST", f"/claims/{held['id']}/confirm", {"expected_status": "eligible"})
    assert confirmed["status"] == "approved"
    voided = day.call("POST", f"/claims/{held['id']}/void", {"expected_status": "approved"})
    assert voided["status"] == "rejected"

    day.log_in("ines@test.test")
    assert day.call("GET", "/claims", query="?status=approved")["count"] == 4
    for kind in ("pharmacy", "consultation", "dental"):
        taken = {"expected_status": "approved", "reason": "Contrôle par sondage"}
        assert day.call("POST", f"/claims/{filed[kind]['id']}/review", taken)["status"] == "pending_review"
    day.log_in("omar@test.test")
    line = {"id": filed["pharmacy"]["items"][0]["id"], "covered_amount": 20_000}
    approval = {"expected_status": "pending_review", "reason": "Une boîte suffisait", "items": [line]}
    approved = day.call("POST", f"/claims/{filed['pharmacy']['id']}/approve", approval)
    assert (approved["status"], approved["covered_amount"]) == ("approved", 20_000)
    refusal = {"expected_status": "pending_review", "reason": "Acte non justifié"}
    assert day.call("POST", f"/claims/{filed['consultation']['id']}/reject", refusal)["status"] == "rejected"
    assert day.call("POST", f"/claims/{filed['dental']['id']}/block", refusal)["status"] == "blocked"
    seen = day.call("GET", f"/claims/{filed['pharmacy']['id']}")
    assert seen["decision"] == "partial"
