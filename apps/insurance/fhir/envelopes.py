"""What wraps resources: search results, refusals, and what this server can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

FHIR_VERSION: Final = "4.0.1"
MEDIA_TYPE: Final = "application/fhir+json"
SERVED_TYPES: Final = frozenset(
    "Claim ClaimResponse Coverage Patient Organization PaymentReconciliation CodeSystem".split()
)
# HTTP status to the kind of issue FHIR knows; what is not here is `invalid` below 500 and `exception` above.
ISSUES: Final = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
    504: "timeout",
}
# Where our own code says more than the status.
ISSUES_OF_CODES: Final = {"MALFORMED": "structure", "VALIDATION_ERROR": "value"}


class Search(NamedTuple):
    """One way to search a resource."""

    name: str
    type: str
    documentation: str


class Served(NamedTuple):
    """One resource this server has: what it does with it and how it is searched."""

    resource: str
    interactions: tuple[str, ...]
    searches: tuple[Search, ...]


def searchset(
    entries: Sequence[tuple[str, dict[str, Any]]], *, total: int, links: dict[str, str]
) -> dict[str, Any]:
    """Return a page of results, each with its absolute address; `links` maps self and next to theirs."""
    found: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    if entries:
        found["entry"] = [
            {"fullUrl": url, "resource": resource, "search": {"mode": "match"}} for url, resource in entries
        ]
    return found


def outcome(
    status: int, code: str, message: str, details: dict[str, Any] | None = None, *, kind: str = ""
) -> dict[str, Any]:
    """Return a refusal; each parameter that is wrong is an issue of its own, and our stable code goes along.

    `kind` is FHIR's kind of issue where status and code do not say it. A fault of the server is fatal: nothing more was
    looked at.
    """
    kind = (
        kind or ISSUES_OF_CODES.get(code) or ISSUES.get(status, "exception" if status >= 500 else "invalid")
    )
    severity = "fatal" if status >= 500 else "error"
    fields = [
        (name, text) for name, texts in (details or {}).items() if isinstance(texts, list) for text in texts
    ]
    issues: list[dict[str, Any]] = [
        {**issue(severity, kind, code, str(text)), "location": [f"http.{name}"]} for name, text in fields
    ] or [issue(severity, kind, code, message)]
    return {"resourceType": "OperationOutcome", "issue": issues}


def issue(severity: str, kind: str, code: str, text: str) -> dict[str, Any]:
    """Return one thing that is wrong."""
    return {"severity": severity, "code": kind, "details": {"text": text}, "diagnostics": code}


def capability(*, url: str, version: str, date: str, served: Sequence[Served]) -> dict[str, Any]:
    """Return what this server can do: read and search, of these resources, by these parameters."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "publisher": "OSdentaire",
        "kind": "instance",
        "software": {"name": "OSdentaire", "version": version},
        "implementation": {"description": "Payer network of OSdentaire, read-only", "url": url},
        "fhirVersion": FHIR_VERSION,
        "format": [MEDIA_TYPE, "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Claims are submitted and decided through the house's own API.",
                "security": {
                    "cors": False,
                    "description": "A bearer token of /api/v1/auth/login; each reader sees their own house.",
                },
                "resource": [
                    {
                        "type": each.resource,
                        "interaction": [{"code": code} for code in each.interactions],
                        "versioning": "no-version",
                        "searchParam": [search._asdict() for search in each.searches],
                    }
                    for each in served
                ],
            }
        ],
    }
