"""What the server says of itself: its capabilities and its own vocabularies; open to anybody, as FHIR wants it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.permissions import ANONYMOUS
from apps.insurance.api.fhir.base import FhirViewSet
from apps.insurance.api.fhir.refusals import PATH
from apps.insurance.api.fhir.searching import alternatives
from apps.insurance.api.fhir.views import (
    ClaimFhir,
    ClaimResponseFhir,
    CoverageFhir,
    OrganizationFhir,
    PatientFhir,
    PaymentReconciliationFhir,
)
from apps.insurance.fhir.codes import code_systems
from apps.insurance.fhir.envelopes import Search, Served, capability, searchset

# The day this interface last changed in what it can do.
DATE = "2026-11-22"
KEY = Search("_id", "token", "Keys.")


class MetadataFhir(FhirViewSet):
    """The capability statement."""

    resource = "metadata"
    permissions = {"show": ANONYMOUS}

    def show(self, request: Request) -> Response:
        """Say what this server can do; `mode` may be left unread (R4, http.html#capabilities)."""
        self.check_parameters(frozenset({"_format", "mode"}))
        url = f"{settings.PUBLIC_URL}{PATH}"
        served = [
            Served(
                view.resource,
                view.interactions,
                (*([KEY] if "read" in view.interactions else []), *searches_of(view)),
            )
            for view in SERVED
        ]
        return Response(capability(url=url, version=settings.VERSION, date=DATE, served=served))


class CodeSystemFhir(FhirViewSet):
    """Our own vocabularies."""

    resource = "CodeSystem"
    interactions = ("search-type",)
    permissions = {"list": ANONYMOUS}

    def list(self, request: Request) -> Response:
        """List them all, or the one of an address."""
        self.check_parameters(frozenset({"_format", "url"}))
        wanted = [url for value in self.given("url") for url in alternatives(value)]
        found = [each for each in code_systems() if not wanted or each["url"] in wanted]
        entries = [(each["url"], each) for each in found]
        return Response(searchset(entries, total=len(entries), links={"self": self.link()}))


SERVED: tuple[type[FhirViewSet], ...] = (
    ClaimFhir,
    ClaimResponseFhir,
    CoverageFhir,
    PatientFhir,
    OrganizationFhir,
    PaymentReconciliationFhir,
    CodeSystemFhir,
)


def searches_of(view: Any) -> list[Search]:
    """Return a view's own search parameters."""
    if view is CodeSystemFhir:
        return [Search("url", "uri", "Address of the vocabulary.")]
    return [Search(name, each.type, each.documentation) for name, each in view.searches.items()]
