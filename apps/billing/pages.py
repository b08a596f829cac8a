"""The public page of a quote: the patient's birth date opens it, then it is read, accepted or refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.billing.links import quote_of
from apps.billing.models import Quote, QuoteDecision
from apps.billing.rendering import money
from apps.billing.services import Signature, accept_quote, document_of_quote, hand_out, refuse_quote
from apps.core.access import access_denied, denial_of, rows_read
from apps.core.context import bind
from apps.core.errors import DependencyDown, DomainError
from apps.core.limits import Guesses, RateLimited, reserve
from apps.core.middleware import client_address
from apps.core.scope import SystemActor
from apps.core.storage import attachment

LINK: Final = SystemActor("quote-link")
PER_MINUTE: Final = 20
TRIES: Final = 5
PAUSE: Final = 3600


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def quote_page(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the birth date, show the quote, take the answer; opening the page changes nothing.

    Twenty calls a minute and address; five wrong dates close the link for an hour. Without Redis it stays
    closed: a birth date is guessable, so the count must not be lost.
    """
    try:
        wait = reserve(f"link:{client_address(request)}", limit=PER_MINUTE, window=60)
    except DependencyDown:
        return HttpResponse(status=503, headers={"Retry-After": "30"})
    if wait:
        return HttpResponse(status=429, headers={"Retry-After": str(wait)})
    quote = quote_of(token)
    if quote is None:
        return shown(request, {}, status=404)
    with (
        override(quote.language),
        timezone.override(quote.practice.zone),
        bind(actor_id=LINK.id, actor_role=LINK.role, practice_id=quote.practice_id),
    ):
        if request.method != "POST":
            return shown(request, {"quote": quote, "practice": quote.practice})
        return answered(request, quote, at=timezone.now())


def answered(request: HttpRequest, quote: Quote, *, at: datetime) -> HttpResponse:
    """Judge the birth date, then do what was asked."""
    born = parse_or_none(request.POST.get("birth_date", ""))
    page = {"quote": quote, "practice": quote.practice}
    guesses = Guesses(f"quote:{quote.pk}", limit=TRIES, window=PAUSE)
    try:
        ticket = guesses.enter()
    except RateLimited as error:
        headers = {"Retry-After": str(error.details.get("retry_after", PAUSE))}
        return shown(request, page | {"locked": True}, status=429, headers=headers)
    if born is None or born != quote.patient.birth_date:
        guesses.failed(ticket)
        access_denied.send(denial_of(request, code="QUOTE_BIRTH_DATE"))
        return shown(request, page | {"wrong": True}, status=403)
    guesses.passed(ticket)
    rows_read.send(LINK, [quote], "billing.quote.open_link")
    asked = request.POST.get("answer", "")
    refusal = ""
    try:
        if asked == "pdf":
            return file_of(quote)
        if asked in {"accept", "refuse"}:
            quote = decided(request, quote, accept=asked == "accept", at=at)
    except DomainError as error:
        refusal = str(error.message)
    return shown(request, opened(quote, born, refusal), status=409 if refusal else 200)


def decided(request: HttpRequest, quote: Quote, *, accept: bool, at: datetime) -> Quote:
    """Record the answer."""
    signature = Signature(
        signer_name=request.POST.get("signer_name", "")[:120],
        channel=QuoteDecision.Channel.LINK,
        address=client_address(request),
    )
    if not accept:
        return refuse_quote(actor=LINK, quote=quote, signature=signature, at=at)
    chosen = [key for key in map(key_or_none, request.POST.getlist("alternative")) if key is not None]
    return accept_quote(actor=LINK, quote=quote, signature=signature, alternatives=chosen, at=at)


def opened(quote: Quote, born: date, refusal: str) -> dict[str, Any]:
    """Return what the page shows once it is open."""
    items = sorted(quote.items.all(), key=lambda item: (item.position, item.alternative_to_id is not None))
    return {
        "quote": quote,
        "practice": quote.practice,
        "birth_date": born.isoformat(),
        "refusal": refusal,
        "lines": [
            {
                "item": item,
                "price": money(quote, item.price),
                "remainder": money(quote, item.remainder_amount),
            }
            for item in items
        ],
        "total": money(quote, quote.total_amount),
        "remainder": money(quote, quote.remainder_amount),
        "open": quote.status == Quote.Status.ISSUED,
        "has_alternatives": any(item.alternative_to_id for item in items),
    }


def file_of(quote: Quote) -> HttpResponse:
    """Hand the file out; the copy is counted and audited."""
    document = document_of_quote(quote)
    if not document.is_rendered:
        return HttpResponse(_("The file is still being made. Try again in a moment."), status=202)
    copy = hand_out(actor=LINK, document=document)
    headers = {"Content-Disposition": attachment(copy.file_name)}
    return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)


def parse_or_none(text: str) -> date | None:
    """Read a date; None for anything else."""
    try:
        return parse_date(text)
    except ValueError:
        return None


def key_or_none(text: str) -> UUID | None:
    """Read a key; None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def shown(
    request: HttpRequest,
    context: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """Render the page; its address is a secret, which other sites are not told as a referrer.

    "No referrer" at all would make browsers send `Origin: null` with the form, which the check of forms refuses.
    """
    page = render(request, "billing/answer.html", context, status=status)
    page.headers["Referrer-Policy"] = "same-origin"
    page.headers["X-Robots-Tag"] = "noindex"
    for name, value in (headers or {}).items():
        page.headers[name] = value
    return page
