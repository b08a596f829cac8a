"""Claim: what a provider asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apps.insurance.fhir.codes import CARE_TYPE, CLAIM_TYPE, CLAIM_TYPES, ICD10, MODIFIER, SURFACE, TOOTH
from apps.insurance.fhir.parts import (
    absent,
    act,
    coding,
    concept,
    hl7,
    identifier,
    instant,
    money,
    period,
    reference,
)
from apps.insurance.models import Claim, ClaimItem

_SURFACES: Final = frozenset("MOIDBVL")


def claim(row: Claim, items: Sequence[ClaimItem]) -> dict[str, Any]:
    """Return a claim with its lines in order; `row` has contract and insurer loaded.

    An eligible claim asks for a price only, which is a predetermination; the asked amounts of a reversal are negative.
    """
    diagnoses = list(dict.fromkeys(item.diagnosis for item in items if item.diagnosis))
    team = care_team(row, items)
    found: dict[str, Any] = {
        "resourceType": "Claim",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(row.updated_at)},
        "identifier": [identifier("claim", row.pk), identifier("idempotency-key", row.idempotency_key)],
        "status": status_of(row),
        **kind_of(row),
        "patient": reference("Patient", row.adherent_id),
        "billablePeriod": period(row.service_date, row.service_end_date or row.service_date),
        "created": instant(row.submitted_at),
        "insurer": reference("Organization", row.insurer_id),
        "provider": reference("Organization", row.provider_id),
        "priority": hl7("processpriority", "stat" if row.is_urgent else "normal"),
        "payee": {"type": hl7("payeetype", "provider"), "party": reference("Organization", row.provider_id)},
        "insurance": [{"sequence": 1, "focal": True, **insurance(row, items)}],
        "item": [line(row, item, diagnoses, team) for item in items],
        "total": money(row.total_amount, row.currency),
    }
    if relations := related(row):
        found["related"] = relations
    if team:
        found["careTeam"] = [
            {"sequence": at, "provider": {"display": name}, "role": hl7("claimcareteamrole", role, text)}
            for at, (name, role, text) in enumerate(team, start=1)
        ]
    if diagnoses:
        found["diagnosis"] = [
            {"sequence": at, "diagnosisCodeableConcept": concept(ICD10, code)}
            for at, code in enumerate(diagnoses, start=1)
        ]
    return found


def kind_of(row: Claim) -> dict[str, Any]:
    """Return what claim and response share: HL7's type, our kind of care, and what is asked for."""
    return {
        "type": concept(CLAIM_TYPE, CLAIM_TYPES[row.type]),
        "subType": concept(CARE_TYPE, row.type),
        "use": "predetermination" if is_question(row) else "claim",
    }


def is_question(row: Claim) -> bool:
    """Whether it asks and does not claim: a question whose care was confirmed has become a claim."""
    is_confirmed = row.status in {Claim.Status.APPROVED, Claim.Status.PAID}
    return row.use == Claim.Use.PREDETERMINATION and not is_confirmed


def status_of(row: Claim) -> str:
    """Return the status of the record itself: a claim its provider took back is cancelled, any other stands."""
    return "cancelled" if row.reason_code == "VOIDED" else "active"


def coverage_of(row: Claim) -> dict[str, Any]:
    """Refer to the coverage, which is one person's part of a contract; say so when there is none."""
    if row.member_id:
        return reference("Coverage", row.member_id)
    if row.contract is not None:
        return {"identifier": identifier("contract", row.contract.contract_number)}
    return absent()


def insurance(row: Claim, items: Sequence[ClaimItem]) -> dict[str, Any]:
    """Return the contract, with the prior agreements the lines name."""
    agreements = list(dict.fromkeys(item.preauthorisation for item in items if item.preauthorisation))
    return {"coverage": coverage_of(row), **({"preAuthRef": agreements} if agreements else {})}


def related(row: Claim) -> list[dict[str, Any]]:
    """Name the claim this one corrects or takes back."""
    found = []
    if row.replaces_id:
        found.append((row.replaces_id, "prior", "replaces"))
    if row.reversal_of_id:
        found.append((row.reversal_of_id, "associated", "takes back"))
    return [
        {"claim": reference("Claim", pk), "relationship": hl7("ex-relatedclaimrelationship", code, text)}
        for pk, code, text in found
    ]


def care_team(row: Claim, items: Sequence[ClaimItem]) -> list[tuple[str, str, str]]:
    """Return who carried out and who prescribed, as the provider wrote it: (name, role, words)."""
    prescribers = [row.prescriber, *(item.prescriber for item in items)]
    found = [(row.practitioner_ref, "primary", "")] if row.practitioner_ref else []
    found += [(name, "other", "prescriber") for name in dict.fromkeys(filter(None, prescribers))]
    return found


def line(
    row: Claim, item: ClaimItem, diagnoses: Sequence[str], team: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    """Return one line as it was asked."""
    found: dict[str, Any] = {
        "sequence": item.sequence,
        "productOrService": act(item.code, item.label),
        "quantity": {"value": item.quantity},
        "unitPrice": money(item.unit_price, row.currency),
        "net": money(item.line_total, row.currency),
    }
    if item.line_total < 0:
        found["factor"] = -1
    if row.service_end_date and row.service_end_date != row.service_date:
        found["servicedPeriod"] = period(row.service_date, row.service_end_date)
    else:
        found["servicedDate"] = row.service_date.isoformat()
    names = [at for at, (name, _role, _text) in enumerate(team, start=1) if name == item.prescriber]
    if names:
        found["careTeamSequence"] = names
    if item.diagnosis:
        found["diagnosisSequence"] = [diagnoses.index(item.diagnosis) + 1]
    if item.tooth:
        found["bodySite"] = concept(TOOTH, item.tooth)
    if item.surfaces:
        found["subSite"] = [
            {"coding": [coding(SURFACE, letter)], "text": letter} if letter in _SURFACES else {"text": letter}
            for letter in item.surfaces
        ]
    if modifiers := modifiers_of(item):
        found["modifier"] = modifiers
    return found


def modifiers_of(item: ClaimItem) -> list[dict[str, Any]]:
    """Return what the provider said about a line beyond its code."""
    found = []
    if not item.is_substitutable:
        found.append(concept(MODIFIER, "non-substitutable", item.non_substitutable_reason))
    if item.is_trauma:
        found.append(concept(MODIFIER, "trauma"))
    return found
