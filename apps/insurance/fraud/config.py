"""What an insurer changes about the rules: `config.fraud`, and what applies where it says nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, Self

from apps.insurance.fraud.acts import acts_with
from apps.insurance.fraud.catalogue import CATALOGUE_VERSION, RULES
from apps.insurance.fraud.rules import Rule, Settings

REVIEW_AT: Final = 30
BLOCK_AT: Final = 70


@dataclass(frozen=True, slots=True)
class FraudConfig:
    """The rules as one insurer runs them, and the scores from which a claim is reviewed or blocked."""

    settings: Mapping[str, Settings]
    review_at: int = REVIEW_AT
    block_at: int = BLOCK_AT
    rules_version: str = field(default=CATALOGUE_VERSION)

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | None) -> Self:
        """Read `config.fraud`.

        `{review_at, block_at, rules: {CODE: {enabled, shadow, weight, thresholds: {name: number}, exempt: [id]}},
        acts: {code: {trait: value}}}`; `weight` is one integer for all tiers or a list with one per tier. The schema
        refuses what is not known when it is saved; what an older catalogue left behind is passed over here, because a
        claim at the counter cannot wait for a corrected setting.
        """
        document = document or {}
        own = document.get("rules") or {}
        acts = acts_with(document.get("acts") or {})
        settings = {rule.code: _settings(rule, own.get(rule.code) or {}, acts) for rule in RULES}
        return cls(
            settings=MappingProxyType(settings),
            review_at=int(document.get("review_at", REVIEW_AT)),
            block_at=int(document.get("block_at", BLOCK_AT)),
            rules_version=_version(document),
        )


def _settings(rule: Rule, own: Mapping[str, Any], acts: Mapping[str, Any]) -> Settings:
    changed = own.get("thresholds") or {}
    return Settings(
        weights=_weights(rule, own.get("weight")),
        # A JSON number is read by its digits: 3.5 is seven halves, whatever the nearest float.
        thresholds={
            name: Fraction(str(changed[name])) if name in changed else default
            for name, default in rule.thresholds.items()
        },
        enabled=bool(own.get("enabled", True)),
        shadow=bool(own.get("shadow", False)),
        exempt=frozenset(str(who) for who in own.get("exempt") or ()),
        acts=acts,
    )


def _weights(rule: Rule, weight: int | list[int] | None) -> tuple[int, ...]:
    if weight is None:
        return rule.weights
    if isinstance(weight, int):
        return (weight,) * len(rule.weights)
    return tuple(weight) if len(weight) == len(rule.weights) else rule.weights


def _version(document: Mapping[str, Any]) -> str:
    """Name the catalogue, and the insurer's changes by their digest: same version, same facts, same score."""
    if not document:
        return CATALOGUE_VERSION
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{CATALOGUE_VERSION}+{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"
