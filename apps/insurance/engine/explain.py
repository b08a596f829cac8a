"""The sentences of a price, in French, English and Arabic, from one template per rule and language.

Language is an argument and the templates are data: a stored decision reads the same whoever asks, and the engine
needs no catalogue of Django's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from apps.core.money import format_number
from apps.insurance.engine.phrases import ENDINGS, JOINTS, PHRASES
from apps.insurance.engine.types import Adjustment, LineResult, Step

LANGUAGES: Final = ("fr", "en", "ar")

# Parameters that are amounts, rates and days: they are written the way of the language.
_AMOUNTS: Final = frozenset({"asked", "price", "base", "deductible", "copay", "paid", "cap", "above"})
_RATES: Final = frozenset({"rate_bp", "share_bp"})
_DAYS: Final = frozenset({"first_day", "last_day", "service_date"})


def explain(line: LineResult, currency: str, language: str) -> str:
    """Return why a line is priced as it is, as one sentence."""
    return explain_steps(
        line.steps,
        line.adjustments,
        copay=line.copay - line.prior_paid,
        writeoff=line.writeoff,
        currency=currency,
        language=language,
    )


def explain_steps(
    steps: Sequence[Step],
    adjustments: Sequence[Adjustment],
    *,
    copay: int,
    writeoff: int,
    currency: str,
    language: str,
) -> str:
    """Return the sentence of stored steps and adjustments; an unknown language is answered in French."""
    language = language.lower()[:2]
    language = language if language in LANGUAGES else LANGUAGES[0]
    parts = [_phrase(step, currency, language) for step in steps]
    parts += _rest(adjustments, copay, writeoff, currency, language)
    text = JOINTS[language].join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _phrase(step: Step, currency: str, language: str) -> str:
    values = {name: _written(name, value, currency, language) for name, value in step.params.items()}
    values["after"] = format_number(step.after, currency, language)
    values["before"] = format_number(step.before, currency, language)
    if step.rule.startswith("LIMIT_") and "left" in step.params:
        values["left"] = format_number(step.params["left"], currency, language)
    # A line that names a prior agreement is told that this one does not do.
    is_quoted = step.rule == "PREAUTH_MISSING" and "left" in step.params
    return PHRASES["PREAUTH_SPENT" if is_quoted else step.rule][language].format_map(_Known(values))


def _rest(
    adjustments: Sequence[Adjustment], copay: int, writeoff: int, currency: str, language: str
) -> list[str]:
    """Say what is left to the patient, how much of it is excess, and what nobody may ask of the patient."""
    endings = ENDINGS[language]
    parts = []
    if copay:
        rest = endings["copay"].format(amount=format_number(copay, currency, language))
        excess = sum(a.amount for a in adjustments if a.group == "PR" and a.carc == "45")
        if excess:
            rest += endings["excess"].format(amount=format_number(excess, currency, language))
        parts.append(rest)
    if writeoff:
        parts.append(endings["writeoff"].format(amount=format_number(writeoff, currency, language)))
    return parts


def _written(name: str, value: Any, currency: str, language: str) -> str:
    if name in _AMOUNTS:
        return format_number(value, currency, language)
    if name in _RATES:
        return _percent(value, language)
    if name in _DAYS:
        return _day(date.fromisoformat(value), language)
    return str(value)


def _percent(rate_bp: int, language: str) -> str:
    whole, rest = divmod(rate_bp, 100)
    digits = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    return f"{digits}%" if language == "en" else f"{digits.replace('.', ',')}\u00a0%"


def _day(day: date, language: str) -> str:
    return day.isoformat() if language == "en" else f"{day:%d/%m/%Y}"


class _Known(dict[str, str]):
    """A stored step of an older engine may lack a parameter; the sentence then shows a dash, not an error."""

    def __missing__(self, key: str) -> str:
        return "–"


def phrases_missing(rules: Mapping[str, Any]) -> list[str]:
    """Return the rules without a phrase in some language; a test holds it to none."""
    return [rule for rule in rules if set(PHRASES.get(rule, {})) != set(LANGUAGES)]
