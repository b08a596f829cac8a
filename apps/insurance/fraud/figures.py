"""Distances and outliers: estimates that accuse nobody by themselves and never price anything."""

from __future__ import annotations

from fractions import Fraction
from math import asin, cos, radians, sin, sqrt
from typing import Final

from apps.insurance.fraud.facts import Peers, Point

_EARTH_RADIUS_KM: Final = 6371.0088
# The MAD of a normal distribution is 0.6745 of its standard deviation (Iglewicz and Hoaglin).
_NORMAL_MAD: Final = Fraction(6745, 10_000)


def haversine_km(a: Point, b: Point) -> float:
    """Return the great-circle distance in kilometres, to the metre."""
    lat, lng = radians(b.lat - a.lat), radians(b.lng - a.lng)
    chord = sin(lat / 2) ** 2 + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(lng / 2) ** 2
    return round(2 * _EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord))), 3)


def robust_z(price: int, peers: Peers) -> Fraction | None:
    """Return how far a price stands from its peers' median, in robust deviations; nothing when they do not differ."""
    if peers.mad == 0:
        return None
    return _NORMAL_MAD * (price - peers.median) / peers.mad
