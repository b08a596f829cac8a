"""Contract limits under concurrency: locked rows, read under their lock, and an append-only ledger.

Every writer locks a person first and then the contract's rows by scope, so that two claims never wait for each other in
a circle. A row is made by the first claim of its period, in the statement that locks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Sum

from apps.core.models import new_id
from apps.insurance.engine import Balances, ContractTerms, limits_of
from apps.insurance.models import BalanceEntry, Claim, Contract, ContractBalance
from apps.insurance.services.periods import period_of

# A limit that terms have lowered below what is used stays where it is: nothing more is paid, nothing breaks.
_LOCK: Final = """
WITH person AS MATERIALIZED (SELECT pg_advisory_xact_lock(%(person)s))
INSERT INTO insurance_contractbalance AS held
    (id, created_at, updated_at, insurer_id, contract_id, scope, period_start, period_end, limit_amount, used)
SELECT wanted.id, %(at)s, %(at)s, %(insurer)s, %(contract)s, wanted.scope, %(since)s, %(until)s, wanted.limit_amount, 0
FROM person, unnest(%(ids)s::uuid[], %(scopes)s::text[], %(limits)s::bigint[]) AS wanted(id, scope, limit_amount)
ORDER BY wanted.scope
ON CONFLICT (contract_id, scope, period_start) DO UPDATE
SET limit_amount = CASE WHEN EXCLUDED.limit_amount < held.used THEN held.limit_amount ELSE EXCLUDED.limit_amount END
RETURNING held.id, held.scope, held.used
"""

# The ledger, the balances and the decision in one statement: what is booked is what was decided.
_BOOK: Final = """
WITH entry AS (
    SELECT * FROM unnest(%(entries)s::uuid[], %(balances)s::uuid[], %(deltas)s::bigint[]) AS e(id, balance, delta)
), ledger AS (
    INSERT INTO insurance_balanceentry
        (id, created_at, updated_at, insurer_id, balance_id, claim_id, seq, delta, kind, made_at)
    SELECT entry.id, now(), now(), %(insurer)s, entry.balance, %(claim)s,
           1 + COALESCE((SELECT max(seq) FROM insurance_balanceentry p
                         WHERE p.claim_id = %(claim)s AND p.balance_id = entry.balance), 0),
           entry.delta, CASE WHEN entry.delta > 0 THEN 'reserve' ELSE %(kind)s END, %(at)s
    FROM entry
), balance AS (
    UPDATE insurance_contractbalance b SET used = b.used + entry.delta, updated_at = now()
    FROM entry WHERE b.id = entry.balance
)
INSERT INTO insurance_claimadjudication
    (id, created_at, updated_at, insurer_id, claim_id, version, kind, made_at, decided_by, engine_version, bareme_id,
     inputs, inputs_sha256, result)
VALUES (%(id)s, now(), now(), %(insurer)s, %(claim)s, %(version)s, %(made)s, %(at)s, %(by)s, %(engine)s, %(bareme)s,
        %(inputs)s, %(digest)s, %(result)s)
"""


@dataclass(frozen=True, slots=True)
class Held:
    """Locked balances of one contract and period: keys and what is used, by scope."""

    keys: Mapping[str, UUID]
    used: Mapping[str, int]

    @property
    def balances(self) -> Balances:
        """What the engine reads of them."""
        return Balances(dict(self.used))

    def deltas(self, consumption: Mapping[str, int]) -> dict[UUID, int]:
        """Return a consumption by scope as changes of these rows."""
        return {self.keys[scope]: amount for scope, amount in consumption.items()}


NOTHING_HELD: Final = Held({}, {})


@dataclass(frozen=True, slots=True)
class Decision:
    """One adjudication to store: its number, kind, author, canonical inputs and result."""

    version: int
    kind: str
    engine_version: str
    bareme_id: UUID | None
    inputs: Mapping[str, Any]
    digest: str
    result: Mapping[str, Any]
    decided_by: UUID | None


def person_key(adherent_id: UUID) -> int:
    """Return the number under which claims of one person wait for each other, whatever their contract."""
    digest = sha256(f"insurance:adherent:{adherent_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_balances(
    *, contract: Contract, terms: ContractTerms, adherent_id: UUID, care_type: str, day: date, at: datetime
) -> Held:
    """Lock, in the one order, every balance a claim touches; makes those its period does not have yet."""
    limits = limits_of(terms, care_type)
    scopes = sorted(limits)
    since, until = period_of(contract, contract.insurer, day)
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK,
            {
                "at": at,
                "insurer": contract.insurer_id,
                "contract": contract.pk,
                "since": since,
                "until": until,
                "person": person_key(adherent_id),
                "ids": [new_id() for _scope in scopes],
                "scopes": scopes,
                "limits": [limits[scope] for scope in scopes],
            },
        )
        rows = cursor.fetchall()
    return Held({scope: key for key, scope, _used in rows}, {scope: used for _key, scope, used in rows})


def read_balances(*, contract: Contract, care_type: str, terms: ContractTerms, day: date) -> Held:
    """Read the same balances without a lock; a period nobody has claimed in has used nothing."""
    since, _until = period_of(contract, contract.insurer, day)
    scopes = list(limits_of(terms, care_type))
    rows = ContractBalance.objects.filter(contract=contract, period_start=since, scope__in=scopes)
    found = {row.scope: row for row in rows}
    return Held(
        {scope: row.pk for scope, row in found.items()}, {scope: row.used for scope, row in found.items()}
    )


def book(
    *,
    claim: Claim,
    decision: Decision,
    deltas: Mapping[UUID, int],
    at: datetime,
    kind: str = BalanceEntry.Kind.RELEASE,
) -> None:
    """Store a decision together with what it reserves or releases, by balance; one statement.

    `kind` names what lowers a balance. The balances' own constraint refuses what passes a limit.
    """
    moved = {key: delta for key, delta in sorted(deltas.items()) if delta}
    with connection.cursor() as cursor:
        cursor.execute(
            _BOOK,
            {
                "entries": [new_id() for _key in moved],
                "balances": list(moved),
                "deltas": list(moved.values()),
                "insurer": claim.insurer_id,
                "claim": claim.pk,
                "kind": str(kind),
                "at": at,
                "id": new_id(),
                "version": decision.version,
                "made": decision.kind,
                "by": decision.decided_by,
                "engine": decision.engine_version,
                "bareme": decision.bareme_id,
                "inputs": orjson.dumps(decision.inputs).decode(),
                "digest": decision.digest,
                "result": orjson.dumps(decision.result).decode(),
            },
        )


def lock_held_by(claim: Claim) -> dict[UUID, int]:
    """Lock the balances a claim holds something of, in the one order; returns how much of each."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [person_key(claim.adherent_id)])
    entries = BalanceEntry.objects.filter(claim=claim)
    rows = ContractBalance.objects.filter(pk__in=entries.values("balance"))
    keys = [row.pk for row in rows.locked()]
    sums = entries.filter(balance__in=keys).values_list("balance").annotate(held=Sum("delta"))
    return {key: held for key, held in sums if held}
