"""Rows that billing's tests are about."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from apps.billing.models import Invoice
from apps.billing.services import LineInput, create_draft, issue_invoice
from apps.catalog.models import Act, Tariff
from apps.catalog.services import ensure_vat_codes
from apps.clinical.models import Treatment
from apps.clinical.services import complete_treatment, record_treatment
from apps.core.context import bind
from apps.core.scope import SystemActor
from apps.directory.models import Practice
from apps.patients.models import Patient

MAKER = SystemActor("test-maker")

# code, label, where, rule, VAT, price, base, rate, cap, basket
ACTS = [
    ("HBJD001", "Détartrage", "no", "", "EXEMPT", 4338, 4338, 6000, None, "opposable"),
    ("HBLD634", "Couronne monolithique", "yes", "permanent:1-4", "EXEMPT", 51500, 12000, 6000, 51500, "rac0"),
    ("HBLD403", "Facette", "yes", "permanent:1-5", "BY_INDICATION", 70000, 0, 0, None, "libre"),
    ("HN-BLANC", "Éclaircissement", "no", "", "STD20", 40000, 0, 0, None, "hors_nomenclature"),
]


def make_acts() -> dict[str, Act]:
    """Create four acts: exempt, exempt with a cap and a tooth, by indication, taxed."""
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.make"):
        codes = ensure_vat_codes(actor=MAKER)
        acts = {}
        for code, label, where, rule, vat, price, brss, rate, cap, basket in ACTS:
            act = Act.objects.create(
                code=code,
                code_system="HN" if code.startswith("HN") else "CCAM",
                label_fr=label,
                label_en=f"{label} (en)",
                category="prevention",
                requires_tooth=where,
                tooth_rule=rule,
                duration_minutes=30,
                vat_code=codes[vat],
            )
            Tariff.objects.create(
                act=act,
                valid_from=date(2020, 1, 1),
                price=price,
                brss=brss,
                rate_bp=rate,
                cap=cap,
                basket=basket,
            )
            acts[code] = act
    return acts


def make_patient(practice: Practice, number: int = 1, **fields: Any) -> Patient:
    """Create a patient with an address and an email."""
    values = {
        "first_name": "Jeanne",
        "last_name": "Martin",
        "email": "jeanne@test.test",
        "address": "3 rue des Lilas",
        "postal_code": "69003",
        "city": "Lyon",
        "country": "FR",
    } | fields
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.make"):
        return Patient.objects.create(practice=practice, file_number=number, **values)


def make_treatment(practitioner: Any, patient: Patient, act: Act, at: datetime, **fields: Any) -> Treatment:
    """Record a treatment and carry it out."""
    treatment = record_treatment(
        actor=MAKER, patient=patient, act=act, practitioner=practitioner, at=at, **fields
    )
    return complete_treatment(actor=MAKER, treatment=treatment, at=at)


def make_draft(practitioner: Any, patient: Patient, at: datetime, *amounts: int, **fields: Any) -> Invoice:
    """Write a draft of free lines of the given prices."""
    lines = [LineInput(label=f"Soin {n}", unit_price=amount) for n, amount in enumerate(amounts, start=1)]
    return create_draft(
        actor=MAKER,
        practice=patient.practice,
        patient=patient,
        practitioner=practitioner,
        lines=lines,
        at=at,
        **fields,
    )


def make_issued(practitioner: Any, patient: Patient, at: datetime, *amounts: int, **fields: Any) -> Invoice:
    """Write and issue an invoice of free lines."""
    draft = make_draft(practitioner, patient, at, *amounts, **fields)
    return issue_invoice(actor=MAKER, invoice=draft, at=at)
