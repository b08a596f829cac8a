"""What screening costs beside a large table, and how long its nightly statistics take."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
from django.db import connection, transaction

from apps.core.scope import SystemActor
from apps.insurance.models import Claim
from apps.insurance.services.peers import refresh_peers
from tests.figures import FULL, figure
from tests.insurance.fraud import network
from tests.insurance.fraud.network import item
from tests.insurance.fraud.scenes import DAY, MORNING

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.figures]
CLAIMS = 100_000 if FULL else 3_000
LINES = 3
PROVIDERS, PEOPLE = 60, 5_000 if FULL else 300
SCREENED = 300 if FULL else 40
# The screening of a claim beside the large table, against the same statements beside an empty one.
MOST_RATIO = 3.0
MOST_SECONDS = 120

# Rows are copied from one that the models made: what is not named stays as it was there. Their sealed columns are
# therefore of another row and do not open, which nothing here asks of them.
MORE_PEOPLE = """
INSERT INTO insurance_adherent
SELECT made.* FROM insurance_adherent one, generate_series(1, %(people)s) n,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'national_id_hash', 'h1:many' || n)) made
WHERE one.id = %(person)s
"""
MORE_CLAIMS = """
INSERT INTO insurance_claim
SELECT made.* FROM insurance_claim one, generate_series(1, %(claims)s) n,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'idempotency_key', 'many-' || n, 'fingerprint', md5(n::text) || md5('x' || n),
    'provider_id', (%(providers)s::uuid[])[1 + n %% cardinality(%(providers)s::uuid[])],
    'adherent_id', (%(people)s::uuid[])[1 + (n * 7919) %% cardinality(%(people)s::uuid[])],
    'contract_id', NULL, 'member_id', NULL, 'status', 'pending', 'validated_at', NULL,
    'service_date', %(day)s::date - (n %% 180), 'submitted_at', %(at)s::timestamptz - (n %% 180) * interval '1 day'
        - (n %% 540) * interval '1 minute')) made
WHERE one.id = %(claim)s
"""
MORE_LINES = """
INSERT INTO insurance_claimitem
SELECT made.* FROM insurance_claimitem one, insurance_claim c, generate_series(1, %(lines)s) n,
LATERAL (SELECT 60000 + (hashtext(c.idempotency_key) & 16383) AS price) asked,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'claim_id', c.id, 'provider_id', c.provider_id, 'sequence', n,
    'code', (ARRAY['C1', 'C2', 'C3', 'C4', 'C5'])[1 + (n + hashtext(c.idempotency_key) & 65535) %% 5],
    'unit_price', price, 'line_total', price, 'copay_amount', price - one.covered_amount)) made
WHERE one.claim_id = %(claim)s AND c.idempotency_key LIKE 'many-%%'
"""
APPROVE = (
    "UPDATE insurance_claim SET status = 'approved', validated_at = submitted_at WHERE status = 'pending'"
)


def fill(net: network.Network) -> list[Any]:
    """Copy one stored claim into many, of other people and providers; return the providers."""
    providers = [network.practice() for _n in range(PROVIDERS)]
    claim = net.claimed(item(covered_amount=35_000))
    values: dict[str, Any] = {
        "person": net.person.pk,
        "claim": claim.pk,
        "day": DAY,
        "at": MORNING,
        "lines": LINES,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MORE_PEOPLE, {**values, "people": PEOPLE})
        cursor.execute("SELECT array_agg(id) FROM insurance_adherent WHERE national_id_hash LIKE 'h1:many%%'")
        people = cursor.fetchone()[0]
        cursor.execute(
            MORE_CLAIMS,
            {**values, "claims": CLAIMS, "people": people, "providers": [row.pk for row in providers]},
        )
        cursor.execute(MORE_LINES, values)
        cursor.execute(APPROVE)
    with connection.cursor() as cursor:
        for table in ("insurance_claim", "insurance_claimitem", "insurance_adherent"):
            cursor.execute(f"ANALYZE {table}")
    return providers


def refreshed() -> float:
    """Work the statistics out and return the seconds."""
    start = perf_counter()
    assert refresh_peers(actor=SystemActor("test-figures"), at=MORNING + timedelta(hours=1))
    return perf_counter() - start


def screened(net: network.Network, providers: list[Any], people: list[Any]) -> float:
    """Return the median milliseconds of gathering one claim of five lines, the first ones left out."""
    times = []
    for n in range(SCREENED + 5):
        person = people[n % len(people)]
        claim, lines = net.asked(
            *(item(f"C{k}", sequence=k, tooth="") for k in range(1, 6)),
            provider=providers[n % len(providers)],
        )
        claim.adherent = person
        start = perf_counter()
        network.gather(
            claim=claim,
            items=lines,
            agreed=net.agreed(),
            config=network.FraudConfig.from_json({}),
            at=MORNING,
        )
        times.append(perf_counter() - start)
    return sorted(times[5:])[SCREENED // 2] * 1000


def test_screening_beside_many_lines():
    net = network.build()
    bare = screened(net, [net.doctor], [net.person])
    providers = fill(net)
    seconds = refreshed()
    people = list(type(net.person).objects.filter(insurer=net.insurer).order_by("pk")[:200])
    full = screened(net, providers, people)
    lines = Claim.objects.filter(insurer=net.insurer).count() * LINES
    figure(f"screening_ms_beside_{lines}_lines", round(full, 1), f"at most {MOST_RATIO} times {bare:.1f}")
    figure(f"peer_refresh_seconds_of_{lines}_lines", round(seconds, 1), f"at most {MOST_SECONDS}")
    assert full <= MOST_RATIO * bare
    assert seconds <= MOST_SECONDS
