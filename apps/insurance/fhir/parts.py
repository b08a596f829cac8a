"""The small shapes every resource uses."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from apps.core.money import exponent
from apps.insurance.engine.reasons import REASONS
from apps.insurance.fhir.codes import (
    ABSENT,
    ADJUDICATION,
    CARC,
    CATEGORIES,
    CATEGORY,
    CCAM,
    HOUSE,
    RARC,
    REASON,
)

_CCAM_FORM: Final = re.compile(r"[A-Z]{4}\d{3}")


def money(amount: int, currency: str) -> dict[str, Any]:
    """Return an amount of minor units as Money, exact to the currency's last decimal."""
    return {"value": Decimal(amount).scaleb(-exponent(currency)), "currency": currency}


def reference(kind: str, pk: Any) -> dict[str, str]:
    """Return a reference to a resource of this server."""
    return {"reference": f"{kind}/{pk}"}


def absent(why: str = "unknown") -> dict[str, Any]:
    """Return what stands where R4 requires something that does not exist."""
    return {"extension": [{"url": ABSENT, "valueCode": why}]}


def identifier(name: str, value: Any) -> dict[str, str]:
    """Return an identifier of ours; `name` says what it counts."""
    return {"system": f"{HOUSE}/identifier/{name}", "value": str(value)}


def coding(system: str, code: str) -> dict[str, str]:
    """Return one code."""
    return {"system": system, "code": code}


def concept(system: str, code: str, text: str = "") -> dict[str, Any]:
    """Return a concept of one code."""
    return {"coding": [coding(system, code)], **({"text": text} if text else {})}


def hl7(name: str, code: str, text: str = "") -> dict[str, Any]:
    """Return a concept of HL7's terminology."""
    return concept(f"http://terminology.hl7.org/CodeSystem/{name}", code, text)


def category(code: str, *more: dict[str, str]) -> dict[str, Any]:
    """Return a category of adjudication, HL7's or ours."""
    return {"coding": [coding(CATEGORY if code in CATEGORIES else ADJUDICATION, code), *more]}


def reason(code: str, carc: str = "", rarc: str = "") -> dict[str, Any]:
    """Return a reason with what X12 says for it; a code of ours that has no CARC of its own takes the table's."""
    known = REASONS.get(code)
    carc = carc or (known.carc if known else "")
    rarc = rarc or (known.rarc if known and carc == known.carc else "")
    found = [coding(REASON, code)]
    found += [coding(CARC, carc)] if carc else []
    found += [coding(RARC, rarc)] if rarc else []
    return {"coding": found}


def act(code: str, label: str) -> dict[str, Any]:
    """Return what was done or sold: by the CCAM where the code has its form, else by the insurer's price list."""
    system = CCAM if _CCAM_FORM.fullmatch(code) else f"{HOUSE}/price-list"
    return concept(system, code, label)


def period(start: date, end: date | None) -> dict[str, str]:
    """Return a period; both days are inclusive."""
    return {"start": start.isoformat(), **({"end": end.isoformat()} if end else {})}


def instant(moment: datetime) -> str:
    """Return a moment with its offset, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")
