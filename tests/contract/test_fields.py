"""What a body may touch: references to rows of one's own house only, and no field that is not an input."""

from __future__ import annotations

import copy
import re
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import transaction

from apps.core.api.fields import VisibleKeyField
from apps.insurance.api.fields import ReachableKeyField
from tests.contract.calls import CALLS, Call, inputs, writable
from tests.contract.scenery import Stage, build_stage

# References to rows that belong to a house, and the kind of row each names. The catalogue and the insurers are
# everybody's.
REFERENCES: dict[tuple[str, str], dict[str, str]] = {
    ("POST", "/users"): {"practitioner": "practitioner", "practice": "practice"},
    ("PATCH", "/users/{}"): {"practitioner": "practitioner"},
    ("POST", "/practitioners"): {"practice": "practice", "default_room": "room"},
    ("PATCH", "/practitioners/{}"): {"practice": "practice", "default_room": "room"},
    ("POST", "/rooms"): {"practice": "practice"},
    ("PATCH", "/rooms/{}"): {"practice": "practice"},
    ("POST", "/patients"): {
        "household": "household", "practitioner": "practitioner", "consents[].signer_contact": "contact",
    },
    ("PATCH", "/patients/{}"): {"household": "household", "practitioner": "practitioner"},
    ("POST", "/patients/{}/merge"): {"duplicate": "patient"},
    ("POST", "/patients/{}/consents"): {"signer_contact": "contact"},
    ("POST", "/appointments"): {
        "patient": "patient", "practitioner": "practitioner", "assistant": "practitioner", "room": "room", "type": "type",
    },
    ("PATCH", "/appointments/{}"): {
        "practitioner": "practitioner", "assistant": "practitioner", "room": "room", "type": "type",
    },
    ("POST", "/appointment-types"): {"practice": "practice"},
    ("PATCH", "/appointment-types/{}"): {"practice": "practice"},
    ("POST", "/absences"): {"practitioner": "practitioner"},
    ("PATCH", "/absences/{}"): {"practitioner": "practitioner"},
    ("POST", "/patients/{}/treatments"): {"practitioner": "practitioner", "appointment": "appointment"},
    ("POST", "/invoices"): {
        "patient": "patient", "practitioner": "practitioner", "items[].treatment": "treatment",
    },
    ("POST", "/calendar-tokens"): {"practitioner": "practitioner"},
    ("POST", "/recall-types"): {"appointment_type": "type"},
    ("PATCH", "/recall-types/{}"): {"appointment_type": "type"},
    ("POST", "/payments"): {"patient": "patient"},
    ("POST", "/instalment-plans"): {"invoice": "issued"},
    ("POST", "/recalls"): {"patient": "patient", "type": "recall_type", "practitioner": "practitioner"},
    ("PATCH", "/recalls/{}"): {"practitioner": "practitioner"},
    ("POST", "/pinboard"): {"patient": "patient", "type": "type", "practitioner": "practitioner"},
    ("PATCH", "/pinboard/{}"): {"type": "type", "practitioner": "practitioner"},
    ("POST", "/pinboard/{}/place"): {
        "practitioner": "practitioner", "assistant": "practitioner", "room": "room",
    },
    ("POST", "/appointments/{}/unschedule"): {"practitioner": "practitioner"},
    ("POST", "/waitlist"): {"patient": "patient", "type": "type", "practitioner": "practitioner"},
    ("PATCH", "/waitlist/{}"): {"type": "type", "practitioner": "practitioner"},
    ("PATCH", "/quotes/{}"): {"practitioner": "practitioner"},
    ("PATCH", "/invoices/{}"): {"practitioner": "practitioner", "items[].treatment": "treatment"},
    ("POST", "/contracts"): {"adherent": "adherent"},
    ("POST", "/contracts/{}/members"): {"adherent": "adherent"},
}  # fmt: skip
EVERYBODYS = re.compile(r"(^|\.)(act|acts\[\]|insurer)$")
# Keys that are no references but are looked up among the lines of the invoice in the path.
KEYS_OF_THE_OBJECT = {("POST", "/invoices/{}/credit"): ["items[].item"]}
MODELS = {
    "absence": "agenda.Absence", "act": "catalog.Act", "alert": "patients.Alert", "appointment": "agenda.Appointment",
    "calendar": "agenda.CalendarToken",
    "consent": "patients.ConsentForm", "contact": "patients.PatientContact", "insurer": "directory.Insurer",
    "holiday": "agenda.OpenHoliday",
    "invoice": "billing.Invoice", "job": "notifications.NotificationJob", "note": "agenda.AppointmentNote",
    "patient": "patients.Patient", "pinned": "agenda.PinnedVisit", "quote": "billing.Quote", "recall": "agenda.Recall",
    "recall_type": "agenda.RecallType",
    "waiting": "agenda.WaitlistEntry", "payment": "billing.Payment", "practitioner": "directory.Practitioner",
    "room": "directory.Room", "template": "notifications.NotificationTemplate", "treatment": "clinical.Treatment",
    "adherent": "insurance.Adherent", "contract": "insurance.Contract", "membership": "insurance.ContractMember",
    "convention": "insurance.Convention", "bareme": "insurance.Bareme", "flag": "insurance.ClaimFlag",
    "link": "insurance.PatientCoverage",
    "type": "agenda.AppointmentType", "user": "accounts.User", "plan": "billing.InstalmentPlan",
}  # fmt: skip
FOREIGN_KINDS = {
    "quote": "offer",
    "consent": "alert",
    "note": "noted",
    "invoice": "issued",
    "payment": "receipt",
}


@pytest.fixture
def stage(ana, cleo, house, other_house, insurer, other_insurer, at) -> Stage:
    return build_stage({"ana": ana, "cleo": cleo}, house, other_house, (insurer, other_insurer), at)


def key_of(stage: Stage, kind: str, side: str, role: str) -> str:
    return str((stage.practice(side) if kind == "practice" else stage.make(kind, side, role)).pk)


def ready(stage: Stage, call: Call) -> tuple[str, dict[str, Any]]:
    """Return the key of the object and the body with real keys in it."""
    pk = key_of(stage, call.on, "own", call.role) if call.on else ""
    body = {
        name: key_of(stage, value[1:-1], "own", call.role)
        if isinstance(value, str) and re.fullmatch(r"<\w+>", value)
        else copy.deepcopy(value)
        for name, value in call.body.items()
    }
    return pk, body


def send(client: Any, method: str, path: str, pk: str, body: dict[str, Any]) -> Any:
    return getattr(client, method.lower())(f"/api/v1{path.replace('{}', pk)}", body, format="json")


def taken_back(client: Any, method: str, path: str, pk: str, body: dict[str, Any]) -> Any:
    with transaction.atomic():
        answer = send(client, method, path, pk, body)
        transaction.set_rollback(True)
    return answer


def with_value(body: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    """Return the body with a value at a dotted name."""
    changed = copy.deepcopy(body)
    head, dot, rest = name.partition(".")
    if not dot:
        changed[head.removesuffix("[]")] = [value] if head.endswith("[]") else value
        return changed
    items = changed.get(head.removesuffix("[]")) or [{"kind": "sms"}]
    changed[head.removesuffix("[]")] = [with_value(items[0], rest, value)]
    return changed


class TestTheTables:
    def test_name_every_call_with_a_body(self) -> None:
        assert set(inputs()) == set(CALLS)

    def test_name_every_reference(self) -> None:
        found: dict[tuple[str, str], set[str]] = {}
        loose: dict[tuple[str, str], list[str]] = {}
        for call, shape in inputs().items():
            for name, field in writable(shape()):
                if isinstance(field, ReachableKeyField):
                    continue  # an exact key that any provider may use; tests/insurance hold whose
                if isinstance(field, VisibleKeyField) and not EVERYBODYS.search(name):
                    found.setdefault(call, set()).add(name)
                elif type(field).__name__ in {"UUIDField", "PrimaryKeyRelatedField"}:
                    loose.setdefault(call, []).append(name)
        assert found == {call: set(names) for call, names in REFERENCES.items()}
        assert loose == KEYS_OF_THE_OBJECT


@pytest.mark.django_db
@pytest.mark.parametrize("call", sorted(REFERENCES), ids=" ".join)
def test_a_reference_to_another_house_reads_as_one_to_nothing(
    call: tuple[str, str], stage: Stage, api
) -> None:
    method, path = call
    role = CALLS[call].role
    client = api(stage.people[role])
    pk, body = ready(stage, CALLS[call])
    for name, kind in REFERENCES[call].items():
        field = name.partition("[]")[0]
        answers = [
            taken_back(client, method, path, pk, with_value(body, name, key))
            for key in (key_of(stage, kind, "foreign", role), str(uuid4()))
        ]
        details = [answer.json()["error"]["details"] for answer in answers]
        assert [answer.status_code for answer in answers] == [400, 400], (name, details)
        assert set(details[0]) == {field}, (name, details)
        assert details[0] == details[1], name
        if kind == "contact":
            continue  # one of this very patient is wanted, which tests/patients hold
        own = taken_back(client, method, path, pk, with_value(body, name, key_of(stage, kind, "own", role)))
        assert own.status_code < 400 or own.json()["error"]["details"] != details[1], (name, own.content)


def row_of(kind: str, pk: str) -> dict[str, Any]:
    """Return the columns of a row."""
    values: dict[str, Any] = apps.get_model(MODELS[kind])._base_manager.filter(pk=pk).values().get()
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in values.items()}


def intruders(stage: Stage, call: tuple[str, str]) -> dict[str, Any]:
    """Return a value for every column that is no input: those of a row of the other house."""
    kind, role = CALLS[call].writes, CALLS[call].role
    foreign = stage.make(FOREIGN_KINDS.get(kind, kind), "foreign", role)
    accepted = set(inputs()[call]().fields)
    sent: dict[str, Any] = {
        "pk": str(foreign.pk), "is_superuser": True, "is_staff": True, "groups": [1], "permissions": ["x"],
        "user_permissions": [1], "actor": str(foreign.pk), "owner": str(foreign.pk), "at": "2001-01-01T00:00:00Z",
        "balance": 0, "balance_patient": 0, "paid": True, "mfa_enabled": False, "fraud_score": 0,
    }  # fmt: skip
    for field in apps.get_model(MODELS[kind])._meta.concrete_fields:
        value = getattr(foreign, field.attname, None)
        plain = value if isinstance(value, str | int | bool | None) else str(value)
        sent[field.name] = sent[field.attname] = plain
    return {name: value for name, value in sent.items() if name not in accepted}


@pytest.mark.django_db
@pytest.mark.parametrize("call", sorted(CALLS), ids=" ".join)
def test_a_field_that_is_no_input_changes_nothing(call: tuple[str, str], stage: Stage, api) -> None:
    method, path = call
    kind = CALLS[call].writes
    client = api(stage.people[CALLS[call].role])
    pk, body = ready(stage, CALLS[call])
    extra = intruders(stage, call)
    rows = []
    for sent in (body, body, {**extra, **body}):
        with transaction.atomic():
            answer = send(client, method, path, pk, sent)
            assert answer.status_code < 300, answer.content
            written = answer.json().get("job", answer.json()) if answer.content else {}
            rows.append(row_of(kind, written["id"] if answer.status_code in {201, 202} else pk))
            transaction.set_rollback(True)
    first, again, with_more = rows
    # Moments, salts and ciphertexts differ each time; they must not be the ones that were sent.
    steady = {name for name in first if first[name] == again[name]}
    assert {name: with_more[name] for name in steady} == {name: first[name] for name in steady}
    assert [name for name in set(first) - steady if str(with_more[name]) == str(extra.get(name, ""))] == []
    if "practice_id" in with_more:
        assert with_more["practice_id"] == stage.practice("own").pk
