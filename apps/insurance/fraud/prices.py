"""Prices out of line, and amounts that stay just under a limit."""

from __future__ import annotations

from fractions import Fraction

from apps.insurance.fraud.facts import Facts, Line, Peers
from apps.insurance.fraud.figures import robust_z
from apps.insurance.fraud.rules import Hit, Settings, gravest


def peer(facts: Facts, settings: Settings) -> Hit | None:
    """Compare each unit price with the same code among peers, of the city if they are enough, else of the country."""

    def outlier(line: Line) -> Hit | None:
        peers = peers_of(facts, line.code, settings["min_peers"])
        if peers is None:
            return None
        z = robust_z(line.unit_price, peers)
        if z is None:
            # All peers ask one price: any deviation would be infinite.
            ceiling = settings["median_factor"] * peers.median
            if line.unit_price <= ceiling:
                return None
            return Hit(0, observed=line.unit_price, threshold=ceiling, lines=(line.sequence,))
        for tier, limit in ((1, settings["z_high"]), (0, settings["z"])):
            if z > limit:
                return Hit(tier, observed=z, threshold=limit, lines=(line.sequence,))
        return None

    return gravest(outlier(line) for line in facts.claim.lines)


def over(facts: Facts, settings: Settings) -> Hit | None:
    """Compare each unit price with the agreed one."""
    return gravest(
        Hit(
            0,
            observed=Fraction(line.unit_price, line.bareme_price),
            threshold=settings["factor"],
            lines=(line.sequence,),
        )
        for line in facts.claim.lines
        if line.bareme_price and line.unit_price > settings["factor"] * line.bareme_price
    )


def hug(facts: Facts, settings: Settings) -> Hit | None:
    """Count the provider's claims that just stay below a limit, if this is one of them."""
    total = facts.claim.total

    def below(limit: int) -> bool:
        return total <= limit and 100 * (limit - total) <= settings["percent"] * limit

    return gravest(
        Hit(0, observed=len(band.claims) + 1, threshold=settings["claims"], claims=band.claims)
        for band in facts.bands
        if below(band.limit) and len(band.claims) + 1 >= settings["claims"]
    )


def peers_of(facts: Facts, code: str, at_least: Fraction) -> Peers | None:
    """Return the peers a code is compared with: of the city, else of the country, if there are enough."""
    for peers in (facts.city_peers.get(code), facts.country_peers.get(code)):
        if peers is not None and peers.n >= at_least:
            return peers
    return None
