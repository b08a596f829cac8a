"""The public pages behind the links of messages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.agenda.links import appointment_of, offer_of
from apps.agenda.services.answers import LinkSpent, answer_appointment, can_answer
from apps.agenda.services.offers import OfferGone, accept_offer, can_accept, decline_offer
from apps.core.errors import DependencyDown
from apps.core.limits import reserve
from apps.core.middleware import client_address
from apps.core.scope import SystemActor

LINK = SystemActor("agenda-link")
PER_MINUTE = 20
ANSWERS = {"yes": True, "no": False}
ANSWER, OFFER = "agenda/answer.html", "agenda/offer.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the visit's time and take a yes or a no; opening the page changes nothing, previews do that."""
    try:
        wait = reserve(f"link:{client_address(request)}", limit=PER_MINUTE, window=60)
    except DependencyDown:
        wait = 0  # without Redis a patient can still answer: the token alone is beyond guessing
    if wait:
        return HttpResponse(status=429, headers={"Retry-After": str(wait)})
    appointment = appointment_of(token)
    if appointment is None:
        return shown(request, {}, status=404)
    with override(appointment.patient.language), timezone.override(appointment.practice.zone):
        at = timezone.now()
        answer = ANSWERS.get(request.POST.get("coming", "")) if request.method == "POST" else None
        status = 200
        if answer is not None:
            try:
                appointment = answer_appointment(actor=LINK, appointment=appointment, coming=answer, at=at)
            except LinkSpent:
                status = 409
        return shown(
            request,
            {
                "appointment": appointment,
                "practice": appointment.practice,
                "starts_at": appointment.starts_at,
                "open": can_answer(appointment, at),
            },
            status=status,
        )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def offer_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a time that came free and take it or leave it; opening the page changes nothing."""
    try:
        wait = reserve(f"link:{client_address(request)}", limit=PER_MINUTE, window=60)
    except DependencyDown:
        wait = 0
    if wait:
        return HttpResponse(status=429, headers={"Retry-After": str(wait)})
    offer = offer_of(token)
    if offer is None:
        return shown(request, {}, status=404, template=OFFER)
    with override(offer.entry.patient.language), timezone.override(offer.practice.zone):
        at, status = timezone.now(), 200
        answer = ANSWERS.get(request.POST.get("take", "")) if request.method == "POST" else None
        if answer is not None:
            try:
                offer = (accept_offer if answer else decline_offer)(actor=LINK, offer=offer, at=at)
                status = 409 if offer.state == offer.State.LOST else 200
            except OfferGone:
                offer.refresh_from_db()
                status = 409
        context = {"offer": offer, "practice": offer.practice, "open": can_accept(offer, at)}
        return shown(request, context, status=status, template=OFFER)


def shown(
    request: HttpRequest, context: dict[str, object], status: int, template: str = ANSWER
) -> HttpResponse:
    """Render the page; its address is a secret, which other sites are not told as a referrer.

    "No referrer" at all would make browsers send `Origin: null` with the form, which the check of forms refuses.
    """
    page = render(request, template, context, status=status)
    page.headers["Referrer-Policy"] = "same-origin"
    page.headers["X-Robots-Tag"] = "noindex"
    return page
