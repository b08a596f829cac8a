"""Sealed columns of the product's own models: nothing readable in the database, nothing that opens elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from psycopg import sql

from apps.accounts.models import MfaDevice
from apps.agenda.services import add_note
from apps.agenda.services.pinboard import pin_visit
from apps.billing.services import LineInput, create_draft
from apps.clinical.services import cancel_treatment, record_treatment
from apps.core.context import bind
from apps.core.crypto import DecryptionFailed, open_sealed, seal
from apps.core.fields import SealedField, sealed_fields
from apps.core.models import IdempotencyKey
from apps.notifications.services import enqueue
from apps.patients.models import Patient
from apps.patients.services import add_alert, register_patient
from tests.agenda.scenes import Desk, clock
from tests.audit.trails import FULL
from tests.billing.making import make_acts
from tests.core.network_markers import NETWORK, plant_network

MARKERS = 1000 if FULL else 200
REAL = [(model, field) for model, field in sealed_fields() if model.__module__.startswith("apps.")]
# Where the 1,000 markers are put, by the services: columns of the practice here, those of the payer network beside.
SEEDED = {
    "accounts.mfadevice.seed", "billing.invoiceitem.vat_reason", "patients.alert.label", "patients.alert.note",
    "patients.alert.substance", "agenda.appointment_note.body", "agenda.pinned_visit.note",
    "clinical.treatment.cancel_reason", "core.idempotencykey.answer", "notifications.job.context",
    "notifications.job.recipient", "patients.patient.national_id",
}  # fmt: skip
ALL_SEEDED = SEEDED | NETWORK


def id_of(field: SealedField) -> str:
    return field.context


class TestElsewhere:
    @pytest.mark.parametrize(("model", "field"), REAL, ids=[id_of(field) for _model, field in REAL])
    def test_opens_in_its_own_row_and_column_only(self, model: Any, field: SealedField) -> None:
        here, there = uuid4(), uuid4()
        envelope = seal(b"secret", context=field.aad(here))
        assert open_sealed(envelope, context=field.aad(here)) == b"secret"
        with pytest.raises(DecryptionFailed):
            open_sealed(envelope, context=field.aad(there))
        for _other_model, other in sealed_fields():
            if other is not field:
                with pytest.raises(DecryptionFailed):
                    open_sealed(envelope, context=other.aad(here))

    def test_no_two_columns_share_a_context(self) -> None:
        contexts = [field.context for _model, field in sealed_fields()]
        assert len(contexts) == len(set(contexts))

    @pytest.mark.django_db
    def test_a_ciphertext_moved_to_another_patient_does_not_open(self, practice, ben, at) -> None:
        one, two = (
            register_patient(actor=ben, practice=practice, at=at, **person(n), allow_duplicate=True)
            for n in (1, 2)
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE patients_patient SET national_id ="
                " (SELECT national_id FROM patients_patient WHERE id = %s) WHERE id = %s",
                [one.pk, two.pk],
            )
        assert Patient.objects.get(pk=one.pk).national_id == number(1)
        with pytest.raises(DecryptionFailed):
            _ = Patient.objects.get(pk=two.pk).national_id


def number(n: int) -> str:
    """Return a French national identifier with its right key."""
    body = 1_80_05_78_000_000 + n
    return f"{body:013d}{97 - body % 97:02d}"


def person(n: int) -> dict[str, Any]:
    return {
        "first_name": f"Prénom{n}", "last_name": f"Nom{n}", "birth_date": date(1980, 5, 1), "sex": "male",
        "national_id": number(n), "phone": f"+3361{n:07d}",
    }  # fmt: skip


def binary_dump() -> Iterator[tuple[str, bytes]]:
    """Return every table's rows as they leave the server in binary: texts, JSON and bytes unescaped."""
    tables = sorted(connection.introspection.table_names())
    assert "patients_patient" in tables
    with connection.cursor() as cursor:
        for table in tables:
            heap = io.BytesIO()
            with cursor.copy(
                sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))
            ) as copy:
                for block in copy:
                    heap.write(block)
            yield table, heap.getvalue()


def plant(count: int, *, house: Any, ana: Any, ben: Any, at: Any, practitioner: Any) -> dict[str, list[str]]:
    """Put markers into every sealed column through the services; return them by context."""
    practice, per = house.practice, count // len(ALL_SEEDED)
    found: dict[str, list[str]] = {context: [] for context in SEEDED}
    acts = make_acts()
    act = acts["HBJD001"]
    desk = Desk(ben, house, at)
    visit = desk.book(clock(9))
    for n in range(per + count % len(ALL_SEEDED)):
        mark = f"mZ{n:05d}qX{uuid4().hex[:8]}"
        national_id = number(n + 10)
        patient = register_patient(
            actor=ben, practice=practice, at=at, **person(n + 10), allow_duplicate=True
        )
        assert patient.national_id == national_id
        found["patients.patient.national_id"].append(national_id)
        add_note(actor=ana, appointment=visit, body=f"note {mark}", at=at)
        found["agenda.appointment_note.body"].append(f"note {mark}")
        pin_visit(actor=ana, practice=practice, patient=patient, type=desk.type, note=f"pin {mark}", at=at)
        found["agenda.pinned_visit.note"].append(f"pin {mark}")
        treatment = record_treatment(actor=ana, patient=patient, act=act, practitioner=practitioner, at=at)
        cancel_treatment(actor=ana, treatment=treatment, reason=f"reason {mark}", at=at)
        found["clinical.treatment.cancel_reason"].append(f"reason {mark}")
        enqueue(
            actor=ben, practice=practice, template="appointment.reminder", channel="email",
            recipient=f"{mark}@example.test".lower(), language="fr", context={"date": f"d{mark}", "time": "09:30"},
            due_at=at + timedelta(days=1), unique_key=f"k{n}", cause_type="agenda.appointment", cause_id=visit.pk,
            at=at,
        )  # fmt: skip
        found["notifications.job.recipient"].append(f"{mark}@example.test".lower())
        found["notifications.job.context"].append(f"d{mark}")
        create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner, at=at,
            lines=[LineInput(act=acts["HBLD403"], tooth="11", vat_reason=f"motif {mark}")],
        )  # fmt: skip
        found["billing.invoiceitem.vat_reason"].append(f"motif {mark}")
        warning = {"label": f"label {mark}", "substance": f"drug {mark}", "note": f"remark {mark}"}
        add_alert(actor=ana, patient=patient, at=at, kind="allergy", severity=2, **warning)
        for name, text in warning.items():
            found[f"patients.alert.{name}"].append(text)
        with bind(actor_id=ana.id, actor_role=ana.role, action="test.plant"):
            MfaDevice.objects.filter(user=ana).delete()
            MfaDevice.objects.create(user=ana, seed=f"seed{mark}")
        found["accounts.mfadevice.seed"].append(f"seed{mark}")
        IdempotencyKey.objects.create(
            actor_id=ana.pk, route="POST /x", key=f"key-{n:06d}", body_sha256="0" * 64, status=201,
            answer={"name": f"answer {mark}"},
        )  # fmt: skip
        found["core.idempotencykey.answer"].append(f"answer {mark}")
    return found


@pytest.mark.django_db
@pytest.mark.figures
class TestDump:
    def test_contains_none_of_the_markers(self, house, ana, ben, insurer, at, practitioner) -> None:
        planted = plant(MARKERS, house=house, ana=ana, ben=ben, at=at, practitioner=practitioner)
        planted |= plant_network(MARKERS // len(ALL_SEEDED) + 1, insurer=insurer, at=at)
        assert {context for context, texts in planted.items() if texts} == ALL_SEEDED
        markers = [text.encode() for texts in planted.values() for text in texts]
        bare = Patient.objects.order_by("-file_number").first()
        assert bare is not None
        seen_names = 0
        leaks = []
        for table, content in binary_dump():
            seen_names += content.count(bare.last_name.encode())
            leaks += [(table, marker) for marker in markers if marker in content]
        print(f"\nFIGURE markers_planted {len(markers)} {MARKERS}")
        print(f"FIGURE markers_readable_in_a_dump {len(leaks)} 0")
        assert len(set(markers)) >= MARKERS
        assert leaks == []
        assert seen_names > 0, "the scan reads nothing: it should see what is not sealed"

    def test_every_sealed_column_is_covered(self) -> None:
        """A new sealed column joins the markers, or says here why a later test of its own does it."""
        later = {
            "notifications.log.rendered",  # written by a sender; tests/notifications holds it
            "patients.emergency_access.reason",  # needs a restricted file; tests/patients holds it
        }
        assert {field.context for _model, field in REAL} == ALL_SEEDED | later
        assert apps.ready
