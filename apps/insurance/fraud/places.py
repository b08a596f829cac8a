"""Places and hours that do not fit."""

from __future__ import annotations

from datetime import datetime, time
from fractions import Fraction

from apps.insurance.fraud.facts import Facts, Line, Visit
from apps.insurance.fraud.figures import haversine_km
from apps.insurance.fraud.prices import peers_of
from apps.insurance.fraud.rules import Hit, Settings, gravest


def far(facts: Facts, settings: Settings) -> Hit | None:
    """Measure how far from home the care took place; people travel for hospitals and in emergencies."""
    home, place = facts.person.home, facts.provider.place
    if facts.claim.type == "hospitalization" or facts.claim.is_urgent or home is None or place is None:
        return None
    distance = haversine_km(home, place)
    for tier, limit in ((1, settings["km_high"]), (0, settings["km"])):
        if distance > limit:
            return Hit(tier, observed=distance, threshold=limit)
    return None


def travel(facts: Facts, settings: Settings) -> Hit | None:
    """Ask how fast the person must have travelled between two providers.

    Times are known when both claims were filed at the counter, on the day of care; else only the distance within one
    day speaks, and more softly.
    """
    here = facts.provider.place
    if here is None or facts.claim.type == "hospitalization":
        return None
    now = facts.claim.entered_at if facts.claim.entered_on_the_day else None

    def journey(visit: Visit) -> Hit | None:
        if visit.provider == facts.provider.id or visit.place is None:
            return None
        distance = haversine_km(here, visit.place)
        if now is not None and visit.at is not None:
            hours = abs((now - visit.at).total_seconds()) / 3600
            if distance > settings["km"] and distance > float(settings["km_per_hour"]) * hours:
                speed = distance / hours if hours else distance * 3600
                return Hit(1, observed=speed, threshold=settings["km_per_hour"], claims=(visit.claim,))
            return None
        if visit.day == facts.claim.service_date and distance > settings["km_same_day"]:
            return Hit(0, observed=distance, threshold=settings["km_same_day"], claims=(visit.claim,))
        return None

    return gravest(journey(visit) for visit in facts.visits)


def out_of_hours(facts: Facts, settings: Settings) -> Hit | None:
    """Find care on a closed day, or a claim filed while the provider is closed or at night.

    Clinics never close, and a pharmacy on call either says so in its hours or is exempted by the insurer.
    """
    provider, claim = facts.provider, facts.claim
    if provider.kind == "clinic":
        return None
    clock = Fraction(claim.entered_at.hour * 60 + claim.entered_at.minute, 60)
    receives = _receives(facts, claim.entered_at, int(settings["grace_minutes"]))
    if (clock >= settings["night_from"] or clock < settings["night_until"]) and not receives:
        return Hit(0, observed=clock, threshold=settings["night_from"], reason="night")
    if claim.type not in {"consultation", "laboratory"}:
        return None
    weekday = claim.service_date.isoweekday()
    if facts.holiday:
        return Hit(0, observed=weekday, threshold=0, reason="holiday")
    if weekday == 7 and not any(opening.weekday == 7 for opening in provider.hours):
        return Hit(0, observed=weekday, threshold=7, reason="sunday")
    if claim.entered_on_the_day and provider.hours and not receives:
        return Hit(0, observed=clock, threshold=0, reason="closed")
    return None


def _receives(facts: Facts, moment: datetime, grace: int) -> bool:
    """Say whether the provider states hours that hold this moment, or ended a little before it."""
    minute = moment.hour * 60 + moment.minute
    return any(
        opening.weekday == moment.isoweekday()
        and _minutes(opening.opens) <= minute < _minutes(opening.closes) + grace
        for opening in facts.provider.hours
    )


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def waiting_edge(facts: Facts, settings: Settings) -> Hit | None:
    """Find a first claim just after the waiting period, dearer than what nearly all peers ask."""
    first = facts.first_payable_day
    if first is None or facts.has_earlier_claims:
        return None
    days = (facts.claim.service_date - first).days
    if not 0 <= days < settings["days"]:
        return None

    def dear(line: Line) -> Hit | None:
        peers = peers_of(facts, line.code, settings["min_peers"])
        if peers is None or line.unit_price <= peers.p95:
            return None
        return Hit(0, observed=line.unit_price, threshold=peers.p95, lines=(line.sequence,))

    return gravest(dear(line) for line in facts.claim.lines)
