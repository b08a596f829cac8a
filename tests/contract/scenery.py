"""Rows of every kind an address of the API can name: one's own, another house's, of a restricted patient, put away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from django.utils import timezone

from apps.accounts.models import Session, User
from apps.accounts.roles import Role
from apps.accounts.sessions import open_session
from apps.agenda.models import AppointmentNote
from apps.billing.instalments import evenly
from apps.billing.services import (
    QuoteLine,
    agree_plan,
    create_draft,
    create_quote,
    issue_invoice,
    issue_quote,
    record_payment,
)
from apps.billing.services.lines import LineInput
from apps.catalog.services import ensure_vat_codes
from apps.core.context import bind
from apps.directory.models import Insurer, Practice
from apps.insurance.models import (
    ClaimFlag,
    Convention,
    Reconciliation,
    ReconciliationJob,
    ReconciliationLine,
    ReconciliationProvider,
)
from apps.insurance.services.coverages import link_coverage
from apps.notifications.models import NotificationTemplate
from apps.patients.models import Patient
from tests.admin.world import MAKERS, World
from tests.cast import CASTING, House, make_user
from tests.insurance.making import make_adherent, make_bareme, make_contract, make_convention, make_member
from tests.insurance.reconciliations.making import make_claim

PRACTICE_ROLES = "assistant practitioner practice_admin pharmacist doctor lab_manager clinic_admin".split()
INSURER_ROLES = ["insurer_admin", "insurer_agent"]


@dataclass
class Stage:
    """Two practices, two insurers, one person per role; makers of rows for either side."""

    world: World
    people: dict[str, User]
    insurers: tuple[Insurer, Insurer]

    def practice(self, side: str) -> Practice:
        """Return the practice of a side: `own` or `foreign`."""
        return (self.world.house if side == "own" else self.world.other_house).practice

    def make(self, kind: str, side: str, role: str) -> Any:
        """Make a row of a kind for a side, as somebody of this role would find it."""
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.stage"):
            special = getattr(self, f"a_{kind}", None)
            if special is not None:
                return special(side, role)
            return MAKERS[KINDS[kind]](self.world, "ana" if side == "own" else "cleo", 0)

    def a_user(self, side: str, role: str) -> User:
        """Make a colleague of whoever asks; the other house's for the other side."""
        email = f"{timezone.now().timestamp()}@stage.test"
        if role in INSURER_ROLES:
            insurer = self.insurers[0 if side == "own" else 1]
            return make_user(email, Role.INSURER_AGENT, "Una", insurer=insurer)
        return make_user(email, Role.ASSISTANT, "Una", practice=self.practice(side))

    def a_restricted(self, side: str, role: str) -> Patient:
        """Make a file that only the practice's administrator still reads."""
        patient: Patient = MAKERS["patients.patient"](self.world, "ana" if side == "own" else "cleo", 0)
        Patient.objects.filter(pk=patient.pk).update(restricted_at=timezone.now())
        return patient

    def a_session(self, side: str, role: str) -> Session:
        """Log the caller in once more; for the other side, somebody else of the same house."""
        user = self.people[role] if side == "own" else self.a_user("own", role)
        open_session(actor=user, user=user, at=timezone.now())
        return Session.objects.filter(user=user).order_by("issued_at", "pk").last()

    def a_insurer(self, side: str, role: str) -> Insurer:
        """Return one's own insurer, or the other one."""
        return self.insurers[0 if side == "own" else 1]

    def a_template(self, side: str, role: str) -> Any:
        """Find or make the practice's own text of a message."""
        return NotificationTemplate.objects.get_or_create(
            practice=self.practice(side),
            key="appointment.reminder",
            channel="sms",
            language="fr",
            defaults={"body": "{{ date }}"},
        )[0]

    def a_noted(self, side: str, role: str) -> Any:
        """Make a visit with a remark on it."""
        visit = self.make("appointment", side, role)
        AppointmentNote.objects.create(
            practice=visit.practice, appointment=visit, body="Sonner deux fois", noted_at=self.world.at
        )
        return visit

    def a_calendar(self, side: str, role: str) -> Any:
        """Make an address of the calendar of whoever asks."""
        token: Any = MAKERS["agenda.calendartoken"](self.world, "ana" if side == "own" else "cleo", 0)
        if side == "own":
            token.practitioner = self.world.house.practitioners[1]
            token.save()
        return token

    def a_draft(self, side: str, role: str) -> Any:
        """Make a draft of an invoice, by the service."""
        patient = self.make("patient", side, role)
        house = self.world.house if side == "own" else self.world.other_house
        return create_draft(
            actor=CASTING,
            practice=patient.practice,
            patient=patient,
            practitioner=house.practitioners[0],
            lines=[LineInput(label="Kit de brossage", unit_price=1200)],
            at=timezone.now(),
        )

    def a_issued(self, side: str, role: str) -> Any:
        """Make an issued invoice."""
        invoice = issue_invoice(actor=CASTING, invoice=self.a_draft(side, role), at=timezone.now())
        invoice.refresh_from_db()
        return invoice

    def a_offer(self, side: str, role: str) -> Any:
        """Make a draft of a quote, by the service."""
        patient = self.make("patient", side, role)
        house = self.world.house if side == "own" else self.world.other_house
        return create_quote(
            actor=CASTING,
            practice=patient.practice,
            patient=patient,
            practitioner=house.practitioners[0],
            lines=[QuoteLine(act=self.priced_act(), price=5000)],
            at=timezone.now(),
        )

    def a_offered(self, side: str, role: str) -> Any:
        """Make an issued quote."""
        quote = issue_quote(actor=CASTING, quote=self.a_offer(side, role), at=timezone.now())
        quote.refresh_from_db()
        return quote

    def priced_act(self) -> Any:
        """Make an act with a tariff."""
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.stage"):
            return MAKERS["catalog.tariff"](self.world, "ana", 1).act

    def a_receipt(self, side: str, role: str) -> Any:
        """Make a payment of an issued invoice."""
        return record_payment(
            actor=CASTING,
            invoice=self.a_issued(side, role),
            payer="patient",
            method="card",
            amount=1200,
            at=timezone.now(),
        )

    def a_plan(self, side: str, role: str) -> Any:
        """Agree on instalments of an issued invoice."""
        now = timezone.now()
        dues = evenly(1200, 2, now.date() + timedelta(days=9))
        return agree_plan(actor=CASTING, invoice=self.a_issued(side, role), instalments=dues, at=now)

    def a_failed_job(self, side: str, role: str) -> Any:
        """Make a message that was given up."""
        job = self.make("job", side, role)
        type(job).objects.filter(pk=job.pk).update(state="dead")
        job.refresh_from_db()
        return job

    def insurer_of(self, side: str) -> Insurer:
        """Return the insurer of a side."""
        return self.insurers[0 if side == "own" else 1]

    def a_adherent(self, side: str, role: str) -> Any:
        """Register somebody with an insurer, by the service."""
        return make_adherent(self.insurer_of(side))

    def a_contract(self, side: str, role: str) -> Any:
        """Write a contract, by the service."""
        return make_contract(self.insurer_of(side))

    def a_membership(self, side: str, role: str) -> Any:
        """Put somebody under a contract, by the service."""
        return make_member(self.a_contract(side, role))

    def a_convention(self, side: str, role: str) -> Any:
        """Agree with the practice of the side, or find what was agreed."""
        insurer, practice = self.insurer_of(side), self.practice(side)
        known = Convention.objects.filter(insurer=insurer, practice=practice).first()
        return known or make_convention(insurer, practice)

    def a_bareme(self, side: str, role: str) -> Any:
        """Publish the next prices, by the service."""
        convention = self.a_convention(side, role)
        number = convention.baremes.count()
        return make_bareme(
            convention, version=f"v{number}", effective_from=date(2026, 1, 1) + timedelta(days=number)
        )

    def a_claim(self, side: str, role: str) -> Any:
        """File a claim of the side's practice with the side's insurer, which looks at it."""
        contract = self.a_contract(side, role)
        scene: Any = SimpleNamespace(insurer=contract.insurer, contract=contract, adherent=contract.adherent)
        return make_claim(scene, self.practice(side), 0, total=70_000, status="pending_review")

    def a_flag(self, side: str, role: str) -> Any:
        """Raise a flag on a claim of the side's insurer."""
        claim = self.a_claim(side, role)
        return ClaimFlag.objects.create(
            insurer=claim.insurer, claim=claim, rule="NEAR_DUP", family="duplicate", weight=25, points=25, observed=1,
            threshold=3, rules_version="2026.11", raised_at=self.world.at,
        )  # fmt: skip

    def a_link(self, side: str, role: str) -> Any:
        """Point a patient of the side's practice at a contract, by the service."""
        patient = self.make("patient", side, role)
        return link_coverage(
            actor=CASTING, patient=patient, contract=self.a_contract(side, role), at=self.world.at
        )

    def a_reconciliation(self, side: str, role: str) -> Any:
        """Put a month of a year of its own between the insurer and the practice of a side."""
        insurer = self.insurer_of(side)
        year = 1990 + Reconciliation.objects.filter(insurer=insurer).count()
        row = Reconciliation.objects.create(
            insurer=insurer, number=f"BRD-{year}", sequence=1, period_start=date(year, 1, 1),
            period_end=date(year, 1, 31), cutoff_at=self.world.at, currency=insurer.currency,
            generated_at=self.world.at,
        )  # fmt: skip
        ReconciliationProvider.objects.create(
            insurer=insurer, reconciliation=row, provider=self.practice(side)
        )
        return row

    def a_reconciliation_line(self, side: str, role: str) -> Any:
        """Freeze a claim in a reconciliation."""
        row = self.a_reconciliation(side, role)
        return ReconciliationLine.objects.create(
            insurer=row.insurer, reconciliation=row, provider_row=row.providers.get(), provider=self.practice(side),
            claim=self.a_claim(side, role), covered=0, net=0,
        )  # fmt: skip

    def a_reconciliation_job(self, side: str, role: str) -> Any:
        """Ask for a reconciliation."""
        insurer = self.insurer_of(side)
        return ReconciliationJob.objects.create(
            insurer=insurer, kind="generate", unique_key=str(uuid4()), due_at=self.world.at, currency=insurer.currency,
            period_start=date(2026, 1, 1), period_end=date(2026, 1, 31),
        )  # fmt: skip


KINDS = {
    "bill_reminder": "billing.invoicereminder",
    "bank_transfer": "billing.insurertransfer",
    "absence": "agenda.absence",
    "act": "catalog.act",
    "alert": "patients.alert",
    "appointment": "agenda.appointment",
    "type": "agenda.appointmenttype",
    "calendar": "agenda.calendartoken",
    "holiday": "agenda.openholiday",
    "pinned": "agenda.pinnedvisit",
    "recall": "agenda.recall",
    "recall_type": "agenda.recalltype",
    "series": "agenda.series",
    "waiting": "agenda.waitlistentry",
    "job": "notifications.notificationjob",
    "patient": "patients.patient",
    "data_request": "compliance.datarequest",
    "household": "patients.household",
    "contact": "patients.patientcontact",
    "practitioner": "directory.practitioner",
    "room": "directory.room",
    "treatment": "clinical.treatment",
}


def build_stage(people: dict[str, User], house: House, other_house: House, insurers: Any, at: Any) -> Stage:
    """Return the stage of one test; `people` holds ana and cleo, whom the makers work for."""
    world = World(
        people={"ana": people["ana"], "cleo": people["cleo"]},
        house=house,
        other_house=other_house,
        insurer=insurers[0],
        at=at,
    )
    ensure_vat_codes(actor=CASTING)
    cast = {}
    for role in Role:
        where: dict[str, Any] = {}
        if role.value in PRACTICE_ROLES:
            where = {"practice": house.practice}
        elif role.value in INSURER_ROLES:
            where = {"insurer": insurers[0]}
        if role == Role.PRACTITIONER:
            where["practitioner"] = house.practitioners[1]
        cast[role.value] = make_user(f"{role.value}@stage.test", role, role.value, **where)
    return Stage(world, cast, insurers)


# Kinds of which each caller has other ones.
PERSONAL = {"user", "session", "insurer"}


def restrict(row: Any) -> None:
    """Restrict the patient a row is about."""
    patient = row if row._meta.label_lower == "patients.patient" else row.patient
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.stage"):
        type(patient).objects.filter(pk=patient.pk).update(restricted_at=timezone.now())


def put_away(row: Any) -> None:
    """Archive a row in the way its kind knows."""
    now = timezone.now()
    ways: dict[str, dict[str, Any]] = {
        "accounts.session": {"revoked_at": now},
        "accounts.user": {"is_active": False},
        "agenda.appointmenttype": {"deleted_at": now},
        "directory.insurer": {"deleted_at": now},
        "directory.practitioner": {"is_active": False},
        "directory.room": {"deleted_at": now},
        "patients.alert": {"ended_at": now},
        "patients.patient": {"status": "archived"},
        "agenda.calendartoken": {"revoked_at": now},
        "agenda.recalltype": {"deleted_at": now},
        "agenda.pinnedvisit": {"status": "removed", "closed_at": now},
        "agenda.recall": {"status": "closed"},
        "agenda.waitlistentry": {"status": "withdrawn"},
        "agenda.appointment": {"status": "cancelled_by_practice", "cancelled_at": now},
        "clinical.treatment": {"status": "cancelled", "cancelled_at": now},
        "insurance.adherent": {"deleted_at": now},
        "insurance.contract": {"status": "cancelled"},
        "insurance.contractmember": {"left_on": now.date()},
        "insurance.convention": {"is_active": False},
        "catalog.act": {"is_active": False},
        "notifications.notificationtemplate": {"is_active": False},
    }
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.stage"):
        type(row).objects.filter(pk=row.pk).update(**ways[row._meta.label_lower])
