"""What was agreed for one claim: contract, membership, convention and prices, read in two statements.

Everything here is immutable while a claim is decided, or read before the locks on purpose: a contract that changes in
the same second counts as before or as after, and the balances, which must not, are read under their lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Q

from apps.directory.models import Insurer, Practice
from apps.insurance.engine import BaremeTerms, CareTerms, ContractTerms, Exclusion
from apps.insurance.models import Contract, ContractMember
from apps.insurance.selectors import DEPENDANTS, chain_start, span
from apps.insurance.services.periods import period_of

# Price lists are immutable, so that a parsed one may be kept; a worker prices for few conventions at a time.
_KEPT: Final = 64
_prices: OrderedDict[UUID, BaremeTerms] = OrderedDict()

# The answer to a key that was used, the prices in force on a day (a list this process has parsed is not sent again), and
# what was agreed beforehand for this person, provider and day under the questions a claim names.
_AGREED: Final = """
SELECT known.id, known.body_sha256, c.id, c.start_date, c.excess_liability, b.id, b.version,
       CASE WHEN b.id = ANY(%(kept)s::uuid[]) THEN NULL ELSE b.content END,
       (SELECT count(*) FROM insurance_contractmember m
        WHERE m.contract_id = %(contract)s AND %(counts)s AND m.relation = ANY(%(dependants)s)
          AND m.joined_on <= %(since)s AND (m.left_on IS NULL OR m.left_on >= %(since)s)),
       (SELECT json_agg(json_build_array(p.claim_id, p.code, p.tooth, p.quantity))
        FROM insurance_prioragreement p JOIN insurance_claim q ON q.id = p.claim_id
        WHERE p.claim_id = ANY(%(quoted)s::uuid[]) AND p.insurer_id = %(insurer)s AND p.provider_id = %(provider)s
          AND q.adherent_id = %(adherent)s AND q.contract_id = %(contract)s
          AND p.valid_from <= %(day)s AND p.valid_until >= %(day)s)
FROM (SELECT 1) AS one
LEFT JOIN insurance_claim known ON known.provider_id = %(provider)s AND known.idempotency_key = %(key)s
LEFT JOIN insurance_convention c ON c.insurer_id = %(insurer)s AND c.practice_id = %(provider)s AND c.is_active
     AND c.start_date <= %(day)s AND (c.end_date IS NULL OR c.end_date >= %(day)s)
LEFT JOIN insurance_bareme b ON b.convention_id = c.id
     AND b.effective_from <= %(day)s AND (b.effective_to IS NULL OR b.effective_to > %(day)s)
"""


class Prior(NamedTuple):
    """Units of an act that were agreed to before the care, under the key of the question."""

    key: str
    code: str
    tooth: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a claim is priced by; `known` is the claim an idempotency key made before, with its body's hash.

    `prior` are the prior agreements that hold among those the claim names.
    """

    contract: ContractTerms | None
    member: ContractMember | None
    bareme: BaremeTerms | None
    bareme_id: UUID | None
    convention_start: date | None
    known: tuple[UUID, str] | None = None
    prior: tuple[Prior, ...] = ()

    def priced_for(self, codes: Collection[str]) -> BaremeTerms | None:
        """Return the prices of these codes alone."""
        return None if self.bareme is None else self.bareme.narrowed_to(codes)


def load_agreement(
    *,
    insurer: Insurer,
    provider: Practice,
    contract: Contract | None,
    adherent_id: UUID,
    day: date,
    key: str = "",
    quoted: Collection[str] = (),
) -> Agreement:
    """Read what applies to a person's care by a provider on a day; `quoted` are keys of questions the lines name."""
    since = day if contract is None else period_of(contract, insurer, day)[0]
    with connection.cursor() as cursor:
        cursor.execute(
            _AGREED,
            {
                "kept": list(_prices),
                "contract": None if contract is None else contract.pk,
                "counts": contract is not None and bool(contract.limit_by_dependants),
                "dependants": [relation.value for relation in DEPENDANTS],
                "since": since,
                "quoted": list(quoted),
                "adherent": adherent_id,
                "provider": provider.pk,
                "key": key,
                "insurer": insurer.pk,
                "day": day,
            },
        )
        row = cursor.fetchone()
    known, body, convention, start, liability, bareme_id, version, content, dependants, prior = row
    bareme = None
    if convention is not None:
        bareme = _bareme(insurer, bareme_id, version, content, liability)
    terms, member = None, None
    if contract is not None:
        terms, member = contract_terms(contract, adherent_id, day, dependants)
    return Agreement(
        terms,
        member,
        bareme,
        bareme_id,
        start,
        (known, body) if known is not None else None,
        tuple(Prior(*row) for row in prior or ()),
    )


def _bareme(
    insurer: Insurer, bareme_id: UUID | None, version: str, content: Any, liability: str
) -> BaremeTerms | None:
    """Return the price list in force, or the insurer's default where a convention has none."""
    if bareme_id is None:
        default = insurer.config.get("default_bareme")
        if not default:
            return None
        return BaremeTerms.from_content(default, bareme_id="", version="default", excess_liability=liability)
    parsed = _prices.pop(bareme_id, None)
    if parsed is None:
        parsed = BaremeTerms.from_content(orjson.loads(content), bareme_id=str(bareme_id), version=version)
    _prices[bareme_id] = parsed
    while len(_prices) > _KEPT:
        _prices.popitem(last=False)
    return replace(parsed, provider_bears_excess=liability == "provider")


def contract_terms(
    contract: Contract, adherent_id: UUID, day: date, dependants: int
) -> tuple[ContractTerms, ContractMember | None]:
    """Return a contract as it covers a person on a day, and their membership, in one statement.

    The wait of an unbroken cover counts from its first day, whichever of the insurer's contracts that was.
    """
    rows: Sequence[ContractMember] = list(
        ContractMember.objects.filter(
            Q(contract=contract) | Q(joined_on__lte=contract.end_date),
            insurer=contract.insurer_id,
            adherent=adherent_id,
        )
        .select_related("contract")
        .order_by("joined_on", "id")
    )
    own = [row for row in rows if row.contract_id == contract.pk]
    begun = [row for row in own if row.joined_on <= day]
    member = (begun or own)[-1 if begun else 0] if own else None
    joined = member.joined_on if member is not None else contract.start_date
    chain = chain_start(max(contract.start_date, joined), [span(row) for row in rows])
    return terms_of(contract, joined_on=joined, chain=chain, member=member, dependants=dependants), member


def terms_of(
    contract: Contract, *, joined_on: date, chain: date, member: ContractMember | None, dependants: int
) -> ContractTerms:
    """Read a contract's row as the engine's terms; `chain` is the day this person's wait counts from."""
    return ContractTerms(
        id=str(contract.pk),
        start_date=contract.start_date,
        end_date=contract.end_date,
        chain_start=chain,
        joined_on=joined_on,
        waits_from=chain,
        left_on=None if member is None else member.left_on,
        is_member=member is not None,
        coverage={name: CareTerms.from_content(care) for name, care in contract.coverage.items()},
        carence_days=contract.carence_days,
        annual_limit=contract.annual_limit,
        limit_by_dependants=tuple(contract.limit_by_dependants or ()),
        dependants=dependants,
        exclusions=tuple(Exclusion.from_content(exclusion) for exclusion in contract.exclusions),
        statuses=tuple(
            (date.fromisoformat(step["from"]), str(step["status"])) for step in contract.status_history
        ),
    )
