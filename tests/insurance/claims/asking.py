"""Short ways to file a claim through the service."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count

from apps.insurance.services.asking import Asked, AskedLine
from apps.insurance.services.claims import submit_claim
from apps.insurance.services.contracts import change_contract
from tests.insurance.making import Clerk

KEYS = count(1)
FILED = datetime(2026, 7, 3, 9, tzinfo=UTC)
KINDS = {
    "pharmacy": "pharmacy",
    "consultation": "medical",
    "hospitalization": "clinic",
    "laboratory": "laboratory",
    "dental": "dental",
}


def lines(*asked):
    return tuple(
        AskedLine(code=code, quantity=quantity, unit_price=unit, **(rest[0] if rest else {}))
        for code, quantity, unit, *rest in asked
    )


def asked(network, type_, day, *items, **changes):
    values = {
        "type": type_,
        "provider": network.providers[KINDS[type_]],
        "adherent": network.adherent,
        "contract": network.contract,
        "service_date": date.fromisoformat(day),
        "lines": lines(*items),
        **changes,
    }
    return Asked(**values)


def file(actor, network, type_, day, *items, key=None, at=FILED, **changes):
    return submit_claim(
        actor=actor,
        asked=asked(network, type_, day, *items, **changes),
        idempotency_key=key or f"key-{next(KEYS):08d}",
        at=at,
    )


def amounts(claim):
    claim.refresh_from_db()
    return claim.covered_amount, claim.copay_amount, claim.writeoff_amount


def used(network):
    """What the contract's balances hold, by scope."""
    return {row.scope: row.used for row in network.contract.balances.all()}


def change_terms(network, **terms):
    """Change contract K as its insurer does."""
    changed = change_contract(actor=Clerk(network.insurer), contract=network.contract, at=FILED, **terms)
    network.contract.__dict__.update(changed.__dict__)
