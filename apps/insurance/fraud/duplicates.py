"""The same thing asked for twice."""

from __future__ import annotations

from collections.abc import Iterator

from apps.insurance.fraud.facts import Facts, Line, PastLine
from apps.insurance.fraud.rules import Hit, Settings, gravest


def exact(facts: Facts, settings: Settings) -> Hit | None:
    """Find a live claim of the same content.

    A retry of the network carries its first idempotency key, is answered from what is stored, and never gets here.
    """
    if facts.repeats is None:
        return None
    lines = tuple(line.sequence for line in facts.claim.lines)
    return Hit(0, observed=1, threshold=settings["repeats"], lines=lines, claims=(facts.repeats,))


def line(facts: Facts, settings: Settings) -> Hit | None:
    """Find a line of the same day, code and place that was already paid for the same person."""

    def repeats(asked: Line, past: PastLine) -> bool:
        same = (past.code, past.tooth, past.service_date) == (
            asked.code,
            asked.tooth,
            facts.claim.service_date,
        )
        return same and past.paid and not (asked.repeatable or settings.traits(asked.code).repeatable)

    return gravest(
        Hit(0, observed=1, threshold=settings["repeats"], lines=(asked.sequence,), claims=(past.claim,))
        for asked, past in _pairs(facts)
        if repeats(asked, past)
    )


def near(facts: Facts, settings: Settings) -> Hit | None:
    """Find a line of the same code within days, for about the same amount."""

    def resembles(asked: Line, past: PastLine) -> bool:
        traits = settings.traits(asked.code)
        if asked.repeatable or traits.in_sessions or traits.repeatable:
            return False
        if asked.tooth and past.tooth and asked.tooth != past.tooth:
            return False
        days = abs((facts.claim.service_date - past.service_date).days)
        return (
            days <= settings["days"]
            and 100 * abs(asked.total - past.total) <= settings["percent"] * past.total
        )

    return gravest(
        Hit(
            0,
            observed=abs((facts.claim.service_date - past.service_date).days),
            threshold=settings["days"],
            lines=(asked.sequence,),
            claims=(past.claim,),
        )
        for asked, past in _pairs(facts)
        if resembles(asked, past)
    )


def _pairs(facts: Facts) -> Iterator[tuple[Line, PastLine]]:
    """Yield each line with each earlier one of its code."""
    of_code: dict[str, list[PastLine]] = {}
    for past in facts.history:
        of_code.setdefault(past.code, []).append(past)
    for asked in facts.claim.lines:
        for past in of_code.get(asked.code, ()):
            yield asked, past
