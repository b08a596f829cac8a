"""Acts that do not fit together, the mouth or the person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from apps.insurance.fraud.facts import Facts, Line, PastLine
from apps.insurance.fraud.rules import Hit, Settings, gravest


def incompatible(facts: Facts, settings: Settings) -> Hit | None:
    """Find two acts that exclude each other: on the same claim or day, on the same tooth, or in the same stay."""
    if not facts.incompatible:
        return None
    day = facts.claim.service_date
    same_day = [past for past in facts.history if past.service_date == day]

    def clash(a: str, tooth_a: str, b: str, tooth_b: str) -> bool:
        if frozenset((a, b)) in facts.associated:
            return False
        scopes = {scope for x, y, scope in facts.incompatible if {x, y} == {a, b}}
        return bool(scopes - {"tooth"}) or ("tooth" in scopes and bool(tooth_a) and tooth_a == tooth_b)

    def hits() -> Iterator[Hit]:
        for i, line in enumerate(facts.claim.lines):
            for other in facts.claim.lines[i + 1 :]:
                if clash(line.code, line.tooth, other.code, other.tooth):
                    yield Hit(
                        0, observed=1, threshold=settings["pairs"], lines=(line.sequence, other.sequence)
                    )
            for past in same_day:
                if clash(line.code, line.tooth, past.code, past.tooth):
                    yield Hit(
                        0,
                        observed=1,
                        threshold=settings["pairs"],
                        lines=(line.sequence,),
                        claims=(past.claim,),
                    )

    return gravest(hits())


def tooth_absent(facts: Facts, settings: Settings) -> Hit | None:
    """Find an act on a tooth that was extracted before, be it a second extraction.

    What replaces a tooth is spared. A milk tooth and its successor have different numbers: they are different teeth.
    On one day the order of acts is not known, save that a tooth is extracted once.
    """
    day = facts.claim.service_date
    extracted = [past for past in facts.history if past.tooth and settings.traits(past.code).extraction]

    def gone(line: Line, past: PastLine) -> bool:
        if not line.tooth or line.tooth != past.tooth or not is_tooth(line.tooth):
            return False
        traits = settings.traits(line.code)
        if traits.without_tooth:
            return False
        return past.service_date < day or traits.extraction

    return gravest(
        Hit(0, observed=1, threshold=settings["extractions"], lines=(line.sequence,), claims=(past.claim,))
        for line in facts.claim.lines
        for past in extracted
        if gone(line, past)
    )


def is_tooth(place: str) -> bool:
    """Say whether a place is a tooth (FDI) and not an arch or a sextant (ISO 3950)."""
    return len(place) == 2 and place[0] in "12345678" and place[1] in "12345678"


def surface_repeat(facts: Facts, settings: Settings) -> Hit | None:
    """Find a filling on a surface that was filled within a year; an injury explains it."""
    day = facts.claim.service_date

    def again(line: Line, past: PastLine) -> bool:
        fillings = settings.traits(line.code).filling and settings.traits(past.code).filling
        if not fillings or line.trauma or not line.tooth or line.tooth != past.tooth:
            return False
        if not set(line.surfaces) & set(past.surfaces):
            return False
        return past.service_date < day < months_after(past.service_date, int(settings["months"]))

    return gravest(
        Hit(
            0,
            observed=(day - past.service_date).days,
            threshold=(months_after(past.service_date, int(settings["months"])) - past.service_date).days,
            lines=(line.sequence,),
            claims=(past.claim,),
        )
        for line in facts.claim.lines
        if line.surfaces
        for past in facts.history
        if again(line, past)
    )


def months_after(day: date, months: int) -> date:
    """Return the same day some months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise ValueError(day)


def age_sex(facts: Facts, settings: Settings) -> Hit | None:
    """Find an act that is not done at this age, or not on this sex; what is not known accuses nobody."""
    age = age_on(facts.person.birth_date, facts.claim.service_date)

    def misfit(line: Line) -> Hit | None:
        traits = settings.traits(line.code)
        if age is not None and traits.min_age is not None and age < traits.min_age:
            return Hit(0, observed=age, threshold=traits.min_age, lines=(line.sequence,), reason="too_young")
        if age is not None and traits.max_age is not None and age > traits.max_age:
            return Hit(0, observed=age, threshold=traits.max_age, lines=(line.sequence,), reason="too_old")
        if traits.sex and facts.person.sex and traits.sex != facts.person.sex:
            return Hit(0, observed=1, threshold=0, lines=(line.sequence,), reason="sex")
        return None

    return gravest(misfit(line) for line in facts.claim.lines)


def age_on(birth: date | None, day: date) -> int | None:
    """Return completed years on a day."""
    if birth is None:
        return None
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
