"""An insurer's rules: their schema, what the schema cannot say, and how a change is merged in."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput
from apps.core.hooks import Hook
from apps.core.schemas import Schema
from apps.directory.identifiers import validate_timezone

CONFIG: Final = Schema(Path(__file__).parent / "schemas" / "insurer_config.json")
# What higher apps put into the rules is checked by them; they answer sentences, `path: what is wrong`.
insurer_config_problems: Final = Hook[[dict[str, Any]], list[str]]("insurer_config_problems")

REVIEW_AT, BLOCK_AT = 30, 70


def merged(document: Any, patch: Any) -> Any:
    """Return a document with a patch applied as RFC 7396 says: objects merge, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def check_config(config: Any) -> None:
    """Raise InvalidInput for the field `config` unless an insurer can run by these rules."""
    CONFIG.check(config, "config")
    problems = [*contradictions(config)]
    for found in insurer_config_problems.gather(config):
        problems += found
    if problems:
        raise InvalidInput(config=problems)


def contradictions(config: dict[str, Any]) -> list[str]:
    """Return what the schema cannot say: limits in the wrong order, a zone nobody knows, rates that overlap."""
    found = []
    if "timezone" in config:
        try:
            validate_timezone(config["timezone"])
        except ValidationError as error:
            found.append(f"config.timezone: {error.messages[0]}")
    fraud = config.get("fraud", {})
    if fraud.get("block_at", BLOCK_AT) < fraud.get("review_at", REVIEW_AT):
        found.append("config.fraud.block_at: " + _("This should not be lower than the score of a review."))
    retentions = config.get("reconciliation", {}).get("retentions", [])
    for number, retention in enumerate(retentions):
        since, until = retention.get("valid_from"), retention.get("valid_to")
        if since and until and until < since:
            where = f"config.reconciliation.retentions[{number}].valid_to"
            found.append(f"{where}: " + _("The last day must not come before the first."))
    for (_one, first), (number, second) in combinations(enumerate(retentions), 2):
        if first["code"] == second["code"] and overlap(first, second):
            where = f"config.reconciliation.retentions[{number}]"
            found.append(f"{where}: " + _("Another rate of this code holds for the same days and providers."))
    return found


def overlap(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two dated rates of one code hold on a common day for a common kind of provider; days are inclusive."""
    days = (first.get("valid_from") or "") <= (second.get("valid_to") or "9999-12-31") and (
        second.get("valid_from") or ""
    ) <= (first.get("valid_to") or "9999-12-31")
    kinds = set(first.get("provider_types") or ()), set(second.get("provider_types") or ())
    return days and (not kinds[0] or not kinds[1] or bool(kinds[0] & kinds[1]))
