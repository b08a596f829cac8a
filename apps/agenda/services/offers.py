"""Times that came free, offered to those who wait: one after the other, each until a moment; the first answer has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.agenda.links import offer_link_of
from apps.agenda.matching import ranked_matches
from apps.agenda.models import FreedSlot, Occupancy, WaitlistEntry, WaitlistOffer
from apps.agenda.services.booking import book_appointment
from apps.agenda.services.freed import NOTICE
from apps.agenda.services.reminders import due_moment
from apps.agenda.services.waiting import waiting
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practitioner, Room
from apps.notifications.errors import InvalidRecipient, NoTemplate
from apps.notifications.services import cancel_for, enqueue

TEMPLATE: Final = "appointment.offer"
CAUSE: Final = "agenda.waitlist_offer"
STANDS: Final = timedelta(minutes=45)
State = WaitlistOffer.State


class OfferGone(DomainError):
    """The offer was answered, has run out, or the time is taken."""

    code = "OFFER_GONE"
    message = gettext_lazy("This offer does not stand any more.")


class Unreachable(DomainError):
    """There is no way to send this patient an offer."""

    code = "PATIENT_UNREACHABLE"
    message = gettext_lazy("This patient cannot be written to: no address, or messages are not wanted.")


@service("agenda.waitlist.offer")
def offer_time(
    *,
    actor: Viewer,
    entry: WaitlistEntry,
    practitioner: Practitioner,
    room: Room,
    starts_at: datetime,
    at: datetime,
    slot: FreedSlot | None = None,
) -> WaitlistOffer:
    """Offer a time to one waiting patient by message.

    Several may be offered one time: whoever accepts first has it. Refuses one who does not wait (NotWaiting) or cannot
    be written to (Unreachable), an open offer, a time that is past or taken, and anything of another practice.
    """
    row = waiting(entry)
    for name, thing in (("practitioner", practitioner), ("room", room)):
        if thing.practice_id != row.practice_id or not thing.is_active:
            raise InvalidInput(**{name: [_("This does not exist.")]})
    ends_at = starts_at + timedelta(minutes=row.minutes)
    if starts_at <= at:
        raise InvalidInput(starts_at=[_("This time has passed.")])
    if row.offers.filter(state=State.OPEN).exists():
        raise InvalidInput(_("This patient already has an open offer."))
    wanted = [practitioner.pk, room.pk, row.patient_id]
    if Occupancy.objects.of_resources(wanted).filter(period__overlap=(starts_at, ends_at)).exists():
        raise InvalidInput(starts_at=[_("This time is already taken.")])
    channels = row.patient.reminder_channels
    if not channels:
        raise Unreachable
    due_at = max(at, due_moment(at, timedelta(), row.practice.zone))
    offer = WaitlistOffer(
        practice_id=row.practice_id,
        entry=row,
        slot=slot,
        practitioner=practitioner,
        room=room,
        starts_at=starts_at,
        ends_at=ends_at,
        offered_at=at,
        expires_at=min(due_at + STANDS, starts_at),
        channel=channels[0],
    )
    offer.save(force_insert=True)
    send_offer(actor, offer, due_at, at)
    return offer


def send_offer(actor: Viewer, offer: WaitlistOffer, due_at: datetime, at: datetime) -> None:
    """Queue the message: a time and a link, no word of what for."""
    patient, practice = offer.entry.patient, offer.entry.practice
    try:
        enqueue(
            actor=actor,
            practice=practice,
            template=TEMPLATE,
            channel=offer.channel,
            recipient=patient.phone if offer.channel == "sms" else patient.email,
            language=patient.language,
            context={
                "starts_at": offer.starts_at,
                "until": offer.expires_at.astimezone(practice.zone).strftime("%H:%M"),
                "link": offer_link_of(offer),
            },
            due_at=due_at,
            unique_key=f"waitlist-offer:{offer.pk}",
            cause_type=CAUSE,
            cause_id=offer.pk,
            at=at,
            expires_at=offer.expires_at,
        )
    except (InvalidRecipient, NoTemplate) as error:
        raise Unreachable from error


def can_accept(offer: WaitlistOffer, at: datetime) -> bool:
    """Say whether an offer still stands."""
    return offer.state == State.OPEN and at < offer.expires_at


@service("agenda.waitlist.accept")
def accept_offer(*, actor: Viewer, offer: WaitlistOffer, at: datetime) -> WaitlistOffer:
    """Book what was offered, if it is still there: the answer's state is accepted, or lost when somebody was faster.

    Refuses an offer that was answered or has run out (OfferGone).
    """
    row = standing(offer, at)
    entry = row.entry
    try:
        with transaction.atomic():
            row.appointment = book_appointment(
                actor=actor,
                practice=entry.practice,
                patient=entry.patient,
                practitioner=row.practitioner,
                room=row.room,
                type=entry.type,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                at=at,
            )
    except DomainError:
        # Taken, or the practice has closed meanwhile: for the patient it is gone either way.
        return settle(row, State.LOST, at)
    settle(row, State.ACCEPTED, at)
    entry.status, entry.appointment = WaitlistEntry.Status.BOOKED, row.appointment
    entry.save(update_fields=["status", "appointment", "updated_at"])
    if row.slot_id:
        FreedSlot.objects.filter(pk=row.slot_id, closed_at=None).update(closed_at=at)
    return row


@service("agenda.waitlist.decline")
def decline_offer(*, actor: Viewer, offer: WaitlistOffer, at: datetime) -> WaitlistOffer:
    """Note that the patient does not want this time; they stay on the list. Refuses as accepting does."""
    return settle(standing(offer, at), State.DECLINED, at)


def standing(offer: WaitlistOffer, at: datetime) -> WaitlistOffer:
    """Lock entry and offer, in this order everywhere, and refuse an offer that no longer stands."""
    WaitlistEntry.objects.select_for_update(no_key=True, of=("self",)).get(pk=offer.entry_id)
    rows = WaitlistOffer.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "entry__practice", "entry__patient", "entry__type", "practitioner", "room"
    )
    row: WaitlistOffer = rows.get(pk=offer.pk)
    if not can_accept(row, at) or row.entry.status != WaitlistEntry.Status.WAITING:
        raise OfferGone(state=row.state)
    return row


def settle(offer: WaitlistOffer, state: str, at: datetime) -> WaitlistOffer:
    """Write how an offer ended."""
    offer.state, offer.answered_at = state, at
    offer.save(update_fields=["state", "answered_at", "appointment", "updated_at"])
    return offer


def tend_waitlist(*, actor: Viewer, at: datetime) -> int:
    """End offers whose time is up and make the next ones; return how many were made. Safe to run twice, or by two."""
    expire_offers(actor=actor, at=at)
    free = FreedSlot.objects.filter(closed_at=None).order_by("starts_at", "pk")
    # A transaction each: nobody who answers waits for the whole round.
    return sum(offer_freed(actor=actor, slot_id=key, at=at) for key in free.values_list("pk", flat=True))


@service("agenda.waitlist.expire")
def expire_offers(*, actor: Viewer, at: datetime) -> int:
    """End the offers whose time is up; return how many. One that is being answered is left for the next round."""
    over = WaitlistOffer.objects.filter(state=State.OPEN, expires_at__lte=at).order_by("pk")
    ended = list(over.select_for_update(skip_locked=True, no_key=True, of=("self",)))
    for offer in ended:
        settle(offer, State.EXPIRED, at)
        cancel_for(actor=actor, cause_type=CAUSE, cause_id=offer.pk, at=at)
    return len(ended)


@service("agenda.waitlist.offer_freed")
def offer_freed(*, actor: Viewer, slot_id: UUID, at: datetime) -> bool:
    """Offer one freed time to the next who fits; say whether an offer was made. One under way elsewhere is left."""
    free = FreedSlot.objects.filter(pk=slot_id, closed_at=None)
    rows = free.select_related("practice", "practitioner", "room")
    slot = rows.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
    return slot is not None and offer_next(actor, slot, at)


def offer_next(actor: Viewer, slot: FreedSlot, at: datetime) -> bool:
    """Offer a freed time to the next who fits, unless somebody is thinking it over; say whether an offer was made.

    The slot is closed once it is taken, too near, or nobody is left to ask.
    """
    if WaitlistOffer.objects.filter(slot=slot, state=State.OPEN).exists():
        return False
    period = (slot.starts_at, slot.ends_at)
    held = Occupancy.objects.of_resources([slot.practitioner_id, slot.room_id])
    if slot.starts_at >= at + NOTICE and not held.filter(period__overlap=period).exists():
        for entry in ranked_matches(slot):
            try:
                with transaction.atomic():
                    offer_time(
                        actor=actor,
                        entry=entry,
                        practitioner=slot.practitioner,
                        room=slot.room,
                        starts_at=slot.starts_at,
                        slot=slot,
                        at=at,
                    )
            except DomainError:
                continue  # booked, gone or out of reach since: the next one is asked
            return True
    slot.closed_at = at
    slot.save(update_fields=["closed_at", "updated_at"])
    return False
