"""Seller and buyer as they stand at issue: the document keeps its own copy."""

from __future__ import annotations

from typing import Any

from apps.directory.models import Practice, Practitioner
from apps.patients.models import Patient


def seller_of(practice: Practice, practitioner: Practitioner) -> dict[str, Any]:
    """Return what a document says about who issues it."""
    return seller_of_practice(practice) | {
        "practitioner": practitioner.display_name,
        "speciality": practitioner.speciality,
        "rpps": practitioner.rpps,
        "am_number": practitioner.am_number,
    }


def seller_of_practice(practice: Practice) -> dict[str, Any]:
    """Return what a document says about the practice alone."""
    return {
        "name": practice.name,
        "legal_form": practice.legal_form,
        "address": practice.address,
        "postal_code": practice.postal_code,
        "city": practice.city,
        "country": practice.country,
        "phone": practice.phone.as_international if practice.phone else "",
        "email": practice.email,
        "siret": practice.siret,
        "tax_id": practice.tax_id,
        "vat_status": practice.vat_status,
        "vat_number": vat_number_of(practice),
    }


def buyer_of(patient: Patient) -> dict[str, Any]:
    """Return what a document says about whom it is for: name and address, never the national identifier."""
    return {
        "name": patient.display_name,
        "address": patient.address,
        "postal_code": patient.postal_code,
        "city": patient.city,
        "country": patient.country,
        "file_number": patient.file_number,
    }


def vat_number_of(practice: Practice) -> str:
    """Return the French VAT number of a practice liable for VAT: its key follows from the SIREN."""
    if (
        practice.vat_status != Practice.VatStatus.LIABLE
        or len(practice.siret) != 14
        or not practice.siret.isdigit()
    ):
        return ""
    siren = practice.siret[:9]
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
