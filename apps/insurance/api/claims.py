"""Claims and eligibility over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.idempotency import HEADER
from apps.insurance.api.claim_serializers import (
    ApprovalInput,
    ClaimDecisionInput,
    ClaimInput,
    ClaimOutput,
    EligibilityInput,
    EligibilityOutput,
    ReversalInput,
    explained,
    reason_of,
)
from apps.insurance.api.filters import ChoicesFilter
from apps.insurance.claim_selectors import claims_for, contract_covering
from apps.insurance.engine import LineResult, Result
from apps.insurance.engine.canonical import to_plain
from apps.insurance.models import Claim
from apps.insurance.models.claims import CareType
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.asking import Asked, AskedLine
from apps.insurance.services.claims import submit_claim
from apps.insurance.services.deciding import block_claim, reject_claim, review_claim
from apps.insurance.services.eligibility import Eligibility, check_eligibility, nobody
from apps.insurance.services.withdrawing import confirm_claim, reverse_claim, void_claim


class ClaimFilter(filters.FilterSet):
    """Claims by status, sides, person, contract, kind and day of care (`from` and `to`, both inclusive)."""

    status = ChoicesFilter(choices=Claim.Status.choices, label="One or several, comma-separated.")
    type = ChoicesFilter(choices=CareType.choices, label="One or several, comma-separated.")
    provider = filters.UUIDFilter(field_name="provider_id")
    insurer = filters.UUIDFilter(field_name="insurer_id")
    adherent = filters.UUIDFilter(field_name="adherent_id")
    contract = filters.UUIDFilter(field_name="contract_id")
    reconciliation = filters.UUIDFilter(field_name="reconciliation_id")
    vars()["from"] = filters.DateFilter(field_name="service_date", lookup_expr="gte")
    to = filters.DateFilter(field_name="service_date", lookup_expr="lte")

    class Meta:
        model = Claim
        fields: tuple[str, ...] = ()


class ClaimViewSet(BaseViewSet):
    """Claims, each filed by its role and decided by the insurer's people."""

    queryset = Claim.objects.none()
    permissions = {
        "list": "insurance.view_claim",
        "retrieve": "insurance.view_claim",
        "pharmacy": "insurance.submit_pharmacy_claim",
        "consultation": "insurance.submit_consultation_claim",
        "hospitalization": "insurance.submit_hospitalization_claim",
        "laboratory": "insurance.submit_laboratory_claim",
        "dental": "insurance.submit_dental_claim",
        "approve": "insurance.decide_claim",
        "reject": "insurance.decide_claim",
        "block": "insurance.decide_claim",
        "review": "insurance.decide_claim",
        "void": "insurance.void_claim",
        "confirm": "insurance.confirm_claim",
        "reverse": "insurance.reverse_claim",
    }
    serializers = {"list": ClaimOutput, "retrieve": ClaimOutput}
    inputs = {
        **dict.fromkeys(CareType.values, ClaimInput),
        "approve": ApprovalInput,
        **dict.fromkeys(("reject", "block", "review", "void", "confirm"), ClaimDecisionInput),
        "reverse": ReversalInput,
    }

    @property
    def filterset_class(self) -> type[ClaimFilter] | None:
        """Filter lists only."""
        return ClaimFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[Claim]:
        """Return the claims of one's insurer or practice."""
        return claims_for(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List claims, the newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one claim with its lines."""
        return self.answer(self.get_object())

    @extend_schema(request=ClaimInput, responses={201: ClaimOutput})
    @action(detail=False, methods=["post"])
    def pharmacy(self, request: Request) -> Response:
        """File a pharmacy claim; the answer is 201 whatever is decided."""
        return self.file("pharmacy")

    @extend_schema(request=ClaimInput, responses={201: ClaimOutput})
    @action(detail=False, methods=["post"])
    def consultation(self, request: Request) -> Response:
        """File a consultation claim; the answer is 201 whatever is decided."""
        return self.file("consultation")

    @extend_schema(request=ClaimInput, responses={201: ClaimOutput})
    @action(detail=False, methods=["post"])
    def hospitalization(self, request: Request) -> Response:
        """File a hospitalization claim; the answer is 201 whatever is decided."""
        return self.file("hospitalization")

    @extend_schema(request=ClaimInput, responses={201: ClaimOutput})
    @action(detail=False, methods=["post"])
    def laboratory(self, request: Request) -> Response:
        """File a laboratory claim; the answer is 201 whatever is decided."""
        return self.file("laboratory")

    @extend_schema(request=ClaimInput, responses={201: ClaimOutput})
    @action(detail=False, methods=["post"])
    def dental(self, request: Request) -> Response:
        """File a dental claim; the answer is 201 whatever is decided."""
        return self.file("dental")

    @extend_schema(request=ApprovalInput, responses=ClaimOutput)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: Any = None) -> Response:
        """Approve a claim under review; above the insurer's limit it waits for a second person."""
        claim = self.get_object()
        body = self.parsed()
        items = body.pop("items", None)
        amounts = None if items is None else {item["id"]: item["covered_amount"] for item in items}
        if items is not None and amounts is not None and len(amounts) != len(items):
            raise InvalidInput(items=[_("A line is named twice.")])
        return self.decided(
            approve_claim(actor=self.caller, claim=claim, amounts=amounts, at=timezone.now(), **body)
        )

    @extend_schema(request=ClaimDecisionInput, responses=ClaimOutput)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: Any = None) -> Response:
        """Refuse a claim under review or blocked, with a reason."""
        return self.decide(reject_claim)

    @extend_schema(request=ClaimDecisionInput, responses=ClaimOutput)
    @action(detail=True, methods=["post"])
    def block(self, request: Request, pk: Any = None) -> Response:
        """Block a claim under review, with a reason."""
        return self.decide(block_claim)

    @extend_schema(request=ClaimDecisionInput, responses=ClaimOutput)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: Any = None) -> Response:
        """Take an approved claim under review, or a blocked one up again, with a reason."""
        return self.decide(review_claim)

    @extend_schema(request=ClaimDecisionInput, responses=ClaimOutput)
    @action(detail=True, methods=["post"])
    def void(self, request: Request, pk: Any = None) -> Response:
        """Withdraw one's claim of the same day, or one that is only eligible."""
        claim = self.get_object()
        expected = self.parsed()["expected_status"]
        return self.decided(
            void_claim(actor=self.caller, claim=claim, expected_status=expected, at=timezone.now())
        )

    @extend_schema(request=ClaimDecisionInput, responses=ClaimOutput)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: Any = None) -> Response:
        """Confirm that eligible care was given."""
        claim = self.get_object()
        expected = self.parsed()["expected_status"]
        return self.decided(
            confirm_claim(actor=self.caller, claim=claim, expected_status=expected, at=timezone.now())
        )

    @extend_schema(request=ReversalInput, responses={201: ClaimOutput})
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: Any = None) -> Response:
        """Take a paid claim back; answers the claim of negative amounts that does it."""
        claim = self.get_object()
        reason = self.parsed()["reason"]
        reversal = reverse_claim(actor=self.caller, claim=claim, reason=reason, at=timezone.now())
        return self.decided(reversal, status=201)

    def file(self, care_type: str) -> Response:
        """File a claim of a kind for the caller's practice."""
        body = self.parsed()
        # The key of the header was used by `once` for this user; here it stands for the whole practice.
        key = self.request.headers.get(HEADER) or body.pop("idempotency_key", None) or uuid4().hex
        body.pop("idempotency_key", None)
        body["is_predetermination"] = body.pop("use", "claim") == "predetermination"
        asked = asked_of(care_type, body, self.caller.practice)
        claim = submit_claim(actor=self.caller, asked=asked, idempotency_key=key, at=timezone.now())
        return self.decided(claim, status=201)

    def decide(self, service: Callable[..., Claim]) -> Response:
        """Run one of the insurer's verbs."""
        claim = self.get_object()
        body = self.parsed()
        return self.decided(
            service(
                actor=self.caller,
                claim=claim,
                expected_status=body["expected_status"],
                reason=body.get("reason", ""),
                at=timezone.now(),
            )
        )

    def decided(self, claim: Claim, status: int = 200) -> Response:
        """Answer a claim as it stands."""
        return self.answer(claims_for(viewer=self.caller).get(pk=claim.pk), status=status)


class EligibilityViewSet(BaseViewSet):
    """Whether care would be paid."""

    queryset = Claim.objects.none()
    permissions = {"create": "insurance.view_claim"}
    serializers = {"retrieve": EligibilityOutput}
    inputs = {"create": EligibilityInput}

    @extend_schema(request=EligibilityInput, responses={200: EligibilityOutput})
    def create(self, request: Request) -> Response:
        """Answer verdict, balances and what the acts would come to; nothing is stored."""
        body = self.parsed()
        care_type = body.pop("care_type")
        provider = body.pop("provider", None) if self.caller.practice_id is None else self.caller.practice
        body.setdefault("items", [])
        asked = asked_of(care_type, body, nobody(provider))
        return self.answer(shown(check_eligibility(actor=self.caller, asked=asked, at=timezone.now())))


def asked_of(care_type: str, body: dict[str, Any], provider: Any) -> Asked:
    """Read a body as a claim; a person alone is asked for by the contract that covers the day."""
    if provider is None:
        raise PermissionRefused
    contract, adherent = body.pop("contract", None), body.pop("adherent", None)
    day: date = body["service_date"]
    if adherent is None:
        adherent = contract.adherent
    elif contract is None:
        contract = contract_covering(adherent=adherent, day=day)
    lines = tuple(AskedLine(**item) for item in body.pop("items"))
    return Asked(
        type=care_type,
        provider=provider,
        adherent=adherent,
        contract=contract,
        lines=lines,
        **body,
    )


def shown(found: Eligibility) -> dict[str, Any]:
    """Return an eligibility as it is shown."""
    asked = found.asked
    return {
        "verdict": "eligible" if found.is_eligible else "not_eligible",
        "reason_code": found.reason,
        "reasons": [reason_of(code) for code in found.reasons],
        "contract": None if asked.contract is None else asked.contract.pk,
        "adherent": asked.adherent.pk,
        "insurer": asked.insurer.pk,
        "care_type": asked.type,
        "service_date": asked.service_date,
        "first_payable_day": found.first_payable_day,
        "currency": asked.currency,
        "balances": found.balances,
        "preview": None if found.preview is None else preview_of(found.preview, asked.currency),
    }


def preview_of(result: Result, currency: str) -> dict[str, Any]:
    """Return a price as it is shown."""
    return {
        "status": result.status,
        "decision": result.decision,
        "total_amount": result.total,
        "covered_amount": result.covered,
        "copay_amount": result.copay,
        "writeoff_amount": result.writeoff,
        "items": [preview_line(line, currency) for line in result.lines],
    }


def preview_line(line: LineResult, currency: str) -> dict[str, Any]:
    """Return a line's price as it is shown."""
    amounts = SimpleNamespace(
        copay_amount=line.copay, writeoff_amount=line.writeoff, prior_paid=line.prior_paid
    )
    return {
        "sequence": line.sequence,
        "code": line.code,
        "line_total": line.line_total,
        "allowed_amount": line.allowed,
        "covered_amount": line.covered,
        "copay_amount": line.copay,
        "writeoff_amount": line.writeoff,
        "tax_amount": line.tax,
        "reimbursement_rate_bp": line.rate_bp,
        "reason_code": line.reason_code,
        "rule_applied": line.rule_applied,
        "explanation": explained(amounts, to_plain(line.steps), to_plain(line.adjustments), currency),
    }
