"""How many claims a second, beside the bare cost of inserting the same rows."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from statistics import median
from time import perf_counter, process_time

import pytest
from django.db import models, transaction

from apps.audit.models import AuditEntry
from apps.core.models import new_id
from apps.insurance.models import BalanceEntry, Claim, ClaimAdjudication, ClaimItem, Convention
from tests.figures import FULL, figure
from tests.insurance.claims.asking import change_terms, file
from tests.insurance.claims.test_claims_api import TODAY
from tests.insurance.making import make_bareme

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.figures]
CLAIMS = 60 if FULL else 8
CODES = [f"DRUG-{n:02d}" for n in range(50)]


@pytest.fixture
def counter(network, pharmacist):
    """A pharmacy whose fifty products may be had again and again, and a contract without a limit."""
    convention = Convention.objects.get(practice=network.providers["pharmacy"])
    acts = {code: {"price": 9_000, "category": "pharmacy", "repeatable": True} for code in CODES}
    make_bareme(convention, version="bench", effective_from=date(2026, 1, 1), acts=acts)
    change_terms(network, annual_limit=None, coverage={"pharmacy": {"rate_bp": 8000}})
    return pharmacist


def one_claim(actor, network, lines, number):
    day = (date(2026, 5, 10) + timedelta(days=number % 50)).isoformat()
    return file(actor, network, "pharmacy", day, *((code, 1, 8_000 + number) for code in CODES[:lines]))


def copy(row, **changes):
    """Build a row like another one."""
    # A number the database gives itself is left to it.
    names = [field.attname for field in row._meta.concrete_fields if field.attname != "xid"]
    values = {name: getattr(row, name) for name in names}
    return type(row)(**{**values, "id": new_id(), **changes})


def insert(rows):
    models.QuerySet(type(rows[0])).bulk_create(rows)


def bare_inserts(claim):
    """Prepare the same rows as a claim made, and return what inserts them in one transaction."""
    entries = AuditEntry.objects.filter(object_pk=str(claim.pk))
    new = copy(claim, idempotency_key=str(new_id()), fingerprint="", status="pending", validated_at=None)
    parts = [
        [new],
        [copy(item, claim_id=new.pk) for item in claim.items.all()],
        [copy(entry, claim_id=new.pk) for entry in BalanceEntry.objects.filter(claim=claim)],
        [copy(row, claim_id=new.pk) for row in ClaimAdjudication.objects.filter(claim=claim)],
        [copy(entry, id=None, object_pk=str(new.pk)) for entry in entries],
    ]

    def run():
        with transaction.atomic():
            for rows in parts:
                insert(rows)

    return run


@pytest.mark.parametrize("lines", [1, 5, 50])
def test_claims_a_second(counter, network, lines):
    one_claim(counter, network, lines, CLAIMS)
    busy, taken, bare, claims = 0.0, [], [], []
    for number in range(CLAIMS):
        begun, worked = perf_counter(), process_time()
        claims.append(one_claim(counter, network, lines, number))
        taken.append(perf_counter() - begun)
        busy += process_time() - worked
        # The bare inserts of the same claim come right after it, so that both meet the same machine.
        run = bare_inserts(claims[-1])
        begun = perf_counter()
        run()
        bare.append(perf_counter() - begun)
    assert {claim.status for claim in claims} == {"approved"}
    ratio = median(taken) / median(bare)
    figure(f"claims_per_second_{lines}_lines", round(1 / median(taken), 1), "-")
    figure(f"claim_cpu_ms_{lines}_lines", round(1000 * busy / CLAIMS, 1), "-")
    figure(f"bare_inserts_per_second_{lines}_lines", round(1 / median(bare), 1), "-")
    figure(f"claim_to_bare_ratio_{lines}_lines", round(ratio, 2), "<=6")
    assert Claim.objects.count() == 2 * CLAIMS + 1
    assert ClaimItem.objects.count() == lines * (2 * CLAIMS + 1)
    assert ratio <= 6


def timed(calls, answered):
    """Make the calls; return the middle and the 95th percentile in milliseconds, and processor time of one."""
    taken, busy = [], process_time()
    for call in calls:
        begun = perf_counter()
        answer = call()
        taken.append(1000 * (perf_counter() - begun))
        assert answer.status_code == answered, answer.content[:300]
    cpu = 1000 * (process_time() - busy) / len(taken)
    taken.sort()
    return taken[len(taken) // 2], taken[int(0.95 * (len(taken) - 1))], cpu


def test_the_endpoints(counter, network, api):
    """What a counter waits for over HTTP, without the wire: five lines filed, asked about, read, listed."""
    change_terms(network, start_date=date(TODAY.year - 1, 1, 1), end_date=date(TODAY.year + 1, 12, 31))
    client = api(counter)

    def body(number):
        day = TODAY - timedelta(days=number % 20)
        items = [{"code": code, "quantity": 1, "unit_price": 8_000 + number} for code in CODES[:5]]
        return {"contract": str(network.contract.pk), "service_date": day.isoformat(), "items": items}

    def path(name):
        return f"/api/v1/{name}"

    filed = client.post(path("claims/pharmacy"), body(0)).json()["id"]
    numbers = range(1, CLAIMS + 1)
    asked = [{**body(number), "care_type": "pharmacy"} for number in numbers]
    calls = {
        "post_claims": ([partial(client.post, path("claims/pharmacy"), body(n)) for n in numbers], 201),
        "post_eligibility": ([partial(client.post, path("eligibility"), one) for one in asked], 200),
        "get_claim": ([partial(client.get, path(f"claims/{filed}"))] * CLAIMS, 200),
        "get_claims": ([partial(client.get, path("claims?page_size=50"))] * CLAIMS, 200),
    }
    for name, (made, answered) in calls.items():
        middle, slow, cpu = timed(made, answered)
        figure(f"{name}_ms_p50", round(middle, 1), "-")
        figure(f"{name}_ms_p95", round(slow, 1), "-")
        # Processor time is the site's own, whatever else the machine does.
        figure(f"{name}_cpu_ms", round(cpu, 1), "<=400")
        assert cpu <= 400
