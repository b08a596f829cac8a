"""Too much in too little time."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from apps.insurance.fraud.facts import Facts, Frequency
from apps.insurance.fraud.rules import Hit, Settings, gravest


def frequency(facts: Facts, settings: Settings) -> Hit | None:
    """Count the quantity of a code in its window, this claim included; each one too many raises the tier.

    The insurer's own limit for the code comes first, else the contract's.
    """
    if facts.person.chronic:
        return None

    def excess(code: str) -> Hit | None:
        limit = _limit(facts, settings, code)
        if limit is None:
            return None
        around = timedelta(days=limit.days)
        day = facts.claim.service_date
        past = [p for p in facts.history if p.code == code and day - around < p.service_date < day + around]
        asked = [line for line in facts.claim.lines if line.code == code]
        used = sum(p.quantity for p in past) + sum(line.quantity for line in asked)
        if used <= limit.max_quantity:
            return None
        return Hit(
            min(used - limit.max_quantity, len(settings.weights)) - 1,
            observed=used,
            threshold=limit.max_quantity,
            lines=tuple(line.sequence for line in asked),
            claims=tuple(sorted({p.claim for p in past})),
        )

    return gravest(excess(code) for code in sorted({line.code for line in facts.claim.lines}))


def _limit(facts: Facts, settings: Settings, code: str) -> Frequency | None:
    traits = settings.traits(code)
    if traits.max_quantity is not None and traits.per_days is not None:
        return Frequency(traits.max_quantity, traits.per_days)
    return facts.frequencies.get(code)


def impossible_day(facts: Facts, settings: Settings) -> Hit | None:
    """Add up the minutes and the patients of the practitioner's day.

    Minutes are typical, so the mild tier and the number of patients only ask for a review.
    """
    day = facts.practitioner_day
    if day is None:
        return None
    minutes = day.minutes + sum(line.minutes * line.quantity for line in facts.claim.lines)
    hours = Fraction(minutes, 60)
    for tier, limit in ((1, settings["hours_high"]), (0, settings["hours"])):
        if hours > limit:
            return Hit(tier, observed=hours, threshold=limit, reason="hours")
    patients = day.other_patients + 1
    if patients > settings["patients"]:
        return Hit(0, observed=patients, threshold=settings["patients"], reason="patients")
    return None


def provider_velocity(facts: Facts, settings: Settings) -> Hit | None:
    """Count the claims the provider files within ten minutes, and within an hour beside its own usual ones."""
    pace = facts.pace
    if pace.last_ten_minutes + 1 > settings["claims_in_10_minutes"]:
        return Hit(
            0,
            observed=pace.last_ten_minutes + 1,
            threshold=settings["claims_in_10_minutes"],
            reason="ten_minutes",
        )
    usual = settings["p99_factor"] * pace.hour_p99
    if pace.hours_seen >= settings["min_hours"] and pace.last_hour + 1 > usual > 0:
        return Hit(0, observed=pace.last_hour + 1, threshold=usual, reason="hour")
    return None


def patient_velocity(facts: Facts, settings: Settings) -> Hit | None:
    """Count the person's claims of one day, and the providers of one type they are said to have seen."""
    if facts.day_claims + 1 > settings["claims"]:
        return Hit(0, observed=facts.day_claims + 1, threshold=settings["claims"], reason="claims")
    if facts.day_other_providers + 1 > settings["providers"]:
        return Hit(
            0, observed=facts.day_other_providers + 1, threshold=settings["providers"], reason="providers"
        )
    return None


def limit_drain(facts: Facts, settings: Settings) -> Hit | None:
    """Measure how much of the annual limit thirty days have used, this claim included."""
    if facts.claim.type == "hospitalization" or not facts.annual_limit:
        return None
    used = facts.covered_in_30_days + facts.claim.covered
    if not facts.claim.covered or 100 * used <= settings["percent"] * facts.annual_limit:
        return None
    return Hit(0, observed=Fraction(100 * used, facts.annual_limit), threshold=settings["percent"])
