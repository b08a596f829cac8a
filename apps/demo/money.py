"""From some of the past visits: acts carried out, invoices issued, payments received."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from apps.agenda.models import Appointment
from apps.billing.models import Invoice, InvoiceShare
from apps.billing.services import LineInput, ShareInput, create_draft, issue_invoice, record_payment
from apps.catalog.models import Act
from apps.catalog.selectors import price_of
from apps.clinical.models import Treatment
from apps.clinical.services import complete_treatment, record_treatment
from apps.core.money import apply_rate
from apps.core.scope import Viewer
from apps.directory.models import Insurer

# Acts by kind of visit: code, teeth it may be on, surfaces.
Asked = tuple[str, tuple[str, ...], str]
ACTS: dict[str, tuple[Asked, ...]] = {
    "Contrôle et détartrage": (("C", (), ""), ("HBJD001", (), "")),
    "Première visite": (("C", (), ""), ("HBQK002", (), "")),
    "Soin conservateur": (("HBMD049", ("14", "25", "36", "46"), "MO"), ("HBQK389", ("36", "26", "15"), "")),
    "Endodontie": (("HBFD008", ("16", "26", "36", "46"), ""),),
    "Couronne, préparation": (("HBLD634", ("11", "13", "14", "24"), ""),),
    "Urgence": (("C", (), ""), ("HBQK389", ("17", "37", "47"), "")),
    "Chirurgie": (("HBGD036", ("38", "48", "17"), ""),),
}
TAXED = "HN-KIT"


class Till:
    """Bills visits of one practice in the order they took place."""

    def __init__(self, *, desk: Viewer, insurers: list[Insurer], random: Random, now: datetime) -> None:
        self.desk = desk
        self.random = random
        self.now = now
        self.awaited: list[tuple[datetime, Invoice, InvoiceShare]] = []
        self.mandatory = next(insurer for insurer in insurers if insurer.code == "AMO")
        self.mutual = next(insurer for insurer in insurers if insurer.code == "QUAIS")
        self.acts = {act.code: act for act in Act.objects.select_related("vat_code")}

    def bill(self, visit: Appointment, dentist: Viewer) -> Invoice:
        """Record the acts of a visit, invoice them, and take what is paid."""
        at = visit.ends_at
        self.receive_until(at)
        done = [self.treat(visit, dentist, act, at) for act in ACTS[visit.type.name]]
        lines = [LineInput(treatment=treatment) for treatment in done]
        if self.random.random() < 0.1:
            lines.append(LineInput(act=self.acts[TAXED], quantity=1))
        invoice = create_draft(
            actor=dentist,
            practice=visit.practice,
            patient=visit.patient,
            practitioner=visit.practitioner,
            lines=lines,
            shares=self.shares(done, visit),
            at=at,
        )
        invoice = issue_invoice(actor=dentist, invoice=invoice, at=at + timedelta(minutes=2))
        self.collect(invoice, at)
        return invoice

    def treat(self, visit: Appointment, dentist: Viewer, asked: Asked, at: datetime) -> Treatment:
        """Record one act and carry it out."""
        code, teeth, surfaces = asked
        treatment = record_treatment(
            actor=dentist,
            patient=visit.patient,
            act=self.acts[code],
            practitioner=visit.practitioner,
            appointment=visit,
            tooth=self.random.choice(teeth) if teeth else "",
            surfaces=surfaces,
            at=at,
        )
        return complete_treatment(actor=dentist, treatment=treatment, at=at)

    def shares(self, done: list[Treatment], visit: Appointment) -> list[ShareInput]:
        """Let the mandatory scheme pay its rate of the base for four visits in five, and a mutual the rest for some."""
        if self.random.random() < 0.2:
            return []
        day = visit.starts_at.astimezone(visit.practice.zone).date()
        prices = [price_of(act=treatment.act, practice=visit.practice, on=day) for treatment in done]
        base = sum(apply_rate(price.brss or 0, price.rate_bp) for price in prices)
        rest = sum(treatment.price for treatment in done) - base
        shares = (
            [ShareInput(payer="insurer", insurer=self.mandatory, kind="mandatory", amount=base)]
            if base > 0
            else []
        )
        if rest > 0 and self.random.random() < 0.5:
            half = rest // 2
            shares.append(ShareInput(payer="insurer", insurer=self.mutual, kind="complementary", amount=half))
        return shares

    def collect(self, invoice: Invoice, at: datetime) -> None:
        """Take the patient's share at the desk most times; the insurers' comes a week later."""
        for share in invoice.shares.order_by("position"):
            if share.amount and share.payer == "insurer" and self.random.random() < 0.8:
                self.awaited.append((at + timedelta(days=7), invoice, share))
            elif share.amount and share.payer == "patient" and self.random.random() < 0.85:
                method = self.random.choice(("card", "card", "card", "cash", "cheque"))
                self.receive(invoice, share, method, at + timedelta(minutes=5))

    def receive_until(self, at: datetime) -> None:
        """Record the transfers that arrived by `at`, so that the ledger is written in the order of events."""
        while self.awaited and self.awaited[0][0] <= at:
            when, invoice, share = self.awaited.pop(0)
            self.receive(invoice, share, "transfer", when)

    def receive(self, invoice: Invoice, share: InvoiceShare, method: str, at: datetime) -> None:
        """Record one payment of a whole share."""
        record_payment(
            actor=self.desk,
            invoice=invoice,
            payer=share.payer,
            insurer=share.insurer,
            method=method,
            amount=share.amount,
            received_on=at.astimezone(invoice.practice.zone).date(),
            at=at,
        )
