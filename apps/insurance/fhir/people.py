"""Patient, Organization and Coverage: who is insured, who insures, who cares, under which contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apps.directory.models import Insurer, Practice
from apps.insurance.fhir.codes import CARE_TYPE
from apps.insurance.fhir.parts import coding, concept, hl7, identifier, instant, money, period, reference
from apps.insurance.models import Adherent, ContractMember

# HL7's words for the relation of a member to the subscriber.
RELATIONS = {
    "self": "self",
    "spouse": "spouse",
    "child": "child",
    "parent": "parent",
    "employee": "other",
    "other": "other",
}
PERCENT = {"unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}


def patient(row: Adherent) -> dict[str, Any]:
    """Return the identity of an insured person: name, birth and sex, neither address nor national number."""
    return {
        "resourceType": "Patient",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(row.updated_at)},
        "identifier": [identifier("adherent", row.pk)],
        "active": row.deleted_at is None,
        "name": [{"use": "official", "family": row.last_name, "given": [row.first_name]}],
        "gender": "male" if row.gender == "M" else "female",
        "birthDate": row.date_of_birth.isoformat(),
        "managingOrganization": reference("Organization", row.insurer_id),
    }


def insurer(row: Insurer) -> dict[str, Any]:
    """Return an insurer."""
    return {
        **organization(row, "ins"),
        "identifier": identifiers(insurer=row.pk, code=row.code, tax=row.tax_id),
        "active": row.is_active and row.deleted_at is None,
        **address(row.address),
    }


def practice(row: Practice) -> dict[str, Any]:
    """Return a provider, as a business is known to those who pay it."""
    found = organization(row, "prov")
    found["type"].append({"text": row.kind})
    return {
        **found,
        "identifier": identifiers(provider=row.pk, licence=row.license_no, tax=row.tax_id, siret=row.siret),
        "active": row.is_active,
        **address(row.address, postalCode=row.postal_code, city=row.city, country=row.country),
    }


def organization(row: Insurer | Practice, kind: str) -> dict[str, Any]:
    """Return what both have."""
    found: dict[str, Any] = {
        "resourceType": "Organization",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(row.updated_at)},
        "type": [hl7("organization-type", kind)],
        "name": row.name,
    }
    contacts = [("phone", str(row.phone or "")), ("email", row.email)]
    telecom = [{"system": system, "value": value} for system, value in contacts if value]
    return {**found, "telecom": telecom} if telecom else found


def identifiers(**known: Any) -> list[dict[str, str]]:
    """Return the numbers somebody goes by, those that are there."""
    return [identifier(name, value) for name, value in known.items() if value]


def address(text: str, **parts: str) -> dict[str, Any]:
    """Return a postal address, if anything of it is known."""
    parts = {name: value for name, value in parts.items() if value}
    if not text and not parts.get("city"):
        return {}
    return {"address": [{**({"line": [text]} if text else {}), **parts}]}


def coverage(row: ContractMember, *, with_terms: bool = True) -> dict[str, Any]:
    """Return one person's part of a contract; `row` has its contract loaded.

    What the person bears of each kind of care stands in `costToBeneficiary`: the rest of the rate, what is paid of each
    claim and what is deducted. Terms are between the insurer and the insured: a provider reads whether it holds.
    """
    contract = row.contract
    start = max(contract.start_date, row.joined_on)
    end = min(contract.ends_on(), row.left_on or contract.ends_on())
    found: dict[str, Any] = {
        "resourceType": "Coverage",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(max(row.updated_at, contract.updated_at))},
        "identifier": [identifier("contract", contract.contract_number)],
        "status": "cancelled" if contract.status == "cancelled" else "active",
        "type": {"text": contract.plan_type},
        "policyHolder": reference("Patient", contract.adherent_id),
        "subscriber": reference("Patient", contract.adherent_id),
        "beneficiary": reference("Patient", row.adherent_id),
        "relationship": hl7("subscriber-relationship", RELATIONS[row.relation], row.relation),
        # A contract that is cancelled before this person joined covers no day at all.
        "period": period(start, max(start, end)),
        "payor": [reference("Organization", contract.insurer_id)],
        "class": [
            {"type": hl7("coverage-class", "plan"), "value": contract.plan_type},
            {"type": hl7("coverage-class", "group"), "value": contract.contract_number},
        ],
    }
    if with_terms:
        found["costToBeneficiary"] = [
            cost
            for care_type, terms in sorted(contract.coverage.items())
            for cost in costs(care_type, terms, contract.currency)
        ]
    return found


def costs(care_type: str, terms: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    """Return what a person bears of one kind of care."""
    kind = coding(CARE_TYPE, care_type)
    share = {"value": Decimal(10_000 - terms["rate_bp"]).scaleb(-2), **PERCENT}
    found: list[dict[str, Any]] = [{"type": copay_type("copaypct", kind), "valueQuantity": share}]
    for code, name in (
        ("copay", "fixed_copay"),
        ("deductible", "deductible_per_claim"),
        ("deductible", "deductible_annual"),
    ):
        if terms.get(name):
            found.append({"type": copay_type(code, kind), "valueMoney": money(terms[name], currency)})
    return found


def copay_type(code: str, kind: dict[str, str]) -> dict[str, Any]:
    """Return HL7's kind of cost with our kind of care beside it."""
    found = concept("http://terminology.hl7.org/CodeSystem/coverage-copay-type", code)
    found["coding"].append(kind)
    return found
