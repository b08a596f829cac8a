"""From a priced claim to its status: flags, score, and what a person has to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from apps.insurance.fraud.config import FraudConfig
from apps.insurance.fraud.facts import Facts
from apps.insurance.fraud.scoring import Screening, screen
from apps.insurance.models import Claim, ClaimFlag
from apps.insurance.services.gathering import Agreed, Gathered, gather

# A provider's first claims are read by a person while the convention is this young.
NEW_CONVENTION_DAYS: Final = 30

__all__ = ["Agreed", "Gathered", "Verdict", "fraud_config_of", "gather", "judge", "store_flags"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What screening makes of a claim the engine would pay; `triggers` ask for a review without any score."""

    status: str
    screening: Screening
    triggers: tuple[str, ...]

    @property
    def score(self) -> int:
        """Points, 0 to 100."""
        return self.screening.score


def fraud_config_of(config: Mapping[str, Any]) -> FraudConfig:
    """Read the rules from an insurer's config."""
    return FraudConfig.from_json(config.get("fraud"))


def judge(
    *,
    gathered: Gathered,
    config: FraudConfig,
    covered: int,
    repeats: str | None = None,
    urgent_without_agreement: bool = False,
    agreed: Agreed,
) -> Verdict:
    """Score a priced claim and say where it goes: approved, pending_review or blocked.

    Pure: may run under the locks. `repeats` is the live claim of the same fingerprint, `covered` what the engine
    would pay. A refusal by the engine stands whatever is found here.
    """
    facts = _known(gathered.facts, covered, repeats)
    screening = screen(facts, config)
    triggers = tuple(
        name
        for name, applies in (
            ("review_above", agreed.review_above is not None and facts.claim.total > agreed.review_above),
            ("preauth_urgent", urgent_without_agreement),
            ("new_convention", _is_new(gathered, facts.claim.service_date, agreed)),
        )
        if applies
    )
    return Verdict(_status(screening.score, triggers, config), screening, triggers)


def _known(facts: Facts, covered: int, repeats: str | None) -> Facts:
    return replace(facts.with_covered(covered), repeats=repeats)


def _is_new(gathered: Gathered, day: date, agreed: Agreed) -> bool:
    start = agreed.convention_start
    if not agreed.reviews_first_claim:
        return False
    return gathered.first_of_convention and start is not None and (day - start).days < NEW_CONVENTION_DAYS


def _status(score: int, triggers: tuple[str, ...], config: FraudConfig) -> str:
    if score >= config.block_at:
        return Claim.Status.BLOCKED.value
    if score >= config.review_at or triggers:
        return Claim.Status.PENDING_REVIEW.value
    return Claim.Status.APPROVED.value


def store_flags(*, claim: Claim, screening: Screening, at: datetime) -> list[ClaimFlag]:
    """Write the flags of a claim in its transaction, in one statement; joins the service that decides the claim."""
    if not screening.flags:
        return []
    return ClaimFlag.objects.bulk_create(
        ClaimFlag(
            insurer_id=claim.insurer_id,
            claim=claim,
            rule=flag.rule,
            family=flag.family,
            weight=flag.weight,
            points=flag.points,
            observed=flag.observed,
            threshold=flag.threshold,
            evidence=flag.evidence,
            rules_version=screening.rules_version,
            shadow=flag.shadow,
            raised_at=at,
        )
        for flag in screening.flags
    )
