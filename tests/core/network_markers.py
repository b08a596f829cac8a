"""Markers in the sealed columns of the payer network, put there by its services."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from apps.accounts.roles import Role
from apps.core.context import bind
from apps.directory.services import set_bank_account
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.asking import Asked, AskedLine
from apps.insurance.services.claims import submit_claim
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import send_reconciliation
from tests.cast import CASTING, make_user
from tests.insurance.making import make_adherent, make_agreement, make_contract, make_practice

NETWORK = {
    "directory.bank_account.iban", "insurance.adherent.national_id", "insurance.adherent.phone", "insurance.claim.notes",
    "insurance.claim_item.diagnosis", "insurance.claim_review.reason", "insurance.dispute.decision",
    "insurance.dispute.reason", "insurance.reconciliation_provider.account",
}  # fmt: skip


def rib() -> str:
    """Return a Tunisian RIB with its right key."""
    first = f"{uuid4().int % 10**18:018d}"
    return f"{first}{97 - int(first) * 100 % 97:02d}"


def plant_network(count: int, *, insurer: Any, at: Any) -> dict[str, list[str]]:
    """Let `count` providers be paid for one claim each that was reviewed and is disputed; return the markers by context."""
    found: dict[str, list[str]] = {context: [] for context in NETWORK}
    heads = [
        make_user(f"{name.lower()}{uuid4().hex[:8]}@marks.test", Role.INSURER_ADMIN, name, insurer=insurer)
        for name in ("Ida", "Imen")
    ]
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.plant"):
        insurer.currency = "TND"
        insurer.config = {**insurer.config, "currency": "TND", "timezone": "Africa/Tunis", "review_above": 1}
        insurer.save()
    for n in range(count):
        mark = f"nW{n:05d}qX{uuid4().hex[:8]}"
        plant_claim(mark, found, insurer=insurer, head=heads[0], at=at)
    day = at.date()
    made = generate_reconciliation(
        actor=heads[0], insurer=insurer, period_start=day.replace(day=1), period_end=day, at=at
    )
    send_reconciliation(actor=heads[0], reconciliation=made, at=at)
    for line in made.lines.order_by("pk"):
        mark = uuid4().hex[:12]
        open_dispute(actor=heads[0], line=line, reason=f"contested {mark}", at=at)
        decide_dispute(actor=heads[1], line=line, verb="reject", reason=f"decided {mark}", at=at)
        found["insurance.dispute.reason"].append(f"contested {mark}")
        found["insurance.dispute.decision"].append(f"decided {mark}")
    return found


def plant_claim(mark: str, found: dict[str, list[str]], *, insurer: Any, head: Any, at: Any) -> None:
    """File and approve one claim of a provider and a person of its own."""
    provider = make_practice(f"Cabinet {mark}", "medical", license_no=mark)
    doctor = make_user(f"{mark.lower()}@marks.test", Role.DOCTOR, "Doc", practice=provider)
    account = rib()
    set_bank_account(actor=doctor, practice=provider, iban=account)
    make_agreement(insurer, provider)
    number, phone = f"{uuid4().int % 10**8:08d}", f"+21622{uuid4().int % 10**6:06d}"
    person = make_adherent(insurer, national_id=number, phone=phone)
    line = AskedLine(code="C2", quantity=1, unit_price=70_000, diagnosis=f"d{mark}")
    claim = submit_claim(
        actor=doctor,
        asked=Asked(
            type="consultation", provider=provider, adherent=person, contract=make_contract(insurer, person),
            service_date=(at - timedelta(days=1)).date(), lines=(line,), notes=f"notes {mark}",
        ),
        idempotency_key=f"plant-{mark}",
        at=at,
    )  # fmt: skip
    approve_claim(actor=head, claim=claim, expected_status="pending_review", reason=f"seen {mark}", at=at)
    for context, text in (
        ("directory.bank_account.iban", account),
        ("insurance.reconciliation_provider.account", f"TN59{account}"),
        ("insurance.adherent.national_id", number),
        ("insurance.adherent.phone", phone),
        ("insurance.claim.notes", f"notes {mark}"),
        ("insurance.claim_item.diagnosis", f"d{mark}"),
        ("insurance.claim_review.reason", f"seen {mark}"),
    ):
        found[context].append(text)
