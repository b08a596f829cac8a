"""Rows of every kind that the admin shows, made for whoever looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group
from django.utils import timezone

from apps.accounts.models import Session, User
from apps.accounts.roles import Role
from apps.agenda.models import (
    Absence,
    Appointment,
    AppointmentType,
    CalendarToken,
    OpenHoliday,
    PinnedVisit,
    Recall,
    RecallType,
    Series,
    WaitlistEntry,
)
from apps.audit.access import record_login
from apps.audit.models import AccessEntry, AuditEntry
from apps.billing.models import (
    BillingDocument,
    Closing,
    Deposit,
    DunningPolicy,
    InstalmentPlan,
    InsurerTransfer,
    Invoice,
    InvoiceReminder,
    InvoiceShare,
    LedgerRecord,
    NetworkSettlement,
    NumberSeries,
    Payment,
    Quote,
    ShareTransfer,
    TrainingSwitch,
)
from apps.catalog.models import Act, FavouriteAct, PracticeFee, Tariff, VatCode
from apps.clinical.models import Treatment
from apps.compliance.services import open_request
from apps.core.context import bind
from apps.directory.models import BankAccount, Insurer, Practice, Practitioner, Room
from apps.insurance.models import (
    ClaimFlag,
    Contract,
    Dispute,
    NetworkProof,
    PatientCoverage,
    Reconciliation,
    ReconciliationJob,
    ReconciliationLine,
    ReconciliationProvider,
)
from apps.notifications.models import NotificationJob, NotificationLog, NotificationTemplate, Suppression
from apps.notifications.services import enqueue, suppress
from apps.patients.models import EmergencyAccess
from apps.patients.services import (
    add_alert,
    add_contact,
    create_household,
    record_consent,
    register_patient,
)
from tests.cast import CASTING, House, make_user
from tests.insurance.making import make_adherent, make_bareme, make_contract, make_convention
from tests.insurance.reconciliations.making import make_claim


@dataclass
class World:
    """The cast and their houses."""

    people: dict[str, User]
    house: House
    other_house: House
    insurer: Insurer
    at: datetime

    def practice_of(self, who: str) -> Practice:
        """Return the practice of a person; Ana's for those who have none."""
        return self.people[who].practice or self.house.practice

    def insurer_of(self, who: str) -> Insurer:
        """Return the insurer of a person; Ines's for those who have none."""
        return self.people[who].insurer or self.insurer

    def house_of(self, who: str) -> House:
        """Return the house of a person."""
        return self.other_house if who in {"cleo", "carl"} else self.house


def build_world(parts: dict[str, Any]) -> World:
    """Return the world of one test."""
    rest = {name: parts.pop(name) for name in ("house", "other_house", "insurer", "at")}
    return World(people=parts, **rest)


Maker = Callable[[World, str, int], Any]
MAKERS: dict[str, Maker] = {}


def makes(label: str) -> Callable[[Maker], Maker]:
    """Register the maker of a model; it runs as the casting service."""

    def register(maker: Maker) -> Maker:
        def bound(world: World, who: str, n: int) -> Any:
            with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.world"):
                return maker(world, who, n)

        MAKERS[label] = bound
        return bound

    return register


@makes("accounts.user")
def a_user(world: World, who: str, n: int) -> Any:
    viewer = world.people[who]
    if viewer.insurer_id:
        return make_user(f"u{uuid4().hex}@test.test", Role.INSURER_AGENT, "Una", insurer=viewer.insurer)
    return make_user(f"u{uuid4().hex}@test.test", Role.ASSISTANT, "Una", practice=world.practice_of(who))


@makes("accounts.session")
def a_session(world: World, who: str, n: int) -> Any:
    now = timezone.now()
    return Session.objects.create(
        user=a_user(world, who, n),
        secret_sha256=uuid4().hex * 2,
        started_at=now,
        issued_at=now,
        expires_at=now + timedelta(hours=1),
    )


@makes("auth.group")
def a_role(world: World, who: str, n: int) -> Any:
    return Group.objects.get(name="assistant")


@makes("audit.auditentry")
def an_entry(world: World, who: str, n: int) -> Any:
    user = a_user(world, who, n)
    return AuditEntry.objects.about(user).get()


@makes("audit.accessentry")
def a_reading(world: World, who: str, n: int) -> Any:
    user = a_user(world, who, n)
    record_login(user=user, door="api")
    return AccessEntry.objects.get(actor=user)


@makes("directory.practice")
def a_practice(world: World, who: str, n: int) -> Any:
    if world.people[who].practice_id:
        return world.practice_of(who)
    return Practice.objects.create(name=f"Cabinet {n}", license_no=uuid4().hex[:20])


@makes("directory.bankaccount")
def a_bank_account(world: World, who: str, n: int) -> Any:
    practice = world.practice_of(who)
    row = BankAccount.objects.filter(practice=practice).first()
    return row or BankAccount.objects.create(practice=practice, iban="FR7630006000011234567890189")


@makes("directory.practitioner")
def a_practitioner(world: World, who: str, n: int) -> Any:
    house = world.house_of(who)
    return Practitioner.objects.create(
        practice=house.practice, first_name="Zoé", last_name=f"Nom{n}", default_room=house.rooms[0]
    )


@makes("directory.room")
def a_room(world: World, who: str, n: int) -> Any:
    return Room.objects.create(practice=world.practice_of(who), name=f"Salle {uuid4().hex[:8]}")


@makes("directory.insurer")
def an_insurer(world: World, who: str, n: int) -> Any:
    if world.people[who].insurer_id:
        return world.people[who].insurer
    return Insurer.objects.create(name=f"Mutuelle {n}", code=uuid4().hex[:12])


@makes("notifications.notificationtemplate")
def a_text(world: World, who: str, n: int) -> Any:
    return NotificationTemplate.objects.create(
        practice=world.practice_of(who), key=f"test.{uuid4().hex[:12]}", channel="sms", body="{{ date }}"
    )


@makes("notifications.notificationjob")
def a_message(world: World, who: str, n: int) -> NotificationJob:
    return enqueue(
        actor=CASTING,
        practice=world.practice_of(who),
        template="appointment.reminder",
        channel="sms",
        recipient="+33612345678",
        language="fr",
        context={"date": "24/11/2026", "time": "09:30"},
        due_at=world.at + timedelta(days=1),
        unique_key=uuid4().hex,
        cause_type="test.world",
        cause_id=uuid4(),
        at=world.at,
    )


@makes("notifications.notificationlog")
def a_step(world: World, who: str, n: int) -> Any:
    return NotificationLog.objects.get(job=a_message(world, who, n))


@makes("notifications.suppression")
def a_suppression(world: World, who: str, n: int) -> Any:
    return suppress(
        actor=CASTING,
        practice_id=world.practice_of(who).pk,
        channel="email",
        recipient=f"{uuid4().hex}@example.org",
        reason=Suppression.Reason.MANUAL,
        at=world.at,
    )


@makes("catalog.vatcode")
def a_vat_code(world: World, who: str, n: int) -> Any:
    return VatCode.objects.create(
        code=f"V{uuid4().hex[:12]}".upper(), label_fr="Taux", label_en="Rate", rate_bp=2000
    )


@makes("catalog.act")
def an_act(world: World, who: str, n: int) -> Any:
    return Act.objects.create(
        code=f"A{uuid4().hex[:12]}".upper(),
        code_system="HN",
        label_fr="Soin",
        label_en="Care",
        category="aesthetic",
        duration_minutes=20,
        vat_code=a_vat_code(world, who, n),
    )


@makes("catalog.tariff")
def a_tariff(world: World, who: str, n: int) -> Any:
    act = an_act(world, who, n)
    return Tariff.objects.create(act=act, valid_from=date(2026, 1, 1), price=2300, basket="libre")


@makes("catalog.favouriteact")
def a_favourite(world: World, who: str, n: int) -> Any:
    return FavouriteAct.objects.create(practice=world.practice_of(who), act=an_act(world, who, n))


@makes("catalog.practicefee")
def a_fee(world: World, who: str, n: int) -> Any:
    return PracticeFee.objects.create(practice=world.practice_of(who), act=an_act(world, who, n), price=2500)


@makes("patients.patient")
def a_patient(world: World, who: str, n: int) -> Any:
    return register_patient(
        actor=CASTING,
        practice=world.practice_of(who),
        at=world.at,
        first_name="Jeanne",
        last_name=f"Nom{n}",
        allow_duplicate=True,
    )


@makes("patients.household")
def a_household(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return create_household(
        actor=CASTING, practice=patient.practice, name=f"Famille {n}", at=world.at, guarantor=patient
    )


@makes("patients.patientcontact")
def a_contact(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return add_contact(actor=CASTING, patient=patient, at=world.at, relation="emergency", name=f"Marc {n}")


@makes("patients.consentform")
def a_consent(world: World, who: str, n: int) -> Any:
    return record_consent(actor=CASTING, patient=a_patient(world, who, n), at=world.at, kind="sms")


@makes("patients.emergencyaccess")
def an_emergency_access(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    at = world.at + timedelta(minutes=n)
    values = {"opened_at": at, "expires_at": at + timedelta(hours=1), "reason": f"Allergie inconnue {n}"}
    return EmergencyAccess.objects.create(
        practice=patient.practice, patient=patient, user=world.people[who], **values
    )


@makes("patients.alert")
def an_alert(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return add_alert(actor=CASTING, patient=patient, at=world.at, kind="allergy", label=f"Latex {n}")


@makes("compliance.datarequest")
def a_data_request(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return open_request(actor=CASTING, patient=patient, kind="access", at=world.at)


@makes("agenda.appointmenttype")
def a_type(world: World, who: str, n: int) -> Any:
    return AppointmentType.objects.create(
        practice=world.practice_of(who), name=f"Visite {uuid4().hex[:8]}", duration_minutes=30
    )


@makes("agenda.appointment")
def a_visit(world: World, who: str, n: int) -> Any:
    house = world.house_of(who)
    starts_at = world.at + timedelta(days=n, minutes=30)
    return Appointment.objects.create(
        practice=house.practice,
        patient=a_patient(world, who, n),
        practitioner=house.practitioners[0],
        room=house.rooms[0],
        type=a_type(world, who, n),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        scheduled_at=world.at,
    )


@makes("agenda.absence")
def an_absence(world: World, who: str, n: int) -> Any:
    house = world.house_of(who)
    starts_at = world.at + timedelta(days=n)
    return Absence.objects.create(
        practice=house.practice,
        practitioner=house.practitioners[0],
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=4),
    )


@makes("agenda.openholiday")
def a_worked_holiday(world: World, who: str, n: int) -> Any:
    day = date(2000 + OpenHoliday.objects.count(), 5, 1)
    return OpenHoliday.objects.create(practice=world.practice_of(who), day=day)


@makes("agenda.waitlistentry")
def a_waiting_patient(world: World, who: str, n: int) -> Any:
    return WaitlistEntry.objects.create(
        practice=world.practice_of(who),
        patient=MAKERS["patients.patient"](world, who, n),
        type=MAKERS["agenda.appointmenttype"](world, who, n),
        requested_at=world.at,
    )


@makes("agenda.pinnedvisit")
def a_pinned_visit(world: World, who: str, n: int) -> Any:
    return PinnedVisit.objects.create(
        practice=world.practice_of(who),
        patient=MAKERS["patients.patient"](world, who, n),
        type=MAKERS["agenda.appointmenttype"](world, who, n),
        pinned_at=world.at,
    )


@makes("agenda.recalltype")
def a_recall_type(world: World, who: str, n: int) -> Any:
    return RecallType.objects.create(practice=world.practice_of(who), name=f"Rappel {uuid4().hex[:8]}")


@makes("agenda.recall")
def a_recall(world: World, who: str, n: int) -> Any:
    return Recall.objects.create(
        practice=world.practice_of(who),
        patient=MAKERS["patients.patient"](world, who, n),
        type=a_recall_type(world, who, n),
        computed_on=world.at.date(),
    )


@makes("agenda.series")
def booked_visits(world: World, who: str, n: int) -> Any:
    patient = MAKERS["patients.patient"](world, who, n)
    return Series.objects.create(practice=patient.practice, patient=patient, booked_at=world.at)


@makes("agenda.calendartoken")
def a_calendar_address(world: World, who: str, n: int) -> Any:
    house = world.house_of(who)
    return CalendarToken.objects.create(
        practice=house.practice,
        practitioner=house.practitioners[0],
        token_sha256=uuid4().hex * 2,
        issued_at=world.at,
    )


@makes("clinical.treatment")
def a_treatment(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return Treatment.objects.create(
        practice=patient.practice,
        patient=patient,
        act=an_act(world, who, n),
        practitioner=world.house_of(who).practitioners[0],
        price=2500,
        currency="EUR",
        planned_at=world.at,
    )


@makes("billing.invoice")
def an_invoice(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return Invoice.objects.create(
        practice=patient.practice,
        patient=patient,
        practitioner=world.house_of(who).practitioners[0],
        currency="EUR",
        total_amount=2500,
        net_amount=2500,
    )


@makes("billing.quote")
def a_quote(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return Quote.objects.create(
        practice=patient.practice,
        patient=patient,
        practitioner=world.house_of(who).practitioners[0],
        currency="EUR",
        total_amount=2500,
        remainder_amount=2500,
    )


@makes("billing.payment")
def a_payment(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    return Payment.objects.create(
        practice=patient.practice,
        patient=patient,
        payer="patient",
        method="card",
        amount=2500,
        currency="EUR",
        received_on=world.at.date(),
        recorded_at=world.at,
    )


@makes("billing.invoicereminder")
def a_bill_reminder(world: World, who: str, n: int) -> Any:
    invoice = an_invoice(world, who, n)
    return InvoiceReminder.objects.create(
        practice=invoice.practice,
        invoice=invoice,
        level=1,
        channel="email",
        amount=2500,
        queued_at=world.at,
        message=uuid4(),
    )


@makes("billing.dunningpolicy")
def a_dunning_policy(world: World, who: str, n: int) -> Any:
    return DunningPolicy.objects.get_or_create(practice=world.practice_of(who))[0]


@makes("billing.insurertransfer")
def a_transfer(world: World, who: str, n: int) -> Any:
    return InsurerTransfer.objects.create(
        practice=world.practice_of(who),
        insurer=world.insurer,
        reference=f"VIR {uuid4().hex}",
        received_on=world.at.date(),
        amount=2500,
        currency="EUR",
        recorded_at=world.at,
    )


@makes("billing.sharetransfer")
def a_share_transfer(world: World, who: str, n: int) -> Any:
    invoice = an_invoice(world, who, n)
    values = {"practice": invoice.practice, "invoice": invoice}
    shares = [
        InvoiceShare.objects.create(
            position=1, payer="insurer", insurer=world.insurer, kind="mandatory", amount=500, **values
        ),
        InvoiceShare.objects.create(position=2, amount=2000, **values),
    ]
    now_issued(invoice, world.at)
    return ShareTransfer.objects.create(
        source=shares[0], target=shares[1], amount=500, reason="Refus", posted_at=world.at, **values
    )


@makes("billing.networksettlement")
def a_settlement(world: World, who: str, n: int) -> Any:
    invoice = an_invoice(world, who, n)
    reconciliation = a_reconciliation(world, who, n)
    return NetworkSettlement.objects.create(
        practice=invoice.practice, invoice=invoice, reconciliation=reconciliation, asked=500, settled=0,
        code="INVOICE_CREDITED", settled_at=world.at,
    )  # fmt: skip


@makes("insurance.patientcoverage")
def a_patient_coverage(world: World, who: str, n: int) -> Any:
    patient = a_patient(world, who, n)
    contract = Contract.objects.filter(insurer=world.insurer).first() or make_contract(world.insurer)
    return PatientCoverage.objects.create(
        practice=patient.practice, patient=patient, contract=contract, adherent=contract.adherent,
        valid_from=world.at.date(),
    )  # fmt: skip


def now_issued(invoice: Invoice, at: datetime) -> None:
    """Give an invoice a number, as its issue would."""
    invoice.status, invoice.number = "issued", f"FA-{uuid4().hex[:16]}"
    invoice.issued_at, invoice.issued_on = at, at.date()
    invoice.save()


@makes("billing.instalmentplan")
def a_plan(world: World, who: str, n: int) -> Any:
    invoice = an_invoice(world, who, n)
    return InstalmentPlan.objects.create(
        practice=invoice.practice, invoice=invoice, amount=2500, agreed_at=world.at
    )


@makes("billing.billingdocument")
def a_document(world: World, who: str, n: int) -> Any:
    invoice = an_invoice(world, who, n)
    return BillingDocument.objects.create(
        practice=invoice.practice, invoice=invoice, kind="invoice", language="fr", storage_key=uuid4().hex
    )


@makes("billing.numberseries")
def a_series(world: World, who: str, n: int) -> Any:
    return NumberSeries.objects.create(practice=world.practice_of(who), series=uuid4().hex[:8], year=2026)


@makes("billing.ledgerrecord")
def a_record(world: World, who: str, n: int) -> Any:
    practice = world.practice_of(who)
    return LedgerRecord.objects.create(
        practice=practice,
        sequence=LedgerRecord.objects.filter(practice=practice).count() + 1,
        kind="invoice",
        object_id=uuid4(),
        payload="{}",
        previous_hash="0" * 64,
        hash="1" * 64,
        recorded_at=world.at,
    )


@makes("billing.deposit")
def a_deposit(world: World, who: str, n: int) -> Any:
    return Deposit.objects.create(
        practice=world.practice_of(who),
        number=f"RC-{uuid4().hex[:12]}",
        deposited_on=world.at.date(),
        currency="EUR",
        amount=2500,
        cheques=1,
        recorded_at=world.at,
    )


@makes("billing.trainingswitch")
def a_training_switch(world: World, who: str, n: int) -> Any:
    return TrainingSwitch.objects.create(
        practice=world.practice_of(who), turned_on=True, reason="Formation", switched_at=world.at
    )


@makes("billing.closing")
def a_closing(world: World, who: str, n: int) -> Any:
    practice = world.practice_of(who)
    day = world.at.date() + timedelta(days=Closing.objects.filter(practice=practice).count())
    return Closing.objects.create(
        practice=practice,
        period="day",
        starts_on=day,
        ends_on=day + timedelta(days=1),
        ends_at=world.at,
        currency="EUR",
        invoiced=0,
        credited=0,
        received=0,
        perpetual_total=0,
        first_sequence=1,
        last_sequence=1,
        closed_at=world.at,
    )


@makes("insurance.claim")
def a_claim(world: World, who: str, n: int) -> Any:
    if world.people[who].insurer_id:
        insurer = world.insurer_of(who)
        practice = Practice.objects.create(name=f"Pharmacie {uuid4().hex[:8]}", kind="pharmacy")
    else:
        insurer = Insurer.objects.create(name="Mutuelle", code=uuid4().hex[:12])
        practice = world.practice_of(who)
    contract = make_contract(insurer)
    scene: Any = SimpleNamespace(insurer=insurer, contract=contract, adherent=contract.adherent)
    return make_claim(scene, practice, 0, total=70_000, status="pending_review")


@makes("insurance.claimflag")
def a_flag(world: World, who: str, n: int) -> Any:
    insurer = world.people[who].insurer or world.insurer
    contract = Contract.objects.filter(insurer=insurer).first() or make_contract(insurer)
    scene: Any = SimpleNamespace(insurer=insurer, contract=contract, adherent=contract.adherent)
    claim = make_claim(scene, world.house.practice, 0, total=70_000, status="pending_review")
    return ClaimFlag.objects.create(
        insurer=insurer, claim=claim, rule="NEAR_DUP", family="duplicate", weight=25, points=25, observed=1,
        threshold=3, rules_version="2026.11", raised_at=world.at,
    )  # fmt: skip


@makes("insurance.reconciliation")
def a_reconciliation(world: World, who: str, n: int) -> Any:
    own = world.people[who].insurer
    insurer = own or Insurer.objects.create(name="Mutuelle", code=uuid4().hex[:12])
    practice = world.house.practice if own else world.practice_of(who)
    year = 1990 + Reconciliation.objects.filter(insurer=insurer).count()
    row = Reconciliation.objects.create(
        insurer=insurer, number=f"BRD-{year}", sequence=1, period_start=date(year, 1, 1), period_end=date(year, 1, 31),
        cutoff_at=world.at, currency=insurer.currency, generated_at=world.at,
    )  # fmt: skip
    ReconciliationProvider.objects.create(insurer=insurer, reconciliation=row, provider=practice)
    row.status, row.sent_at = Reconciliation.Status.SENT, world.at
    row.save()
    return row


@makes("insurance.reconciliationline")
def a_reconciliation_line(world: World, who: str, n: int) -> Any:
    own = world.people[who].insurer
    insurer = own or Insurer.objects.create(name="Mutuelle", code=uuid4().hex[:12])
    practice = world.house.practice if own else world.practice_of(who)
    year = 1990 + Reconciliation.objects.filter(insurer=insurer).count()
    row = Reconciliation.objects.create(
        insurer=insurer, number=f"BRD-{year}", sequence=1, period_start=date(year, 1, 1), period_end=date(year, 1, 31),
        cutoff_at=world.at, currency=insurer.currency, generated_at=world.at,
    )  # fmt: skip
    total = ReconciliationProvider.objects.create(insurer=insurer, reconciliation=row, provider=practice)
    line = ReconciliationLine.objects.create(
        insurer=insurer,
        reconciliation=row,
        provider_row=total,
        provider=practice,
        kind="carry",
        covered=0,
        net=0,
    )
    row.status, row.sent_at = Reconciliation.Status.SENT, world.at
    row.save()
    return line


@makes("insurance.dispute")
def a_dispute(world: World, who: str, n: int) -> Any:
    line = a_reconciliation_line(world, who, n)
    return Dispute.objects.create(
        insurer=line.insurer, provider=line.provider, line=line, side="provider", opened_by=world.people["ana"],
        opened_at=world.at, reason="Montant", amount=1,
    )  # fmt: skip


@makes("insurance.reconciliationjob")
def a_reconciliation_job(world: World, who: str, n: int) -> Any:
    insurer = world.insurer_of(who)
    return ReconciliationJob.objects.create(
        insurer=insurer, kind="generate", unique_key=str(uuid4()), due_at=world.at, currency=insurer.currency,
        period_start=date(2026, 1, 1), period_end=date(2026, 1, 31),
    )  # fmt: skip


@makes("insurance.networkproof")
def a_proof(world: World, who: str, n: int) -> Any:
    insurer = world.people[who].insurer or world.insurer
    return NetworkProof.objects.create(insurer=insurer, ran_at=world.at, seconds=0.1, is_sound=True)


@makes("insurance.adherent")
def an_insured_person(world: World, who: str, n: int) -> Any:
    return make_adherent(world.insurer_of(who))


@makes("insurance.contract")
def a_contract(world: World, who: str, n: int) -> Any:
    return make_contract(world.insurer_of(who))


@makes("insurance.convention")
def a_convention(world: World, who: str, n: int) -> Any:
    if world.people[who].insurer_id:
        practice = Practice.objects.create(name=f"Pharmacie {uuid4().hex[:8]}", kind="pharmacy")
        return make_bareme(make_convention(world.insurer_of(who), practice)).convention
    insurer = Insurer.objects.create(name="Mutuelle", code=uuid4().hex[:12])
    return make_bareme(make_convention(insurer, world.practice_of(who))).convention
