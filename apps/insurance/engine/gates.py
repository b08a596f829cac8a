"""The gates of a whole claim, in the order of claims.md 3.3; the first that stays shut stops it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from apps.insurance.engine.terms import BaremeTerms, ContractTerms, InsurerConfig
from apps.insurance.engine.types import History, Request

Refusal = tuple[str, dict[str, Any]]


def first_refusal(
    request: Request,
    contract: ContractTerms | None,
    bareme: BaremeTerms | None,
    history: History,
    config: InsurerConfig,
) -> Refusal | None:
    """Return the reason that stops the claim and what it looked at, or None.

    Gates 0 to 2 (idempotency, actor, shape) are passed before a claim gets here.
    """
    return next(iter(all_refusals(request, contract, bareme, history, config)), None)


def all_refusals(
    request: Request,
    contract: ContractTerms | None,
    bareme: BaremeTerms | None,
    history: History,
    config: InsurerConfig,
) -> list[Refusal]:
    """Return everything that keeps a gate shut, in the order of the gates."""
    return [
        *_dates(request, config),
        *_provider(request, bareme),
        *_contract(request, contract),
        *_repeated(history),
    ]


def _dates(request: Request, config: InsurerConfig) -> Iterator[Refusal]:
    """Gate 3: not in the future, not filed too late; a stay counts from its last day."""
    last_day = request.service_end_date or request.service_date
    if last_day > request.today:
        yield "FUTURE_DATE", {"service_date": last_day.isoformat()}
    if (request.submitted_on - last_day).days > config.filing_days:
        last_filing = last_day + timedelta(days=config.filing_days)
        yield "LATE_FILING", {"days": config.filing_days, "last_day": last_filing.isoformat()}


def _provider(request: Request, bareme: BaremeTerms | None) -> Iterator[Refusal]:
    """Gate 4: an active provider, under a convention with prices on the service date."""
    if not request.provider_is_active:
        yield "PROVIDER_NOT_ELIGIBLE", {}
    if bareme is None:
        yield "NO_CONVENTION", {"service_date": request.service_date.isoformat()}


def _contract(request: Request, contract: ContractTerms | None) -> Iterator[Refusal]:
    """Gate 5: the person's own contract, running and neither suspended nor cancelled on the service date."""
    if contract is None or not contract.is_member:
        yield "IDENTITY_UNKNOWN", {}
        return
    day = request.service_date
    first = max(contract.start_date, contract.joined_on)
    last = contract.end_date if contract.left_on is None else min(contract.end_date, contract.left_on)
    if day < first:
        yield "BEFORE_CONTRACT", {"first_day": first.isoformat()}
    if day > last:
        yield "AFTER_CONTRACT", {"last_day": last.isoformat()}
    status = contract.status_on(day)
    if status in ("suspended", "cancelled"):
        yield status.upper(), {}


def _repeated(history: History) -> Iterator[Refusal]:
    """Gate 6: the same claim is alive already."""
    if history.duplicate_of:
        yield "DUPLICATE", {"claim": history.duplicate_of}
