"""The resources: Claim, ClaimResponse, Coverage, Patient, Organization, PaymentReconciliation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import chain
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.errors import InvalidInput
from apps.directory.models import Insurer
from apps.insurance import fhir_selectors as selectors
from apps.insurance.api.fhir.base import ALWAYS, FhirViewSet, Parameter
from apps.insurance.api.fhir.searching import coded, keys, referred, tokens, unescaped
from apps.insurance.fhir import claims, payments, people, responses
from apps.insurance.fhir.envelopes import searchset
from apps.insurance.identifiers import identity_index, normalise_identity
from apps.insurance.models import Adherent, Claim, ContractMember, Reconciliation
from apps.insurance.services.lookups import count_lookup

VOIDED = Q(reason_code="VOIDED")


def by_status(rows: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
    """Filter claims by the status of their record."""
    wanted = set(coded("status", values, ("active", "cancelled")))
    if wanted == {"active", "cancelled"}:
        return rows
    return rows.filter(VOIDED) if "cancelled" in wanted else rows.exclude(VOIDED)


def by_outcome(rows: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
    """Filter claims by the outcome of their answer."""
    wanted = set(coded("outcome", values, ("queued", "complete", "error", "partial")))
    return rows.filter(status__in=[s for s, word in responses.OUTCOMES.items() if word in wanted])


def by_claim_identifier(rows: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
    """Filter claims by their key or by the key their provider gave them."""
    return rows.filter(
        Q(pk__in=keys(tokens("claim", values))) | Q(idempotency_key__in=tokens("idempotency-key", values))
    )


CLAIM_SEARCHES = {
    "identifier": Parameter("token", "The claim's key or its idempotency key.", by_claim_identifier),
    "patient": Parameter(
        "reference",
        "Who was cared for.",
        lambda rows, values: rows.filter(adherent__in=referred("Patient", values)),
    ),
    "insurer": Parameter(
        "reference",
        "Who is asked to pay.",
        lambda rows, values: rows.filter(insurer__in=referred("Organization", values)),
    ),
    "status": Parameter("token", "active or cancelled.", by_status),
}


def by_provider(rows: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
    """Filter claims by who asked."""
    return rows.filter(provider__in=referred("Organization", values))


class ClaimFhir(FhirViewSet):
    """Claims as they were asked."""

    resource = "Claim"
    queryset = Claim.objects.none()
    permissions = {"list": "insurance.view_claim", "retrieve": "insurance.view_claim"}
    recorded_reads = dict.fromkeys(("list", "retrieve"), "insurance.claim.read")
    searches = {**CLAIM_SEARCHES, "provider": Parameter("reference", "Who asked.", by_provider)}

    def get_queryset(self) -> QuerySet[Claim]:
        """Return one's own claims, or those one is asked to pay."""
        return selectors.claims_with_lines(viewer=self.caller)

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return a claim."""
        return claims.claim(row, row.lines_in_order)


class ClaimResponseFhir(ClaimFhir):
    """The answers, one for each claim and under its key."""

    resource = "ClaimResponse"
    searches = {
        **CLAIM_SEARCHES,
        "requestor": Parameter("reference", "Who asked.", by_provider),
        "request": Parameter(
            "reference",
            "The claim that is answered.",
            lambda rows, values: rows.filter(pk__in=referred("Claim", values)),
        ),
        "outcome": Parameter("token", "queued, complete or partial.", by_outcome),
    }

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return the answer to a claim."""
        return responses.claim_response(
            row,
            row.lines_in_order,
            paid_by=row.paid_by,
            language=(get_language() or "fr")[:2],
        )


class LookedUpFhir(FhirViewSet):
    """People and their cover: an insurer lists its own, a provider finds one by an exact key and so often a minute."""

    def searched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Find nothing for a provider that names nobody."""
        if self.caller.practice_id is None:
            return super().searched(rows)
        if not self.has_exact_key():
            return super().searched(rows).none()
        count_lookup(self.caller)
        return super().searched(rows)


def by_identity(rows: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
    """Filter people by key or by national identifier."""
    hashes = []
    for value in tokens("national-id", values):
        try:
            hashes.append(identity_index(normalise_identity(value)))
        except ValidationError:
            continue
    return rows.filter(Q(pk__in=keys(tokens("adherent", values))) | Q(national_id_hash__in=hashes))


class PatientFhir(LookedUpFhir):
    """Insured people: their identity only."""

    resource = "Patient"
    queryset = Adherent.objects.none()
    permissions = {"list": "insurance.view_adherent", "retrieve": "insurance.view_adherent"}
    recorded_reads = dict.fromkeys(("list", "retrieve"), "insurance.adherent.resolve")
    searches = {
        "identifier": Parameter("token", "National identifier, or the key.", by_identity, is_exact=True),
        "birthdate": Parameter(
            "date",
            "Birth date, exactly.",
            lambda rows, values: rows.filter(date_of_birth__in=days("birthdate", values)),
        ),
    }

    def get_queryset(self) -> QuerySet[Adherent]:
        """Return one's own people, or those among whom a provider looks."""
        return selectors.insured_people(viewer=self.caller)

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return a person's identity."""
        return people.patient(row)


def by_cover_status(rows: QuerySet[Any], values: list[str]) -> QuerySet[Any]:
    """Filter coverages by whether their contract was cancelled."""
    wanted = set(coded("status", values, ("active", "cancelled")))
    if wanted == {"active", "cancelled"}:
        return rows
    cancelled = Q(contract__status="cancelled")
    return rows.filter(cancelled) if "cancelled" in wanted else rows.exclude(cancelled)


class CoverageFhir(LookedUpFhir):
    """People's parts of contracts. The key of a contract finds its subscriber's."""

    resource = "Coverage"
    queryset = ContractMember.objects.none()
    permissions = {"list": "insurance.view_contract", "retrieve": "insurance.view_contract"}
    recorded_reads = dict.fromkeys(("list", "retrieve"), "insurance.contract.resolve")
    searches = {
        "identifier": Parameter(
            "token",
            "Contract number.",
            lambda rows, values: rows.filter(contract__contract_number__in=tokens("contract", values)),
            is_exact=True,
        ),
        "beneficiary": Parameter(
            "reference",
            "Who is covered.",
            lambda rows, values: rows.filter(adherent__in=referred("Patient", values)),
            is_exact=True,
        ),
        "status": Parameter("token", "active or cancelled.", by_cover_status),
    }

    def get_queryset(self) -> QuerySet[ContractMember]:
        """Return one's own, or those among which a provider looks."""
        return selectors.coverages(viewer=self.caller)

    def get_object(self) -> ContractMember:
        """Find a membership by its key, else the subscriber's by the contract's."""
        found: ContractMember | None = None
        for key in keys([self.kwargs["pk"]]):
            rows = self.get_queryset().filter(Q(pk=key) | Q(contract=key, relation="self"))
            found = rows.order_by("pk").first()
        if found is None:
            raise Http404
        return found

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return a coverage."""
        return people.coverage(row, with_terms=self.caller.insurer_id is not None)


class OrganizationFhir(FhirViewSet):
    """Insurers, and the providers one has to do with."""

    resource = "Organization"
    queryset = Insurer.objects.none()
    permissions = {"list": "directory.view_insurer", "retrieve": "directory.view_insurer"}
    searches = {
        "name": Parameter(
            "string", "Beginning of the name.", lambda rows, values: rows.filter(beginnings(values))
        ),
    }

    def both(self) -> tuple[QuerySet[Any], QuerySet[Any]]:
        """Return insurers and providers."""
        return selectors.insurers(viewer=self.caller), selectors.providers(viewer=self.caller)

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Read one organization."""
        self.check_parameters(frozenset({"_format"}))
        for rows in self.both():
            for row in rows.filter(pk__in=keys([str(pk)])):
                return Response(self.mapped(row))
        raise Http404

    def list(self, request: Request) -> Response:
        """Search organizations; there are few, so that insurers and then providers come by name and offset."""
        self.check_parameters(ALWAYS | set(self.searches))
        size, start = self.page_size(), self.offset()
        found = [self.searched(rows).order_by("name", "pk") for rows in self.both()]
        total = sum(rows.count() for rows in found)
        if size == 0:
            return Response(searchset([], total=total, links={"self": self.link()}))
        rows = list(chain.from_iterable(rows[: start + size] for rows in found))[start : start + size]
        links = {"self": self.link()}
        if start + size < total:
            links["next"] = self.link(_cursor=str(start + size))
        entries = [(self.address(f"Organization/{row.pk}"), self.mapped(row)) for row in rows]
        return Response(searchset(entries, total=total, links=links))

    def offset(self) -> int:
        """Return how many results came before."""
        text = (self.given("_cursor") or ["0"])[-1]
        if not (text.isascii() and text.isdecimal()) or len(text) > 9:
            raise InvalidInput(_cursor=[_("This is not a page of this search.")])
        return int(text)

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return an insurer or a provider."""
        return people.insurer(row) if isinstance(row, Insurer) else people.practice(row)


class PaymentReconciliationFhir(FhirViewSet):
    """What is paid for a period; a provider sees its own part."""

    resource = "PaymentReconciliation"
    queryset = Reconciliation.objects.none()
    permissions = {"list": "insurance.view_reconciliation", "retrieve": "insurance.view_reconciliation"}
    recorded_reads = dict.fromkeys(("list", "retrieve"), "insurance.reconciliation.read")
    searches = {
        "identifier": Parameter(
            "token",
            "Number of the reconciliation.",
            lambda rows, values: rows.filter(number__in=tokens("reconciliation", values)),
        ),
        "payment-issuer": Parameter(
            "reference",
            "Who pays.",
            lambda rows, values: rows.filter(insurer__in=referred("Organization", values)),
        ),
        "outcome": Parameter(
            "token",
            "queued, partial or complete.",
            lambda rows, values: rows.filter(status__in=statuses_of(values)),
        ),
    }

    def get_queryset(self) -> QuerySet[Reconciliation]:
        """Return the insurer's own, or those that pay the provider."""
        return selectors.reconciliations(viewer=self.caller)

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return a reconciliation: line by line when it is read, by provider in a search."""
        lines = (
            selectors.lines_seen(viewer=self.caller, reconciliation=row) if self.action == "retrieve" else []
        )
        whole = self.caller.insurer_id is not None
        return payments.payment_reconciliation(row, row.totals_seen, lines, whole=whole)


def statuses_of(values: Sequence[str]) -> list[str]:
    """Return our statuses of FHIR's outcomes."""
    wanted = set(coded("outcome", values, ("queued", "complete", "error", "partial")))
    return [status.value for status, word in payments.OUTCOMES.items() if word in wanted]


def days(name: str, values: Sequence[str]) -> list[Any]:
    """Return days; refuse what is none."""
    try:
        return [date.fromisoformat(value.strip().removeprefix("eq")) for value in values]
    except ValueError:
        raise InvalidInput(**{name: [_("This is not a day, as 1980-05-31.")]}) from None


def beginnings(values: Sequence[str]) -> Q:
    """Match any of some beginnings, whatever the case."""
    found = Q()
    for value in values:
        found |= Q(name__istartswith=unescaped(value))
    return found
