"""What the schema of an insurer's config cannot know of the fraud rules: their names, thresholds and tiers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.insurance.fraud.catalogue import BY_CODE


def fraud_problems(config: dict[str, Any]) -> list[str]:
    """Return a sentence for each setting of `config.fraud.rules` that no rule would obey."""
    found = []
    for code, settings in (config.get("fraud") or {}).get("rules", {}).items():
        path = f"config.fraud.rules.{code}"
        rule = BY_CODE.get(code)
        if rule is None:
            found.append(f"{path}: " + _("There is no such rule."))
            continue
        weight = settings.get("weight")
        if isinstance(weight, list) and len(weight) != len(rule.weights):
            sentence = _("This rule has %(count)d tiers.") % {"count": len(rule.weights)}
            found.append(f"{path}.weight: {sentence}")
        unknown = sorted(set(settings.get("thresholds", {})) - set(rule.thresholds))
        found += [f"{path}.thresholds.{name}: " + _("This rule has no such threshold.") for name in unknown]
    return found
