"""What a patient decides about a quote, and what time decides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.billing.models import BillingDocument, Quote, QuoteDecision, QuoteItem
from apps.billing.services.quotes import is_valid_on, locked_quote
from apps.billing.states import QUOTE
from apps.clinical.services import record_treatment
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service


class QuoteExpired(DomainError):
    """The offer no longer stands."""

    code = "QUOTE_EXPIRED"
    message = _("This quote is no longer valid. Ask for a new one.")


class DocumentNotReady(DomainError):
    """Nobody signs a file that is not there yet."""

    code = "DOCUMENT_NOT_READY"
    message = _("The file is still being made. Try again in a moment.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who decided, and from where."""

    signer_name: str
    channel: str = QuoteDecision.Channel.PRACTICE
    address: str | None = None


@service("billing.quote.accept")
def accept_quote(
    *,
    actor: Viewer,
    quote: Quote,
    signature: Signature,
    alternatives: Collection[UUID] = (),
    at: datetime,
) -> Quote:
    """Record a signed acceptance and plan the treatments; `alternatives` are chosen instead of their lines.

    The signature holds the SHA-256 of the file the patient read. A specimen plans nothing. Refuses
    ILLEGAL_TRANSITION, QUOTE_EXPIRED, DOCUMENT_NOT_READY, and an alternative that is not on the quote.
    """
    quote = locked_quote(quote)
    status = QUOTE.next_state(quote.status, "accept", quote)
    if not is_valid_on(quote, at.astimezone(quote.practice.zone).date()):
        raise QuoteExpired(valid_until=str(quote.valid_until))
    document = BillingDocument.objects.filter(quote=quote).first()
    if document is None or not document.is_rendered:
        raise DocumentNotReady
    if not signature.signer_name.strip():
        raise InvalidInput(signer_name=[str(_("Name who signs."))])
    items = list(quote.items.select_related("act").order_by("position", "pk"))
    choose(items, alternatives)
    for item in items:
        if item.is_chosen and not quote.is_training:
            item.treatment = record_treatment(
                actor=actor,
                patient=quote.patient,
                act=item.act,
                practitioner=quote.practitioner,
                tooth=item.tooth,
                surfaces=item.surfaces,
                price=item.price,
                at=at,
            )
        item.save(update_fields=["is_chosen", "treatment", "updated_at"])
    decide(quote, status, signature, at=at, document_sha256=document.sha256)
    return quote


@service("billing.quote.refuse")
def refuse_quote(
    *, actor: Viewer, quote: Quote, signature: Signature, reason: str = "", at: datetime
) -> Quote:
    """Record that the patient does not want the care offered. Refuses ILLEGAL_TRANSITION."""
    quote = locked_quote(quote)
    decide(quote, QUOTE.next_state(quote.status, "refuse", quote), signature, at=at, reason=reason.strip())
    return quote


@service("billing.quote.expire")
def expire_quotes(*, actor: Viewer, at: datetime) -> int:
    """Close the quotes whose validity ended, each by its practice's calendar; return how many."""
    done = 0
    # Each practice's own day decides; one ahead of UTC is reached by the next round.
    rows = Quote.objects.overdue(at.date()).select_related("practice").order_by("pk")
    for quote in rows.select_for_update(of=("self",), skip_locked=True):
        if is_valid_on(quote, at.astimezone(quote.practice.zone).date()):
            continue
        quote.status = QUOTE.next_state(quote.status, "expire", quote)
        quote.save(update_fields=["status", "updated_at"])
        done += 1
    return done


def choose(items: list[QuoteItem], alternatives: Collection[UUID]) -> None:
    """Mark what the patient wants: each line, or the alternative beside it."""
    wanted = set(alternatives)
    instead = {item.alternative_to_id for item in items if item.pk in wanted and item.alternative_to_id}
    if len(instead) != len(wanted):
        raise InvalidInput(alternatives=[str(_("This alternative is not on the quote."))])
    for item in items:
        item.is_chosen = item.pk in wanted if item.alternative_to_id else item.pk not in instead


def decide(
    quote: Quote,
    status: str,
    signature: Signature,
    *,
    at: datetime,
    reason: str = "",
    document_sha256: str = "",
) -> None:
    """Write the decision and the state it leads to."""
    decision = QuoteDecision(
        practice_id=quote.practice_id,
        quote=quote,
        decision=status,
        channel=signature.channel,
        signer_name=signature.signer_name.strip(),
        reason=reason,
        document_sha256=document_sha256,
        decided_at=at,
        address=signature.address,
    )
    decision.clean_fields(exclude=["practice", "quote"])
    decision.save()
    quote.status = status
    quote.save(update_fields=["status", "updated_at"])
