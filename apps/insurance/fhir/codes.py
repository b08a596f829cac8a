"""Vocabularies: HL7's and X12's by their addresses, and our own where theirs have no word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.insurance.engine.reasons import REASONS

# The same codes mean the same at every site that runs this house, so their address is no site's own; the domain is one
# that is reserved for examples and can belong to nobody.
HOUSE: Final = "https://osdentaire.example/fhir"
CATEGORY: Final = f"{HOUSE}/CodeSystem/adjudication-category"
REASON: Final = f"{HOUSE}/CodeSystem/adjudication-reason"
CARE_TYPE: Final = f"{HOUSE}/CodeSystem/care-type"
MODIFIER: Final = f"{HOUSE}/CodeSystem/line-modifier"
PAYMENT_ADJUSTMENT: Final = f"{HOUSE}/CodeSystem/payment-adjustment"

ADJUDICATION: Final = "http://terminology.hl7.org/CodeSystem/adjudication"
CARC: Final = "https://x12.org/codes/claim-adjustment-reason-codes"
RARC: Final = "https://x12.org/codes/remittance-advice-remark-codes"
GROUP: Final = "https://x12.org/codes/claim-adjustment-group-codes"
CLAIM_TYPE: Final = "http://terminology.hl7.org/CodeSystem/claim-type"
CCAM: Final = "urn:oid:1.2.250.1.213.2.5"
# ISO 3950 is the FDI numbering of teeth and areas.
TOOTH: Final = "urn:iso:std:iso:3950"
SURFACE: Final = "http://terminology.hl7.org/CodeSystem/FDI-surface"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
# R4 has no element for a decision; R5's is carried in the extension HL7 defines for reading one version in another.
DECISION: Final = "http://hl7.org/fhir/claim-decision"
DECISION_ELEMENT: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ClaimResponse.decision"
ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

CLAIM_TYPES: Final[Mapping[str, str]] = {
    "pharmacy": "pharmacy",
    "consultation": "professional",
    "hospitalization": "institutional",
    "laboratory": "professional",
    "dental": "oral",
}
CATEGORIES: Final[Mapping[str, str]] = {
    "writeoff": "What the provider may not ask of the patient",
    "adjustment": "A part of the charge that is not covered, by X12 group and reason",
}
MODIFIERS: Final[Mapping[str, str]] = {
    "non-substitutable": "May not be replaced by a generic",
    "trauma": "After an accident",
}
PAYMENT_ADJUSTMENTS: Final[Mapping[str, str]] = {
    "withholding_tax": "Tax withheld at the source",
    "guarantee": "Kept as a guarantee",
    "penalty": "Penalty",
    "recovery": "Recovery of what was paid too much",
    "dispute": "Outcome of a dispute",
}
CARE_TYPES: Final[Mapping[str, str]] = {
    "pharmacy": "Medicines",
    "consultation": "Consultation",
    "hospitalization": "Stay in a clinic",
    "laboratory": "Laboratory tests",
    "dental": "Dental care",
}


def code_systems() -> list[dict[str, Any]]:
    """Return our own code systems; a reason names the CARC and RARC that say the same and who bears the amount."""
    reasons = [
        {
            "code": reason.code,
            "display": reason.code.replace("_", " ").capitalize(),
            "property": [
                {"code": "carc", "valueCode": reason.carc},
                {"code": "liability", "valueCode": reason.liability.value},
                *([{"code": "rarc", "valueCode": reason.rarc}] if reason.rarc else []),
            ],
        }
        for reason in REASONS.values()
    ]
    found = [
        code_system(CATEGORY, "AdjudicationCategory", concepts(CATEGORIES)),
        code_system(REASON, "AdjudicationReason", reasons),
        code_system(CARE_TYPE, "CareType", concepts(CARE_TYPES)),
        code_system(MODIFIER, "LineModifier", concepts(MODIFIERS)),
        code_system(PAYMENT_ADJUSTMENT, "PaymentAdjustment", concepts(PAYMENT_ADJUSTMENTS)),
    ]
    found[1]["property"] = [
        {"code": "carc", "uri": CARC, "type": "code"},
        {"code": "liability", "type": "code"},
        {"code": "rarc", "uri": RARC, "type": "code"},
    ]
    return found


def code_system(url: str, name: str, concept: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one complete code system."""
    return {
        "resourceType": "CodeSystem",
        "id": url.rpartition("/")[2],
        "url": url,
        "name": name,
        "status": "active",
        "caseSensitive": True,
        "content": "complete",
        "count": len(concept),
        "concept": concept,
    }


def concepts(words: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return codes with their words."""
    return [{"code": code, "display": display} for code, display in words.items()]
