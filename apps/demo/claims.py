"""The demo's claims: every kind and status, a month that is paid, and invoices paid by a third party.

Filed by the providers' own people and decided by the insurer's, through the services, over the last two months.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from apps.accounts.models import User
from apps.billing.models import InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services import LineInput, ShareInput, create_draft, issue_invoice
from apps.catalog.models import Act
from apps.core.errors import DomainError
from apps.demo.houses import DentalHouse
from apps.directory.models import Insurer
from apps.insurance.models import Claim, ContractMember, Reconciliation
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.asking import Asked, AskedLine
from apps.insurance.services.claims import submit_claim
from apps.insurance.services.coverages import link_coverage
from apps.insurance.services.deciding import block_claim, reject_claim, review_claim
from apps.insurance.services.disputes import open_dispute
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.services.withdrawing import void_claim
from apps.patients.models import Patient

# Who files what: login, kind of care, possible lines (code, quantity, price in millimes).
COUNTERS: Final = (
    ("paula", "pharmacy", (("MED-A-GEN", 2, 15_300), ("MED-A-BRAND", 1, 24_750), ("MED-B", 3, 8_333), ("MED-C", 1, 34_000))),
    ("doc", "consultation", (("C1", 1, 50_000), ("C2", 1, 80_000))),
    ("lea", "laboratory", (("B-NFS", 1, 12_500), ("B-GLY", 1, 6_500), ("B-LIP", 1, 24_000))),
    ("hugo", "hospitalization", (("HOSP-DAY", 2, 190_000), ("SURG-1", 1, 950_000))),
)  # fmt: skip
CLAIMS: Final = 48
LINKED, INVOICES = 12, 4
# A line outside the price list and one the contract excludes: both are refused, with reasons.
ODD: Final = (("XYZ-99", 1, 40_000), ("COSM-001", 1, 80_000))


@dataclass(slots=True)
class Counter:
    """The providers' counters, and the insurer's two people behind them."""

    people: Mapping[str, User]
    insurer: Insurer
    random: Random
    now: datetime
    step: Callable[[], None]

    def fill(self) -> None:
        """File claims over ten weeks, oldest first; decide some, and leave some to the reader."""
        members = list(
            ContractMember.objects.filter(insurer=self.insurer, contract__status="active")
            .select_related("contract__insurer", "adherent__insurer")
            .order_by("pk")
        )
        for number in range(CLAIMS):
            login, kind, lines = COUNTERS[number % 4 if number % 12 else 0]
            at = self.now - timedelta(hours=36 * (CLAIMS - number))
            chosen = self.random.sample(lines, k=self.random.randint(1, min(2, len(lines))))
            if number % 11 == 5:
                chosen.append(self.random.choice(ODD))
            self.file(
                login=login, kind=kind, member=self.random.choice(members), lines=chosen, number=number, at=at
            )
            self.step()
        self.repeat()
        self.decide()

    def file(
        self,
        *,
        login: str,
        kind: str,
        member: ContractMember,
        lines: list[tuple[str, int, int]],
        number: int,
        at: datetime,
    ) -> Claim:
        """File one claim on the day of care."""
        user = self.people[login]
        practice = user.practice
        if practice is None:
            raise LookupError(f"{login} works for no practice")
        asked = Asked(
            type=kind,
            provider=practice,
            adherent=member.adherent,
            contract=member.contract,
            service_date=at.astimezone(self.insurer.zone).date(),
            lines=tuple(AskedLine(code=code, quantity=n, unit_price=price) for code, n, price in lines),
            is_predetermination=number % 9 == 8,
        )
        return submit_claim(actor=user, asked=asked, idempotency_key=f"demo-{number:04d}", at=at)

    def repeat(self) -> None:
        """Send the last consultation again under another key: it is blocked as a repeat."""
        last = (
            Claim.objects.filter(insurer=self.insurer, type="consultation", status="approved")
            .order_by("-id")
            .first()
        )
        if last is None:
            return
        lines = [(item.code, item.quantity, item.unit_price) for item in last.items.order_by("sequence")]
        member = ContractMember.objects.select_related("contract__insurer", "adherent__insurer").get(
            pk=last.member_id
        )
        at = last.submitted_at + timedelta(minutes=40)
        self.file(login="doc", kind="consultation", member=member, lines=lines, number=CLAIMS * 9, at=at)

    def decide(self) -> None:
        """Take some approved claims up again: one each stays so, is approved, rejected, blocked, withdrawn."""
        rows = Claim.objects.filter(insurer=self.insurer, status="approved", reconciliation__isnull=True)
        chosen = list(rows.order_by("-id")[:6])
        omar = self.people["omar"]
        for claim in chosen[:4]:
            review_claim(
                actor=omar, claim=claim, expected_status="approved", reason="Contrôle de routine", at=self.now
            )
        held = "pending_review"
        approve_claim(actor=omar, claim=chosen[1], expected_status=held, at=self.now)
        reject_claim(
            actor=omar, claim=chosen[2], expected_status=held, reason="Ordonnance manquante", at=self.now
        )
        block_claim(
            actor=omar, claim=chosen[3], expected_status=held, reason="Pièces contradictoires", at=self.now
        )
        last = chosen[4]
        void_claim(
            actor=next(user for user in self.people.values() if user.practice_id == last.provider_id),
            claim=last,
            expected_status="approved",
            at=last.submitted_at + timedelta(minutes=5),
        )

    def settle(self) -> None:
        """Pay the month before last; leave last month sent, with one line in dispute, to the reader."""
        this = self.now.astimezone(self.insurer.zone).replace(
            day=1, hour=10, minute=0, second=0, microsecond=0
        )
        last = (this - timedelta(days=1)).replace(day=1)
        self.reconcile(last, pay=True)
        sent = self.reconcile(this, pay=False)
        if sent is None:
            return
        paula = self.people["paula"]
        line = sent.lines.filter(provider_id=paula.practice_id).order_by("-net", "pk").first()
        if line is not None:
            why = "La seconde boîte a bien été délivrée"
            open_dispute(
                actor=paula, line=line, reason=why, amount=line.net // 2, document="ORD-1107", at=self.now
            )

    def reconcile(self, month: datetime, *, pay: bool) -> Reconciliation | None:
        """Send what was approved in the month before this one, three days into it; None where nothing was."""
        ines, zone = self.people["ines"], self.insurer.zone
        last = (month - timedelta(days=1)).astimezone(zone).date()
        at = min(self.now, month + timedelta(days=3))
        try:
            row = generate_reconciliation(
                actor=ines, insurer=self.insurer, period_start=last.replace(day=1), period_end=last, at=at
            )
        except DomainError:
            return None
        sent = send_reconciliation(actor=ines, reconciliation=row, at=at)
        if not pay:
            return sent
        day = min(self.now, at + timedelta(days=12))
        return pay_reconciliation(
            actor=ines,
            reconciliation=sent,
            payment_date=day.astimezone(zone).date(),
            reference=f"VIR-{last:%Y%m}",
            at=day,
        )


def build_claims(
    *,
    people: Mapping[str, User],
    insurers: list[Insurer],
    houses: list[DentalHouse],
    random: Random,
    now: datetime,
    step: Callable[[], None],
) -> None:
    """Fill the Tunisian insurer's desk, and let the mutual pay for some of the dental practices' invoices."""
    by_code = {insurer.code: insurer for insurer in insurers}
    counter = Counter(people, by_code["CAP"], random, now, step)
    counter.fill()
    counter.settle()
    pay_by_mutual(houses[0], people["ana"], by_code["QUAIS"], now)


def pay_by_mutual(house: DentalHouse, dentist: User, mutual: Insurer, now: datetime) -> None:
    """Link patients to the mutual's contracts, and bill a few of them with third-party payment."""
    scaling = Act.objects.filter(code="HBJD001").first()
    known = Patient.objects.filter(practice=house.practice, national_id_hash__isnull=False).select_related(
        "practice"
    )
    for number, patient in enumerate(known.order_by("file_number")[:LINKED]):
        link_coverage(
            actor=dentist, patient=patient, insurer=mutual, national_id=patient.national_id,
            valid_from=date(now.year, 1, 1), at=now,
        )  # fmt: skip
        if number >= INVOICES or scaling is None:
            continue
        draft = create_draft(
            actor=dentist,
            practice=house.practice,
            patient=patient,
            practitioner=house.dentists[0],
            lines=[LineInput(act=scaling)],
            shares=[ShareInput(payer=Payer.INSURER, insurer=mutual, basis=InvoiceShare.Basis.NETWORK)],
            at=now,
        )
        issue_invoice(actor=dentist, invoice=draft, at=now)
