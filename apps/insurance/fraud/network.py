"""Patterns between people who ought not to depend on each other, and covers that do not know of each other."""

from __future__ import annotations

from fractions import Fraction

from apps.insurance.fraud.facts import Facts
from apps.insurance.fraud.rules import Hit, Settings


def pair_ring(facts: Facts, settings: Settings) -> Hit | None:
    """Find a prescriber and a pharmacy that live off each other far more than chance would have it."""
    pair = facts.pair
    if pair is None or facts.claim.type != "pharmacy" or facts.provider.alone_in_town or not pair.of_all:
        return None
    expected = Fraction(pair.of_prescriber * pair.of_provider, pair.of_all)
    if pair.together <= settings["expected_factor"] * expected:
        return None
    shares = [
        Fraction(100 * pair.together, side)
        for side in (pair.of_prescriber, pair.of_provider)
        if side >= settings["min_claims"]
    ]
    if not shares or max(shares) <= settings["percent"]:
        return None
    return Hit(0, observed=max(shares), threshold=settings["percent"])


def generic_refused(facts: Facts, settings: Settings) -> Hit | None:
    """Compare how often generics are refused here and elsewhere, when this claim refuses one."""
    lines = tuple(line.sequence for line in facts.claim.lines if line.non_substitutable)
    counts = facts.generics
    if not lines or counts is None or min(counts.own, counts.peers) < settings["min_lines"]:
        return None
    limit = settings["peer_factor"] * Fraction(counts.peers_refused, counts.peers)
    share = Fraction(counts.own_refused, counts.own)
    return Hit(0, observed=100 * share, threshold=100 * limit, lines=lines) if share > limit else None


def identity_shared(facts: Facts, settings: Settings) -> Hit | None:
    """Find a national identifier that another insurer knows: as another person, or covered for the same care.

    A line that already counts another payer's share hides nothing.
    """
    other = facts.other_cover
    declared = any(line.prior_paid > 0 for line in facts.claim.lines)
    if not other.another_person and (declared or not other.same_care):
        return None
    return Hit(0, observed=1, threshold=settings["others"], reason="other_cover_exists")
