"""Claims as they stand once approved, with the lines, the ledger and the people they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.core.context import bind
from apps.core.models import new_id
from apps.directory.models import Insurer, Practice
from apps.insurance.models import (
    Adherent,
    BalanceEntry,
    Claim,
    ClaimItem,
    Contract,
    ContractBalance,
    ContractMember,
    Reconciliation,
)
from apps.insurance.services.reconciling import generate_reconciliation
from tests.cast import CASTING, make_user

NUMBERS = count(1)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
APPROVED_AT = datetime(2026, 11, 10, 9, tzinfo=UTC)
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
FEES = {
    "code": "RS3",
    "kind": "withholding_tax",
    "rate_bp": 300,
    "base": "covered",
    "provider_types": ["medical"],
}


@dataclass
class Network:
    """An insurer, its two heads, a doctor and a pharmacy with one user each, and one insured person."""

    insurer: Insurer
    head: User
    second: User
    doctor: Practice
    pharmacy: Practice
    doc: User
    paula: User
    contract: Contract
    adherent: Adherent
    balance: ContractBalance
    more: dict[str, Any] = field(default_factory=dict)


def acting() -> Any:
    """Bind somebody around direct writes."""
    return bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.network")


def make_insurer(
    code: str = "STAR", currency: str = "TND", retentions: Any = (FEES,), **config: Any
) -> Insurer:
    """Create an insurer with its rates."""
    settings = {
        "timezone": "Africa/Tunis",
        "currency": currency,
        "reconciliation": {"cycle": "monthly", "retentions": list(retentions)},
        **config,
    }
    with acting():
        return Insurer.objects.create(
            name=f"{code} Assurances", code=code, currency=currency, tax_id="0001234A/M/000", config=settings
        )


def make_provider(name: str, kind: str, currency: str = "TND") -> Practice:
    """Create a provider."""
    with acting():
        return Practice.objects.create(
            name=name,
            kind=kind,
            city="Tunis",
            country="TN",
            timezone="Africa/Tunis",
            currency=currency,
            license_no=f"L-{next(NUMBERS)}",
            tax_id="7654321B/A/M/000",
        )


def make_network(code: str = "STAR", **insurer: Any) -> Network:
    """Create the whole scene."""
    house = make_insurer(code, **insurer)
    doctor, pharmacy = (
        make_provider("Cabinet Ben Salah", "medical"),
        make_provider("Pharmacie El Amen", "pharmacy"),
    )
    number = next(NUMBERS)
    with acting():
        adherent = Adherent(
            insurer=house,
            first_name="Salma",
            last_name="Trabelsi",
            date_of_birth=date(1980, 1, 1),
            gender="F",
        )
        adherent.national_id = "01234567"
        adherent.national_id_hash = f"{number:064d}"
        adherent.save()
        contract = Contract.objects.create(
            insurer=house,
            adherent=adherent,
            contract_number=f"K-{number}",
            start_date=date(2026, 1, 1),
            end_date=date(2026, 12, 31),
            annual_limit=None,
            currency=house.currency,
            coverage={"consultation": {"rate_bp": 7000}},
            status_from=date(2026, 1, 1),
        )
        ContractMember.objects.create(
            insurer=house, contract=contract, adherent=adherent, relation="self", joined_on=date(2026, 1, 1)
        )
        balance = ContractBalance.objects.create(
            insurer=house,
            contract=contract,
            scope="*",
            period_start=date(2026, 1, 1),
            period_end=date(2026, 12, 31),
            limit_amount=None,
        )
    tag = f"{number}@test.test"
    return Network(
        house,
        make_user(f"head{tag}", Role.INSURER_ADMIN, "Ines", insurer=house),
        make_user(f"second{tag}", Role.INSURER_ADMIN, "Imed", insurer=house),
        doctor,
        pharmacy,
        make_user(f"doc{tag}", Role.DOCTOR, "Doc", practice=doctor),
        make_user(f"paula{tag}", Role.PHARMACIST, "Paula", practice=pharmacy),
        contract,
        adherent,
        balance,
    )


def make_claim(
    scene: Network,
    provider: Practice,
    covered: int,
    *,
    total: int | None = None,
    at: datetime = APPROVED_AT,
    currency: str | None = None,
    reversal_of: Claim | None = None,
    status: str = "approved",
    source: tuple[str, Any] = ("", None),
) -> Claim:
    """Create one claim of one line as it stands after its decision, and what it holds of the balance."""
    number = next(NUMBERS)
    total = covered if total is None else total
    amounts = {"covered_amount": covered, "copay_amount": total - covered, "writeoff_amount": 0}
    with acting():
        claim = Claim.objects.create(
            insurer=scene.insurer,
            provider=provider,
            contract=scene.contract,
            adherent=scene.adherent,
            type={"pharmacy": "pharmacy", "dental": "dental"}.get(provider.kind, "consultation"),
            service_date=at.date(),
            submitted_at=at,
            status="pending",
            currency=currency or scene.insurer.currency,
            total_amount=total,
            idempotency_key=f"key-{number}",
            body_sha256="0" * 64,
            fingerprint=f"{number:064x}",
            reversal_of=reversal_of,
            source_type=source[0],
            source_id=source[1],
            **amounts,
        )
        ClaimItem.objects.create(
            insurer=scene.insurer,
            provider=provider,
            claim=claim,
            sequence=1,
            code="C2",
            label="Consultation",
            quantity=1,
            unit_price=abs(total),
            line_total=total,
            allowed_amount=abs(covered),
            reimbursement_rate_bp=10_000,
            **amounts,
        )
        claim.status = status
        claim.validated_at = at if status == "approved" else None
        claim.save(update_fields=["status", "validated_at"])
        if covered and status in {"approved", "pending_review", "eligible"}:
            kind = "reserve" if covered > 0 else "reversal"
            BalanceEntry.objects.create(
                insurer=scene.insurer,
                balance=scene.balance,
                claim=claim,
                seq=1,
                delta=covered,
                kind=kind,
                made_at=at,
            )
            scene.balance.used += covered
            scene.balance.save(update_fields=["used"])
    return claim


def worked_case(scene: Network) -> list[Claim]:
    """Create the claims of the specification's case: 4 321 115 at the doctor's, 1 234 567 at the pharmacy."""
    return [
        make_claim(scene, scene.doctor, 4_000_000),
        make_claim(scene, scene.doctor, 321_115, total=400_000),
        make_claim(scene, scene.pharmacy, 1_234_567, total=1_300_000),
    ]


def generated(
    scene: Network, first: date = FIRST, last: date = LAST, at: datetime = NOW, **more: Any
) -> Reconciliation:
    """Generate a reconciliation as the insurer's head."""
    return generate_reconciliation(
        actor=scene.head, insurer=scene.insurer, period_start=first, period_end=last, at=at, **more
    )


MANY = """
INSERT INTO insurance_claim (
    id, created_at, updated_at, insurer_id, provider_id, contract_id, adherent_id, type, service_date, submitted_at,
    is_urgent, use, status, currency, total_amount, covered_amount, copay_amount, writeoff_amount, tax_amount,
    reason_code, fraud_score, engine_version, rules_version, inputs_sha256, idempotency_key, body_sha256, fingerprint,
    fingerprint_salt, practitioner_ref, prescriber, notes, source_type
)
SELECT ('{stamp}' || '7' || lpad(to_hex(n >> 20), 3, '0') || '8' || lpad(to_hex(n & 1048575), 5, '0')
        || substr(md5(n::text), 1, 10))::uuid,
       now(), now(), '{insurer}', providers[1 + n % cardinality(providers)], '{contract}',
       '{adherent}', 'consultation', '{day}'::date + (n % 28), '{at}'::timestamptz, false, 'claim', 'pending', 'TND',
       70000 + n % 977, 49000 + n % 613, 21000 + n % 977 - n % 613, 0, 0, '', 0, '1', '1', repeat('0', 64),
       'many-{stamp}' || n, repeat('0', 64), md5('{stamp}' || n) || md5(n::text), '', '', '', '', ''
FROM generate_series(first, least(first + 4, {number})) AS n
"""
# Claims come in as pending and are decided at once: the first version of a row stays behind beside the second one.
# They are found again by key: the index of states keeps every first version until the transaction ends.
ONE_BY_ONE = """
DO $$ DECLARE first int; made uuid[]; providers uuid[] := ARRAY[{providers}]::uuid[]; BEGIN
FOR first IN SELECT generate_series(1, {number}, 5) LOOP
    WITH inserted AS ({insert} RETURNING id) SELECT array_agg(id) INTO made FROM inserted;
    UPDATE insurance_claim SET status = 'approved', validated_at = '{at}'::timestamptz WHERE id = ANY(made);
END LOOP; END $$
"""


def make_many(scene: Network, providers: list[Practice], number: int) -> None:
    """Create approved claims by the hundred thousand; they have no lines and hold nothing."""
    values = {
        "stamp": new_id().hex[:12],
        "insurer": scene.insurer.pk,
        "contract": scene.contract.pk,
        "adherent": scene.adherent.pk,
        "day": FIRST,
        "at": APPROVED_AT.isoformat(),
        "number": number,
    }
    keys = ", ".join(f"'{provider.pk}'" for provider in providers)
    with transaction.atomic(), connection.cursor() as cursor:
        # The plan is made while the table is empty.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(ONE_BY_ONE.format(insert=MANY.format(**values), providers=keys, **values))
