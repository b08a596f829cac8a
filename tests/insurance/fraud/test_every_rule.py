"""Each of the twenty-two rules over the filing service, on stored rows: what fires it, and what its guard spares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.roles import Role
from apps.core.scope import SystemActor
from apps.insurance.fraud.catalogue import BY_CODE
from apps.insurance.services.peers import refresh_peers
from tests.cast import make_user
from tests.insurance.claims.asking import KINDS, change_terms, file
from tests.insurance.claims.conftest import network, set_config
from tests.insurance.fraud import network as rows
from tests.insurance.fraud.network import making
from tests.insurance.making import (
    ACTS,
    make_adherent,
    make_agreement,
    make_contract,
    make_practice,
)

__all__ = ["network"]
pytestmark = pytest.mark.django_db
TUNIS, TATAOUINE = ("36.806500", "10.181500"), ("32.929700", "10.451800")
# A Friday at eleven in Tunis; care of the same Tuesday unless said.
AT = datetime(2026, 7, 3, 10, tzinfo=UTC)
DAY = "2026-06-30"
SPRING = datetime(2026, 3, 6, 10, tzinfo=UTC)
ROLES = {
    "pharmacy": Role.PHARMACIST, "medical": Role.DOCTOR, "clinic": Role.CLINIC_ADMIN,
    "laboratory": Role.LAB_MANAGER, "dental": Role.PRACTITIONER,
}  # fmt: skip


class Counter:
    """The network as its people use it: files claims, and says which rules fired on the last one."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.people = {
            kind: make_user(f"{kind}@every.test", ROLES[kind], kind, practice=practice)
            for kind, practice in network.providers.items()
        }
        self.rules: dict[str, Any] = {}
        self.acts: dict[str, Any] = {}
        for row in (network.adherent, *network.providers.values()):
            self.place(row, TUNIS)
        self.configure()

    def place(self, row: Any, where: tuple[str, str]) -> None:
        """Put somebody on the map."""
        with making():
            type(row).objects.filter(pk=row.pk).update(lat=where[0], lng=where[1])
        row.refresh_from_db()

    def configure(self, **more: Any) -> None:
        """Set the insurer's rules; first claims of conventions are not what is tried here."""
        fraud = {"rules": self.rules, "acts": self.acts}
        set_config(self.network.insurer, fraud=fraud, review_first_claim=False, **more)

    def threshold(self, rule: str, **values: int) -> None:
        """Lower a rule's thresholds, so that a few rows reach them."""
        self.rules[rule] = {"thresholds": values}
        self.configure()

    def trait(self, code: str, **traits: Any) -> None:
        """Say something of an act."""
        self.acts[code] = traits
        self.configure()

    def prices(self, kind: str, **content: Any) -> None:
        """Agree with a new provider of a kind on prices of its own."""
        practice = make_practice(f"Autre {kind}", kind, license_no=f"TN-autre-{kind}")
        self.place(practice, TUNIS)
        make_agreement(self.network.insurer, practice, effective_from=date(2025, 6, 1), **content)
        self.network.providers[kind] = practice
        self.people[kind] = make_user(f"{kind}2@every.test", ROLES[kind], kind, practice=practice)

    def file(self, type_: str, *items: Any, day: str = DAY, at: datetime = AT, **more: Any) -> Any:
        """File a claim as whoever works there."""
        return file(self.people[KINDS[type_]], self.network, type_, day, *items, at=at, **more)

    def somebody(self) -> dict[str, Any]:
        """Insure one more person; returns what a claim of theirs names."""
        person = make_adherent(self.network.insurer)
        return {"adherent": person, "contract": make_contract(self.network.insurer, person)}

    def others(self, number: int, type_: str, *items: Any, **more: Any) -> None:
        """File the same for as many other people, and work the peers' figures out."""
        for _n in range(number):
            self.file(type_, *items, **self.somebody(), **more)

    def refresh(self) -> None:
        """Let the night pass."""
        assert refresh_peers(actor=SystemActor("test-night"), at=AT)


@pytest.fixture
def desk(network: Any) -> Counter:
    return Counter(network)


SCENES: dict[str, tuple[Callable[[Counter], Any], Callable[[Counter], Any]]] = {}


def scene(rule: str) -> Callable[[Any], Any]:
    """Register a scene: `fires` with `spared` false, spared by its guard with it true."""

    def keep(function: Callable[[Counter, bool], Any]) -> Any:
        SCENES[rule] = (lambda desk: function(desk, False), lambda desk: function(desk, True))
        return function

    return keep


@scene("DUP_EXACT")
def repeated(desk: Counter, spared: bool) -> Any:
    desk.file("consultation", ("C2", 1, 70_000), key="caisse-0001")
    return desk.file("consultation", ("C2", 1, 70_000), key="caisse-0001" if spared else "caisse-0002")


@scene("DUP_LINE")
def line_again_elsewhere(desk: Counter, spared: bool) -> Any:
    desk.trait("C2", repeatable=spared)
    desk.file("consultation", ("C2", 1, 70_000))
    desk.prices("medical")
    return desk.file("consultation", ("C2", 1, 69_000))


@scene("NEAR_DUP")
def again_two_days_later(desk: Counter, spared: bool) -> Any:
    desk.trait("C2", in_sessions=spared)
    desk.file("consultation", ("C2", 1, 70_000), day="2026-06-28")
    return desk.file("consultation", ("C2", 1, 70_000))


@scene("PRICE_PEER")
def dear_among_peers(desk: Counter, spared: bool) -> Any:
    for n in range(29 if spared else 30):
        desk.others(1, "consultation", ("C2", 1, 69_000 + 100 * n), day="2026-06-23")
    desk.refresh()
    return desk.file("consultation", ("C2", 1, 104_000))


@scene("PRICE_OVER")
def far_above_the_agreed_price(desk: Counter, spared: bool) -> Any:
    return desk.file("consultation", ("C2", 1, 105_000 if spared else 105_001))


@scene("THRESHOLD_HUG")
def just_below_the_limit(desk: Counter, spared: bool) -> Any:
    desk.configure(review_above=71_000)
    desk.others(4, "consultation", ("C2", 1, 70_500))
    return desk.file("consultation", ("C2", 1, 69_000 if spared else 70_500))


@scene("FREQ")
def more_often_than_agreed(desk: Counter, spared: bool) -> Any:
    terms = {"consultation": {"rate_bp": 7000, "acts": {"C1": {"max_qty": 1, "per_days": 30}}}}
    change_terms(desk.network, coverage=terms)
    if spared:
        with making():
            desk.network.contract.members.update(is_chronic=True)
    desk.file("consultation", ("C1", 1, 50_000), day="2026-06-15")
    return desk.file("consultation", ("C1", 1, 50_000))


@scene("IMPOSSIBLE_DAY")
def seventeen_hours(desk: Counter, spared: bool) -> Any:
    acts = {"C1": {**ACTS["C1"], "minutes": 60}, "MED-B": {**ACTS["MED-B"], "minutes": 60}}
    desk.prices("pharmacy" if spared else "medical", acts=acts)
    if spared:
        return desk.file("pharmacy", ("MED-B", 17, 8_333))
    return desk.file("consultation", ("C1", 17, 50_000))


@scene("VELOCITY_PROV")
def many_in_ten_minutes(desk: Counter, spared: bool) -> Any:
    desk.threshold("VELOCITY_PROV", claims_in_10_minutes=2)
    if spared:
        desk.rules["VELOCITY_PROV"]["exempt"] = [str(desk.people["medical"].pk)]
        desk.configure()
    desk.others(2, "consultation", ("C2", 1, 70_000))
    return desk.file("consultation", ("C2", 1, 70_000))


@scene("VELOCITY_PAT")
def many_in_a_day(desk: Counter, spared: bool) -> Any:
    before = [
        ("pharmacy", ("MED-B", 1, 8_333)),
        ("pharmacy", ("MED-A-GEN", 1, 15_300)),
        ("dental", ("HBGD036", 1, 60_000, {"tooth": "18"})),
        ("dental", ("HBLD634", 1, 350_000, {"tooth": "16"})),
        ("consultation", ("C1", 1, 50_000)),
    ]
    for type_, asked in before[:4] if spared else before:
        desk.file(type_, asked)
    return desk.file("consultation", ("C2", 1, 70_000))


@scene("LIMIT_DRAIN")
def the_year_in_a_month(desk: Counter, spared: bool) -> Any:
    change_terms(desk.network, annual_limit=400_000)
    if spared:
        return desk.file("hospitalization", ("HOSP-DAY", 3, 180_000), service_end_date=date(2026, 7, 2))
    desk.file("consultation", ("C2", 5, 70_000), day="2026-06-10")
    return desk.file("consultation", ("C2", 3, 70_000))


@scene("INCOMPATIBLE")
def acts_that_exclude_each_other(desk: Counter, spared: bool) -> Any:
    association = {"association_bp": {"C1+C2": 5000}} if spared else {}
    desk.prices("medical", incompatible=[["C1", "C2", "claim"]], **association)
    return desk.file("consultation", ("C2", 1, 70_000), ("C1", 1, 50_000))


@scene("TOOTH_ABSENT")
def on_a_tooth_that_is_gone(desk: Counter, spared: bool) -> Any:
    desk.file("dental", ("HBGD036", 1, 60_000, {"tooth": "16"}), day="2026-05-05")
    desk.trait("HBLD634", without_tooth=spared)
    return desk.file("dental", ("HBLD634", 1, 350_000, {"tooth": "16"}))


@scene("SURFACE_REPEAT")
def the_same_surface_again(desk: Counter, spared: bool) -> Any:
    desk.prices("dental", acts={**ACTS, "HBMD058": {"price": 40_000, "category": "dental"}})
    desk.file(
        "dental", ("HBMD058", 1, 40_000, {"tooth": "16", "surfaces": "MO"}), day="2026-03-05", at=SPRING
    )
    again = {"tooth": "16", "surfaces": "O", "is_trauma": spared}
    return desk.file("dental", ("HBMD058", 1, 40_000, again))


@scene("AGE_SEX")
def for_children_only(desk: Counter, spared: bool) -> Any:
    desk.trait("C2", max_age=41 if spared else 40)
    return desk.file("consultation", ("C2", 1, 70_000))


@scene("GEO_FAR")
def far_from_home(desk: Counter, spared: bool) -> Any:
    desk.place(desk.network.adherent, TATAOUINE)
    return desk.file("consultation", ("C2", 1, 70_000), is_urgent=spared)


@scene("GEO_TRAVEL")
def two_places_in_a_day(desk: Counter, spared: bool) -> Any:
    if not spared:
        desk.place(desk.network.providers["pharmacy"], TATAOUINE)
    desk.file("pharmacy", ("MED-B", 1, 8_333))
    return desk.file("consultation", ("C2", 1, 70_000))


@scene("OUT_OF_HOURS")
def on_a_sunday(desk: Counter, spared: bool) -> Any:
    if spared:
        return desk.file(
            "hospitalization", ("HOSP-DAY", 1, 180_000), day="2026-06-28", service_end_date=date(2026, 6, 28)
        )
    return desk.file("consultation", ("C2", 1, 70_000), day="2026-06-28")


@scene("CARENCE_EDGE")
def just_after_the_wait(desk: Counter, spared: bool) -> Any:
    desk.threshold("CARENCE_EDGE", min_peers=5)
    desk.others(5, "consultation", ("C2", 1, 70_000), day="2026-06-23")
    desk.refresh()
    newcomer: dict[str, Any] = {"adherent": make_adherent(desk.network.insurer)}
    start = {"start_date": date(2026, 5, 30), "end_date": date(2027, 5, 29), "carence_days": 30}
    newcomer["contract"] = make_contract(desk.network.insurer, newcomer["adherent"], **start)
    if spared:
        desk.file("consultation", ("C1", 1, 50_000), day="2026-06-29", **newcomer)
    return desk.file("consultation", ("C2", 1, 75_000), day="2026-06-30", **newcomer)


@scene("PAIR_RING")
def prescriber_and_pharmacy(desk: Counter, spared: bool) -> Any:
    desk.threshold("PAIR_RING", min_claims=3, expected_factor=1)
    first = dict(desk.network.providers), dict(desk.people)
    desk.prices("pharmacy")
    if spared:
        with making():
            practice = desk.network.providers["pharmacy"]
            type(practice).objects.filter(pk=practice.pk).update(city="Sousse")
    desk.others(5, "pharmacy", ("MED-B", 1, 8_333, {"prescriber": "Dr Autre"}))
    desk.network.providers.update(first[0])
    desk.people.update(first[1])
    desk.others(4, "pharmacy", ("MED-B", 1, 8_333, {"prescriber": "Dr Ayari"}))
    desk.refresh()
    return desk.file("pharmacy", ("MED-B", 1, 8_333, {"prescriber": "dr  AYARI"}))


@scene("GENERIC_REFUSED")
def generics_refused(desk: Counter, spared: bool) -> Any:
    desk.threshold("GENERIC_REFUSED", min_lines=4 if not spared else 30)
    first = dict(desk.network.providers), dict(desk.people)
    desk.prices("pharmacy")
    desk.others(6, "pharmacy", ("MED-A-GEN", 1, 15_300))
    desk.network.providers.update(first[0])
    desk.people.update(first[1])
    refused = {"is_substitutable": False, "non_substitutable_reason": "MTE", "prescriber": "Dr Ayari"}
    desk.others(5, "pharmacy", ("MED-A-BRAND", 1, 24_750, refused))
    desk.refresh()
    return desk.file("pharmacy", ("MED-A-BRAND", 1, 24_750, refused))


@scene("ID_SHARED")
def covered_elsewhere(desk: Counter, spared: bool) -> Any:
    house = rows.insurer()
    twin = make_adherent(house, national_id=desk.network.adherent.national_id)
    make_contract(house, twin)
    prior = {"prior_paid": 10_000} if spared else {}
    return desk.file("consultation", ("C2", 1, 70_000, prior))


def fired(claim: Any) -> set[str]:
    return set(claim.flags.values_list("rule", flat=True))


class TestEveryRule:
    def test_has_a_scene(self):
        assert set(SCENES) == set(BY_CODE)

    @pytest.mark.parametrize("rule", sorted(SCENES))
    def test_fires_with_its_points(self, desk, rule):
        claim = SCENES[rule][0](desk)
        flag = claim.flags.get(rule=rule)
        assert flag.weight == flag.points
        assert flag.points in BY_CODE[rule].weights
        assert claim.fraud_score >= flag.points
        held = "blocked" if claim.fraud_score >= 70 else "pending_review"
        # What the engine refuses stays refused, whatever is found; below thirty points nobody needs to look.
        assert claim.status in ({held, "rejected"} if claim.fraud_score >= 30 else {"approved", "rejected"})

    @pytest.mark.parametrize("rule", sorted(SCENES))
    def test_is_spared_by_its_guard(self, desk, rule):
        assert rule not in fired(SCENES[rule][1](desk))


class TestNights:
    def test_a_claim_entered_at_night_is_noticed_whatever_its_kind(self, desk):
        at = datetime(2026, 7, 3, 22, 30, tzinfo=UTC) - timedelta(days=1)
        assert "OUT_OF_HOURS" in fired(desk.file("pharmacy", ("MED-B", 1, 8_333), at=at))
