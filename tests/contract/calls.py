"""Every call that takes a body: who makes it, on what, and a body that is accepted.

`<kind>` stands for the key of a row of the caller's own house.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.urls import get_resolver
from rest_framework import serializers

from tests.contract.routes import PREFIX, walk


class Call(NamedTuple):
    """A call that is accepted: role, kind of the object in the path, kind of the row it writes, body."""

    role: str
    on: str
    writes: str
    body: dict[str, Any]


MONDAY = "2031-03-03"
PERSON = {"first_name": "Zoé", "last_name": "Faure"}
LINE = {"label": "Brosse", "unit_price": 1200}
VISIT = {
    "patient": "<patient>", "practitioner": "<practitioner>", "room": "<room>", "type": "<type>",
    "starts_at": f"{MONDAY}T10:00:00", "duration_minutes": 30,
}  # fmt: skip
ALERT = {"kind": "allergy", "label": "Pénicilline"}
INSURED = {
    "national_id": "01234567", "first_name": "Salma", "last_name": "Trabelsi", "date_of_birth": "1985-04-12", "gender": "F",
}  # fmt: skip
CONTRACT = {
    "adherent": "<adherent>", "contract_number": "K-1", "start_date": "2026-01-01", "end_date": "2026-12-31",
    "coverage": {"dental": {"rate_bp": 6000}},
}  # fmt: skip
CONVENTION = {"practice": "<practice>", "start_date": "2026-01-01"}
PRICES = {"version": "2026-01", "effective_from": "2026-01-01", "acts": {"C1": {"price": 50_000}}}
CALLS = {
    ("POST", "/users"): Call(
        "practice_admin", "", "user", {**PERSON, "email": "zoe@stage.test", "role": "assistant"}
    ),
    ("PATCH", "/users/{}"): Call("practice_admin", "user", "user", {"last_name": "Faure"}),
    ("POST", "/practitioners"): Call("practice_admin", "", "practitioner", PERSON),
    ("PATCH", "/practitioners/{}"): Call(
        "practice_admin", "practitioner", "practitioner", {"last_name": "Faure"}
    ),
    ("POST", "/rooms"): Call("practice_admin", "", "room", {"name": "Salle bleue"}),
    ("PATCH", "/rooms/{}"): Call("practice_admin", "room", "room", {"name": "Salle bleue"}),
    ("PATCH", "/insurers/{}"): Call("insurer_admin", "insurer", "insurer", {"name": "Mutuelle du Pont"}),
    ("PATCH", "/acts/{}/favourite"): Call("practitioner", "act", "act", {"favourite": True}),
    ("PATCH", "/acts/{}/fee"): Call("practice_admin", "act", "act", {"price": 4200}),
    ("POST", "/notifications/templates"): Call(
        "practice_admin",
        "",
        "template",
        {"key": "appointment.reminder", "channel": "sms", "body": "Le {{ date }}"},
    ),
    ("PATCH", "/notifications/templates/{}"): Call(
        "practice_admin", "template", "template", {"body": "{{ date }} !"}
    ),
    ("POST", "/notifications/test"): Call(
        "practice_admin", "", "job", {"channel": "email", "recipient": "dora@stage.test"}
    ),
    ("POST", "/patients"): Call("assistant", "", "patient", PERSON),
    ("PATCH", "/patients/{}"): Call("assistant", "patient", "patient", {"city": "Lyon"}),
    ("POST", "/patients/{}/merge"): Call("practice_admin", "patient", "patient", {"duplicate": "<patient>"}),
    ("POST", "/patients/{}/alerts"): Call("practitioner", "patient", "alert", ALERT),
    ("POST", "/patients/{}/consents"): Call("assistant", "patient", "consent", {"kind": "sms"}),
    ("POST", "/patients/{}/contacts"): Call(
        "assistant", "patient", "contact", {"relation": "emergency", "name": "Marc Faure"}
    ),
    ("PATCH", "/alerts/{}"): Call("practitioner", "alert", "alert", {"label": "Latex"}),
    ("POST", "/appointments"): Call("assistant", "", "appointment", VISIT),
    ("PATCH", "/appointments/{}"): Call(
        "assistant", "appointment", "appointment", {"version": 1, "starts_at": f"{MONDAY}T11:00:00"}
    ),
    ("PATCH", "/appointments/{}/cancel"): Call(
        "assistant", "appointment", "appointment", {"reason": "Grippe"}
    ),
    ("POST", "/appointments/{}/notes"): Call(
        "assistant", "appointment", "note", {"body": "Sonner deux fois"}
    ),
    ("POST", "/appointment-types"): Call("practice_admin", "", "type", {"name": "Contrôle"}),
    ("PATCH", "/appointment-types/{}"): Call("practice_admin", "type", "type", {"name": "Contrôle"}),
    ("POST", "/absences"): Call(
        "practitioner", "", "absence", {"starts_at": f"{MONDAY}T08:00:00", "ends_at": f"{MONDAY}T12:00:00"}
    ),
    ("PATCH", "/absences/{}"): Call("practitioner", "absence", "absence", {"reason": "Congrès"}),
    ("POST", "/patients/{}/coverages"): Call("assistant", "patient", "link", {"contract": "<contract>"}),
    ("POST", "/patients/{}/treatments"): Call(
        "practitioner", "patient", "treatment", {"act": "<act>", "price": 2500}
    ),
    ("POST", "/treatments/{}/cancel"): Call("practitioner", "treatment", "treatment", {"reason": "Doublon"}),
    ("POST", "/invoices"): Call("practitioner", "", "invoice", {"patient": "<patient>", "items": [LINE]}),
    ("PATCH", "/invoices/{}"): Call("practitioner", "draft", "invoice", {"items": [LINE]}),
    ("POST", "/invoices/{}/credit"): Call("practitioner", "issued", "invoice", {"reason": "Erreur"}),
    ("POST", "/invoices/{}/payments"): Call(
        "assistant", "issued", "payment", {"payer": "patient", "method": "card", "amount": 700}
    ),
    ("POST", "/calendar-tokens"): Call("practice_admin", "", "calendar", {"practitioner": "<practitioner>"}),
    ("POST", "/open-holidays"): Call("practice_admin", "", "holiday", {"day": "2031-05-01"}),
    ("POST", "/recall-types"): Call("practice_admin", "", "recall_type", {"name": "Détartrage"}),
    ("PATCH", "/recall-types/{}"): Call("practice_admin", "recall_type", "recall_type", {"lead_days": 7}),
    ("POST", "/instalment-plans"): Call(
        "practitioner", "", "plan", {"invoice": "<issued>", "count": 2, "first_due_on": MONDAY}
    ),
    ("POST", "/instalment-plans/{}/cancel"): Call("practitioner", "plan", "plan", {"reason": "Trop long"}),
    ("POST", "/recalls"): Call("assistant", "", "recall", {"patient": "<patient>", "type": "<recall_type>"}),
    ("PATCH", "/recalls/{}"): Call("assistant", "recall", "recall", {"note": "Plutôt le soir"}),
    ("POST", "/pinboard"): Call("assistant", "", "pinned", {"patient": "<patient>", "type": "<type>"}),
    ("PATCH", "/pinboard/{}"): Call("assistant", "pinned", "pinned", {"reason": "Attend un accord"}),
    ("POST", "/pinboard/{}/place"): Call(
        "assistant",
        "pinned",
        "appointment",
        {"practitioner": "<practitioner>", "room": "<room>", "starts_at": f"{MONDAY}T10:00:00"},
    ),
    ("POST", "/pinboard/{}/remove"): Call("assistant", "pinned", "pinned", {"reason": "Soigné ailleurs"}),
    ("POST", "/appointments/{}/unschedule"): Call(
        "assistant", "appointment", "pinned", {"reason": "Ana malade"}
    ),
    ("POST", "/waitlist"): Call("assistant", "", "waiting", {"patient": "<patient>", "type": "<type>"}),
    ("PATCH", "/waitlist/{}"): Call("assistant", "waiting", "waiting", {"note": "Plutôt le matin"}),
    ("PATCH", "/quotes/{}"): Call("practitioner", "offer", "quote", {"language": "en"}),
    ("POST", "/quotes/{}/refuse"): Call("practitioner", "offered", "quote", {"reason": "Trop cher"}),
    ("POST", "/payments"): Call(
        "assistant",
        "",
        "payment",
        {"patient": "<patient>", "on_account": True, "method": "card", "amount": 700},
    ),
    ("POST", "/payments/{}/refund"): Call("practice_admin", "receipt", "payment", {"reason": "Trop perçu"}),
    ("POST", "/claim-flags/{}/outcome"): Call("insurer_agent", "flag", "flag", {"outcome": "confirmed"}),
    ("POST", "/adherents"): Call("insurer_admin", "", "adherent", INSURED),
    ("PATCH", "/adherents/{}"): Call("insurer_admin", "adherent", "adherent", {"city": "Sfax"}),
    ("POST", "/contracts"): Call("insurer_admin", "", "contract", CONTRACT),
    ("PATCH", "/contracts/{}"): Call("insurer_admin", "contract", "contract", {"carence_days": 10}),
    ("POST", "/contracts/{}/members"): Call(
        "insurer_admin", "contract", "membership", {"adherent": "<adherent>", "relation": "child"}
    ),
    ("POST", "/conventions"): Call("insurer_admin", "", "convention", CONVENTION),
    ("PATCH", "/conventions/{}"): Call(
        "insurer_admin", "convention", "convention", {"excess_liability": "provider"}
    ),
    ("POST", "/conventions/{}/baremes"): Call("insurer_admin", "convention", "bareme", PRICES),
}
# Bodies of one's own account, held by tests/accounts, and of signed callers, held by tests/notifications.
ELSEWHERE = ("/auth/", "/webhooks/", "/jobs/")


# Bodies that only a scene of their own can fill: keys inside lists, free times, money received, signatures. Their foreign
# references are held where they are built, in tests/agenda, tests/billing, tests/insurance and tests/patients.
SCENES = {
    ("POST", "/appointments/series"), ("PATCH", "/appointments/series/{}"), ("POST", "/waitlist/{}/offer"),
    ("POST", "/recalls/{}/attempts"), ("POST", "/quotes"), ("POST", "/quotes/{}/accept"), ("POST", "/closings"),
    ("POST", "/deposits"), ("POST", "/training"), ("POST", "/quotes/{}/send"), ("POST", "/patients/{}/break-glass"),
    ("PATCH", "/contracts/{}/members/{}"), ("PATCH", "/patients/{}/coverages/{}"),
    ("POST", "/invoices/{}/adjust"),
    ("POST", "/reconciliations"), ("POST", "/reconciliations/preview"), ("POST", "/reconciliations/{}/pay"),
    ("POST", "/reconciliations/{}/cancel"),
    ("POST", "/reconciliation-lines/{}/dispute"), ("POST", "/reconciliation-lines/{}/resolve"),
    ("POST", "/claims/pharmacy"), ("POST", "/claims/consultation"), ("POST", "/claims/hospitalization"),
    ("POST", "/claims/laboratory"), ("POST", "/claims/dental"), ("POST", "/eligibility"), ("POST", "/claims/{}/approve"),
    ("POST", "/claims/{}/reject"), ("POST", "/claims/{}/block"), ("POST", "/claims/{}/review"),
    ("POST", "/claims/{}/void"), ("POST", "/claims/{}/confirm"), ("POST", "/claims/{}/reverse"),
    ("POST", "/payments/{}/allocate"), ("POST", "/dunning-policy"), ("POST", "/insurer-transfers"),
    ("POST", "/bank-account"),
}  # fmt: skip


def inputs() -> dict[tuple[str, str], type[serializers.Serializer[Any]]]:
    """Return the serializer of every body the API reads, by method and path with {}."""
    found = {}
    for pattern, view in walk(get_resolver().url_patterns, ""):
        if not pattern.startswith(PREFIX) or not hasattr(view, "actions"):
            continue
        path = "/" + "/".join(
            "{}" if part.startswith("{") else part for part in pattern.removeprefix(PREFIX).split("/")
        )
        for method, action in view.actions.items():
            shape = getattr(view.cls, "inputs", {}).get(action)
            here = (method.upper(), path)
            if method in {"get", "head"} or here in SCENES or path.startswith(ELSEWHERE):
                continue
            if shape is not None:
                found[here] = shape
    return found


def writable(shape: Any, prefix: str = "") -> Any:
    """Yield (dotted name, field) of everything a body may hold; `[]` stands for the items of a list."""
    for name, field in shape.fields.items():
        if not field.read_only:
            yield from under(prefix + name, field)


def under(name: str, field: Any) -> Any:
    """Yield a field, or what it is made of."""
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        yield from under(f"{name}[]", field.child)
    elif isinstance(field, serializers.Serializer):
        yield from writable(field, f"{name}.")
    else:
        yield name, field
