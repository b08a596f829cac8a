"""The twenty-two rules: family, points, thresholds, what fires them and what spares them.

docs/mechanisms/fraud.md prints this table. A changed default raises `CATALOGUE_VERSION`, so that a stored score says
by which rules it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from apps.insurance.fraud import clinical, duplicates, network, places, prices, volume
from apps.insurance.fraud.facts import Facts
from apps.insurance.fraud.rules import Hit, Rule, Settings

CATALOGUE_VERSION: Final = "2026.11"


def _rule(
    code: str,
    family: str,
    weights: tuple[int, ...],
    check: Callable[[Facts, Settings], Hit | None],
    *,
    test: str,
    guard: str,
    unit: str,
    **thresholds: int | str,
) -> Rule:
    values = {name: Fraction(value) for name, value in thresholds.items()}
    return Rule(code, family, weights, check, test, guard, unit, MappingProxyType(values))


RULES: Final[tuple[Rule, ...]] = (
    _rule(
        "DUP_EXACT",
        "duplicate",
        (80,),
        duplicates.exact,
        test="The content of the claim repeats that of a live one (same fingerprint).",
        guard="A retry under the same idempotency key.",
        unit="claims",
        repeats=0,
    ),
    _rule(
        "DUP_LINE",
        "duplicate",
        (40,),
        duplicates.line,
        test="Same code, tooth, person and day as a line of another claim, of any provider.",
        guard="Acts flagged repeatable; an earlier line that was not paid anyway.",
        unit="lines",
        repeats=0,
    ),
    _rule(
        "NEAR_DUP",
        "duplicate",
        (25,),
        duplicates.near,
        test="Same code within `days`, for an amount within `percent`.",
        guard="Acts done in sessions or flagged repeatable; another tooth.",
        unit="days apart",
        days=3,
        percent=5,
    ),
    _rule(
        "PRICE_PEER",
        "price",
        (20, 35),
        prices.peer,
        test="Robust z of the unit price among peers above `z`, above `z_high`; over 180 days, the provider's city "
        "if it has `min_peers` lines, else its country.",
        guard="Too few peers; peers of one price (MAD 0) are compared with `median_factor` times the median.",
        unit="robust z, or unit price",
        z="3.5",
        z_high=6,
        median_factor="1.5",
        min_peers=30,
    ),
    _rule(
        "PRICE_OVER",
        "price",
        (15,),
        prices.over,
        test="Unit price above `factor` times the agreed price.",
        guard="Codes without an agreed price.",
        unit="times the agreed price",
        factor="1.5",
    ),
    _rule(
        "THRESHOLD_HUG",
        "price",
        (15,),
        prices.hug,
        test="At least `claims` claims of the provider in 30 days within `percent` below the review or the "
        "pre-authorisation limit, this one among them.",
        guard="A claim that is not itself just below the limit.",
        unit="claims",
        claims=5,
        percent=2,
    ),
    _rule(
        "FREQ",
        "volume",
        (20, 30, 40),
        volume.frequency,
        test="Quantity of a code in its window above the limit, by 1, 2, 3 or more.",
        guard="Persons with a registered chronic condition; codes without a limit.",
        unit="units in the window",
    ),
    _rule(
        "IMPOSSIBLE_DAY",
        "volume",
        (40, 80),
        volume.impossible_day,
        test="Typical minutes of the practitioner's day above `hours`, above `hours_high`; or more than `patients` "
        "patients (first tier).",
        guard="Clinics without a named practitioner, pharmacies, laboratories.",
        unit="hours, or patients",
        hours=16,
        hours_high=24,
        patients=60,
    ),
    _rule(
        "VELOCITY_PROV",
        "volume",
        (25,),
        volume.provider_velocity,
        test="More than `claims_in_10_minutes` claims in ten minutes, or more in an hour than `p99_factor` times the "
        "provider's own p99 of 30 days.",
        guard="Users who import batches (`exempt`); providers seen in fewer than `min_hours` hours (second test).",
        unit="claims",
        claims_in_10_minutes=15,
        p99_factor=3,
        min_hours=24,
    ),
    _rule(
        "VELOCITY_PAT",
        "volume",
        (25,),
        volume.patient_velocity,
        test="More than `claims` claims of the person, or more than `providers` providers of one type, in a day.",
        guard="At most that many.",
        unit="claims, or providers",
        claims=5,
        providers=3,
    ),
    _rule(
        "LIMIT_DRAIN",
        "volume",
        (15,),
        volume.limit_drain,
        test="More than `percent` of the annual limit covered within 30 days.",
        guard="Hospitalization; contracts without an annual limit.",
        unit="percent of the limit",
        percent=80,
    ),
    _rule(
        "INCOMPATIBLE",
        "clinical",
        (35,),
        clinical.incompatible,
        test="A pair of the tariff's list of incompatible acts, on the same day, tooth or stay.",
        guard="Pairs whose association the tariff allows.",
        unit="pairs",
        pairs=0,
    ),
    _rule(
        "TOOTH_ABSENT",
        "clinical",
        (60,),
        clinical.tooth_absent,
        test="An act on a tooth extracted before, a second extraction included.",
        guard="Implants, bridges, dentures and X-rays; a milk tooth and its successor are different teeth.",
        unit="extractions",
        extractions=0,
    ),
    _rule(
        "SURFACE_REPEAT",
        "clinical",
        (20,),
        clinical.surface_repeat,
        test="A filling on a surface of a tooth filled less than `months` months before.",
        guard="A line after an accident (its mark, or a diagnosis S00 to S09).",
        unit="days since",
        months=12,
    ),
    _rule(
        "AGE_SEX",
        "clinical",
        (50,),
        clinical.age_sex,
        test="An act limited by age or sex, on somebody else.",
        guard="Birth date or sex not known; acts without such a limit.",
        unit="years",
    ),
    _rule(
        "GEO_FAR",
        "geo_time",
        (10, 20),
        places.far,
        test="Home and provider more than `km`, more than `km_high` apart.",
        guard="Hospitalization, emergencies, unknown places.",
        unit="km",
        km=150,
        km_high=300,
    ),
    _rule(
        "GEO_TRAVEL",
        "geo_time",
        (20, 40),
        places.travel,
        test="Two providers of one person: above `km_per_hour` and `km` when both times are known (second tier), else "
        "more than `km_same_day` apart on one day (first tier).",
        guard="Stays; unknown places; times only of claims filed on the day of care.",
        unit="km, or km/h",
        km_per_hour=120,
        km=50,
        km_same_day=250,
    ),
    _rule(
        "OUT_OF_HOURS",
        "geo_time",
        (10,),
        places.out_of_hours,
        test="Consultation or laboratory on a Sunday or holiday, or filed outside opening hours; any claim filed from "
        "`night_from` to `night_until` o'clock, local time.",
        guard="Clinics; providers open at that time by their stated hours, or on call (`exempt`).",
        unit="o'clock, or weekday",
        night_from=23,
        night_until=5,
        grace_minutes=30,
    ),
    _rule(
        "CARENCE_EDGE",
        "geo_time",
        (10,),
        places.waiting_edge,
        test="The person's first claim, within `days` days after the waiting period, at a price above the peers' p95.",
        guard="Contracts without waiting; fewer than `min_peers` peers.",
        unit="unit price",
        days=3,
        min_peers=30,
    ),
    _rule(
        "PAIR_RING",
        "network",
        (15,),
        network.pair_ring,
        test="A prescriber and a pharmacy that share more than `percent` of one side's claims (at least `min_claims`) "
        "and `expected_factor` times what chance would give.",
        guard="The only pharmacy in town.",
        unit="percent",
        percent=60,
        expected_factor=5,
        min_claims=50,
    ),
    _rule(
        "GENERIC_REFUSED",
        "network",
        (15,),
        network.generic_refused,
        test="Share of lines marked not substitutable above `peer_factor` times the peers', this claim adding one.",
        guard="Fewer than `min_lines` lines in generic groups, here or among peers.",
        unit="percent",
        peer_factor=3,
        min_lines=30,
    ),
    _rule(
        "ID_SHARED",
        "network",
        (30,),
        network.identity_shared,
        test="The national identifier is known to another insurer as another person, or covered there for the same "
        "kind of care by an insurer of the same kind.",
        guard="Claims that count the other payer's share. Tells only that other cover exists.",
        unit="covers",
        others=0,
    ),
)

BY_CODE: Final[Mapping[str, Rule]] = MappingProxyType({rule.code: rule for rule in RULES})
