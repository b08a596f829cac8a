"""Claims a stranger would think of, filed over HTTP: terms that meet each other, days on the edge, bodies of any shape.

Amounts are worked out by hand from the rules; each is (covered, patient's share, written off).
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count

import pytest

from apps.accounts.roles import Role
from apps.insurance.models import Claim, ContractBalance, Convention
from apps.insurance.services.conventions import change_convention
from tests.cast import make_user
from tests.insurance.claims.asking import FILED, change_terms
from tests.insurance.claims.conftest import QUIET, set_config
from tests.insurance.claims.test_claims_api import DAY, TODAY, body
from tests.insurance.making import ACTS, COVERAGE, Clerk, make_bareme, make_member

pytestmark = pytest.mark.django_db
VERSIONS = count(1)
ROLES = {
    "pharmacy": Role.PHARMACIST,
    "medical": Role.DOCTOR,
    "clinic": Role.CLINIC_ADMIN,
    "laboratory": Role.LAB_MANAGER,
    "dental": Role.PRACTITIONER,
}
HOMES = {
    "pharmacy": "pharmacy",
    "consultation": "medical",
    "hospitalization": "clinic",
    "laboratory": "laboratory",
    "dental": "dental",
}


def on(days):
    """The day so many days ago."""
    return (TODAY - timedelta(days=days)).isoformat()


@pytest.fixture
def running(network):
    """Contract K as it would run today."""
    change_terms(network, start_date=date(TODAY.year - 1, 1, 1), end_date=date(TODAY.year + 1, 12, 31))
    return network


@pytest.fixture
def post(api, running):
    """File a claim of a kind; lines are (code, quantity, price[, more])."""
    clients = {}

    def send(kind, *lines, status=201, **more):
        home = HOMES[kind]
        if home not in clients:
            clients[home] = api(
                make_user(f"{home}@odd.test", ROLES[home], "Una", practice=running.providers[home])
            )
        asked = body(running, *(line[:3] for line in lines), **more)
        for item, line in zip(asked["items"], lines, strict=True):
            item.update(line[3] if len(line) > 3 else {})
        answer = clients[home].post(f"/api/v1/claims/{kind}", asked)
        assert answer.status_code == status, answer.json()
        return answer.json()

    return send


def terms(network, **care):
    """Change what contract K pays, by kind of care."""
    change_terms(network, coverage={**COVERAGE, **care})


def prices(network, home, acts, **content):
    """Publish another price list of a provider: the worked one with these acts."""
    convention = Convention.objects.get(practice=network.providers[home])
    make_bareme(
        convention,
        version=f"odd-{next(VERSIONS)}",
        effective_from=date(2025, 7, 1),
        acts={**ACTS, **acts},
        **content,
    )


def three(row):
    return row["covered_amount"], row["copay_amount"], row["writeoff_amount"]


def lines_of(claim):
    return [three(item) for item in claim["items"]]


def reasons(claim):
    return [item["reason_code"] for item in claim["items"]]


def cuts(claim, line=0):
    found = claim["items"][line]["explanation"]["adjustments"]
    return [(cut["group"], cut["carc"], cut["amount"]) for cut in found]


def used():
    return {balance.scope: balance.used for balance in ContractBalance.objects.all()}


class TestLines:
    def test_of_every_kind_stand_in_one_claim(self, post, running):
        claim = post(
            "pharmacy",
            ("MED-A-GEN", 2, 15_300),
            ("MED-A-BRAND", 1, 30_000),
            ("COSM-9", 1, 5_000),
            ("NOBODY-KNOWS", 3, 1_000),
            ("C1", 1, 50_000),
            ("MED-A-GEN", 1, 15_300),
        )
        assert reasons(claim) == [
            "RATE", "RATE", "EXCLUDED", "NOT_IN_BAREME", "ACT_NOT_ALLOWED_FOR_TYPE", "DUPLICATE",
        ]  # fmt: skip
        assert lines_of(claim) == [
            (27_540, 3_060, 0),
            (12_240, 17_760, 0),
            (0, 5_000, 0),
            (0, 0, 3_000),
            (0, 0, 50_000),
            (0, 0, 15_300),
        ]
        assert cuts(claim, 1) == [("PR", "45", 5_250), ("PR", "45", 9_450), ("PR", "2", 3_060)]
        assert claim["items"][1]["rule_applied"] == "PRICE_CEILING>REFERENCE_PRICE>RATE"
        assert [cuts(claim, line)[0][:2] for line in range(2, 6)] == [
            ("PR", "96"), ("CO", "204"), ("CO", "8"), ("OA", "18"),
        ]  # fmt: skip
        assert (claim["status"], claim["decision"], three(claim)) == (
            "approved",
            "partial",
            (39_780, 25_820, 68_300),
        )
        for item in claim["items"]:
            taken = sum(cut["amount"] for cut in item["explanation"]["adjustments"])
            assert item["line_total"] == item["covered_amount"] + taken

    def test_beyond_a_frequency_are_cut_to_the_units_left(self, post, running):
        terms(running, pharmacy={"rate_bp": 8000, "acts": {"MED-B": {"max_qty": 4, "per_days": 30}}})
        assert three(post("pharmacy", ("MED-B", 3, 8_333), service_date=on(20))) == (19_999, 5_000, 0)
        # One unit of three is left, in a window that reaches back and forth.
        claim = post("pharmacy", ("MED-B", 3, 10_000), service_date=on(30))
        assert (three(claim), claim["decision"]) == ((6_666, 3_334, 20_000), "partial")
        assert cuts(claim) == [("CO", "151", 20_000), ("PR", "45", 1_667), ("PR", "2", 1_667)]
        none = post("pharmacy", ("MED-B", 1, 8_333), service_date=on(1))
        assert (none["status"], none["reason_code"], cuts(none)) == (
            "rejected",
            "FREQUENCY",
            [("CO", "151", 8_333)],
        )

    def test_are_capped_by_the_unit_after_rate_and_copay(self, post, running):
        terms(
            running,
            pharmacy={
                "rate_bp": 8000,
                "fixed_copay": 1_000,
                "act_cap": 6_000,
                "acts": {"MED-A-GEN": {"cap": 11_000, "rate_bp": 10_000}},
            },
        )
        claim = post("pharmacy", ("MED-B", 3, 8_333), ("MED-A-GEN", 2, 15_300))
        # 19 999 - 1 000 = 18 999, at most 3 x 6 000; 30 600 - 1 000 = 29 600, at most 2 x 11 000.
        assert lines_of(claim) == [(18_000, 6_999, 0), (22_000, 8_600, 0)]
        assert cuts(claim) == [("PR", "2", 5_000), ("PR", "3", 1_000), ("PR", "119", 999)]
        assert claim["items"][0]["rule_applied"] == "RATE>FIXED_COPAY>LIMIT_ACT"

    def test_spend_the_cap_of_their_claim_in_their_order(self, post, running):
        terms(
            running, hospitalization={"rate_bp": 8500, "deductible_per_claim": 50_000, "claim_cap": 700_000}
        )
        claim = post("hospitalization", ("HOSP-DAY", 4, 180_000), ("SURG-1", 1, 900_000))
        # 720 000 - 50 000 at 85 % = 569 500, then what 700 000 leaves of 765 000.
        assert lines_of(claim) == [(569_500, 150_500, 0), (130_500, 769_500, 0)]
        assert reasons(claim) == ["RATE", "LIMIT_CLAIM"]

    def test_may_exclude_each_other_in_a_claim_on_a_day_or_on_a_tooth(self, post, running):
        pair = ["HBGD036", "HBLD634"]
        cheap, dear = ("HBGD036", 1, 60_000, {"tooth": "11"}), ("HBLD634", 1, 350_000, {"tooth": "12"})
        prices(running, "dental", {}, incompatible=[[*pair, "tooth"]])
        assert reasons(post("dental", cheap, dear, service_date=on(9))) == ["RATE", "RATE"]
        same = ("HBGD036", 1, 60_000, {"tooth": "12"})
        together = post("dental", same, dear, service_date=on(8))
        assert (reasons(together), lines_of(together)[0]) == (["INCOMPATIBLE", "RATE"], (0, 0, 60_000))
        post("dental", cheap, service_date=on(7))
        after = post("dental", ("HBLD634", 1, 350_000, {"tooth": "11"}), service_date=on(7))
        assert (after["status"], after["reason_code"], cuts(after)) == (
            "rejected",
            "INCOMPATIBLE",
            [("CO", "236", 350_000)],
        )

    def test_may_be_associated_at_a_part_of_their_price(self, post, running):
        prices(
            running,
            "dental",
            {},
            incompatible=[["HBGD036", "HBLD634", "claim"]],
            association_bp={"HBGD036": 5000},
        )
        claim = post("dental", ("HBGD036", 1, 60_000), ("HBLD634", 1, 350_000))
        assert lines_of(claim) == [(18_000, 12_000, 30_000), (210_000, 140_000, 0)]
        assert cuts(claim) == [("CO", "97", 30_000), ("PR", "2", 12_000)]

    def test_outside_the_list_are_paid_as_asked_where_it_says_so(self, post, running):
        prices(running, "laboratory", {}, default="asked")
        terms(running, laboratory={"rate_bp": 6667})
        claim = post("laboratory", ("NFS", 1, 12_501))
        assert three(claim) == (8_334, 4_167, 0)

    def test_carry_a_tax_on_top_for_the_patient(self, post, running):
        acts = {"MED-B": {"price": 8_333, "category": "pharmacy", "tax_bp": 2000}}
        prices(running, "pharmacy", acts)
        claim = post("pharmacy", ("MED-B", 3, 8_333))
        # 20 % of 24 999 is 4 999.8.
        assert (claim["total_amount"], claim["tax_amount"], three(claim)) == (
            24_999,
            5_000,
            (19_999, 10_000, 0),
        )
        assert cuts(claim) == [("PR", "2", 5_000), ("PR", "137", 5_000)]

    @pytest.mark.parametrize(
        ("line", "claim", "covered", "steps"),
        [
            ({"is_substitutable": False, "non_substitutable_reason": "MTE"}, {}, 12_240, "REFERENCE_PRICE"),
            ({"is_substitutable": False, "prescriber": "Dr B"}, {}, 12_240, "REFERENCE_PRICE"),
            ({"non_substitutable_reason": "MTE", "prescriber": "Dr B"}, {}, 12_240, "REFERENCE_PRICE"),
            (
                {"is_substitutable": False, "non_substitutable_reason": "MTE"},
                {"prescriber": "Dr B"},
                19_800,
                "NON_SUBSTITUTABLE",
            ),
        ],
    )
    def test_of_a_brand_need_prescriber_and_reason(self, post, running, line, claim, covered, steps):
        filed = post("pharmacy", ("MED-A-BRAND", 1, 24_750, line), **claim)
        assert filed["covered_amount"] == covered
        assert filed["items"][0]["explanation"]["steps"][0]["rule"] == steps

    def test_take_no_word_for_what_is_a_generic(self, post, running):
        claim = post("pharmacy", ("MED-A-BRAND", 1, 24_750, {"is_generic": True}))
        assert (claim["covered_amount"], claim["items"][0]["is_generic"]) == (12_240, False)


class TestLimits:
    def test_fill_a_yearly_deductible_over_two_claims(self, post, running):
        terms(running, consultation={"rate_bp": 7000, "deductible_annual": 100_000})
        first = post("consultation", ("C2", 1, 70_000), service_date=on(3))
        second = post("consultation", ("C2", 1, 70_000), service_date=on(2))
        third = post("consultation", ("C2", 1, 70_000), service_date=on(1))
        assert [three(claim) for claim in (first, second, third)] == [
            (0, 70_000, 0),
            (28_000, 42_000, 0),
            (49_000, 21_000, 0),
        ]
        assert cuts(second) == [("PR", "1", 30_000), ("PR", "2", 12_000)]
        assert used()["deductible:consultation"] == 100_000

    def test_give_the_deductible_back_with_a_claim_that_is_withdrawn(self, post, api, running):
        terms(running, consultation={"rate_bp": 7000, "deductible_annual": 100_000})
        first = post("consultation", ("C2", 1, 70_000), service_date=on(3))
        doctor = make_user("d2@odd.test", Role.DOCTOR, "Dan", practice=running.providers["medical"])
        gone = api(doctor).post(f"/api/v1/claims/{first['id']}/void", {"expected_status": "approved"})
        assert gone.json()["status"] == "rejected"
        assert used()["deductible:consultation"] == 0

    def test_stop_at_the_limit_of_the_care_type_before_that_of_the_year(self, post, running):
        terms(running, dental={"rate_bp": 6000, "annual_sublimit": 300_000})
        first = post("dental", ("HBLD634", 1, 350_000, {"tooth": "11"}))
        second = post("dental", ("HBLD634", 1, 350_000, {"tooth": "12"}))
        third = post("dental", ("HBLD634", 1, 350_000, {"tooth": "13"}))
        assert [claim["covered_amount"] for claim in (first, second, third)] == [210_000, 90_000, 0]
        assert cuts(second) == [("PR", "2", 140_000), ("PR", "119", 120_000)]
        assert (second["decision"], third["status"], third["reason_code"]) == (
            "partial",
            "rejected",
            "LIMIT_CARE",
        )
        assert used() == {"*": 300_000, "dental": 300_000}

    def test_depend_on_the_household_and_leave_out_what_is_outside(self, post, running):
        change_terms(
            running,
            annual_limit=None,
            limit_by_dependants=[40_000, 45_000, 60_000],
            coverage={**COVERAGE, "pharmacy": {"rate_bp": 8000, "outside_limit": True}},
        )
        assert post("pharmacy", ("MED-B", 9, 8_333))["covered_amount"] == 59_998
        alone = post("consultation", ("C2", 1, 70_000), service_date=on(3))
        assert (alone["covered_amount"], alone["items"][0]["reason_code"]) == (40_000, "LIMIT_ANNUAL")
        for _child in range(3):
            make_member(running.contract, "child")
        more = post("consultation", ("C2", 1, 70_000), service_date=on(2))
        assert more["covered_amount"] == 20_000
        assert used() == {"*": 60_000, "consultation": 60_000, "pharmacy": 59_998}


class TestOtherPayers:
    def test_d1_share_a_crown(self, post, running):
        prices(running, "dental", {"HBLD634": {"base": 12_000, "price": 70_000, "category": "dental"}})
        terms(running, dental={"rate_bp": 10_000, "of_base_bp": 30_000, "prior_included": True})
        claim = post("dental", ("HBLD634", 1, 70_000, {"prior_paid": 7_200, "tooth": "14"}))
        item = claim["items"][0]
        assert (item["prior_paid"], item["covered_amount"]) == (7_200, 28_800)
        assert item["copay_amount"] - item["prior_paid"] == 34_000
        assert cuts(claim) == [("PR", "45", 34_000), ("OA", "23", 7_200)]

    def test_leave_no_more_than_the_fee_less_what_they_paid(self, post, running):
        acts = {"HBLD634": {"base": 12_000, "fee_limit": 50_000, "category": "dental"}}
        prices(running, "dental", acts)
        terms(running, dental={"rate_bp": 6000, "of_base_bp": 50_000})
        claim = post("dental", ("HBLD634", 1, 50_000, {"prior_paid": 7_200}))
        assert claim["covered_amount"] == 42_800


class TestDays:
    @pytest.mark.parametrize(
        ("first", "last", "reason"),
        [
            (60, None, ""),
            (61, None, "LATE_FILING"),
            (75, 60, ""),
            (75, 61, "LATE_FILING"),
            (0, None, ""),
            (-1, None, "FUTURE_DATE"),
            (3, -1, "FUTURE_DATE"),
        ],
    )
    def test_of_filing_are_counted_from_the_last_of_the_care(self, post, running, first, last, reason):
        more = {} if last is None else {"service_end_date": on(last)}
        claim = post("hospitalization", ("HOSP-DAY", 1, 180_000), service_date=on(first), **more)
        assert claim["reason_code"] == reason
        assert three(claim) == ((0, 0, 180_000) if reason else (110_500, 69_500, 0))

    @pytest.mark.parametrize(
        ("start", "end", "paid"), [(10, 10, True), (9, None, False), (60, 11, False), (60, 10, True)]
    )
    def test_of_a_convention_are_both_included(self, post, running, start, end, paid):
        convention = Convention.objects.get(practice=running.providers["medical"])
        change_convention(
            actor=Clerk(running.insurer),
            convention=convention,
            at=FILED,
            start_date=TODAY - timedelta(days=start),
            end_date=None if end is None else TODAY - timedelta(days=end),
        )
        claim = post("consultation", ("C2", 1, 70_000), service_date=on(10))
        # The first claim of a young convention is looked at.
        expected = ("pending_review" if start == 10 else "approved", "", 49_000)
        assert (claim["status"], claim["reason_code"], claim["covered_amount"]) == (
            expected if paid else ("rejected", "NO_CONVENTION", 0)
        )

    @pytest.mark.parametrize("status", ["suspended", "cancelled"])
    def test_from_which_a_contract_stops_are_not_paid(self, post, running, status):
        change_terms(running, status=status, status_from=TODAY - timedelta(days=5))
        assert post("consultation", ("C2", 1, 70_000), service_date=on(6))["status"] == "approved"
        stopped = post("consultation", ("C2", 1, 70_000), service_date=on(5))
        assert (stopped["reason_code"], cuts(stopped)) == (status.upper(), [("PR", "27", 70_000)])

    def test_of_waiting_are_not_for_care_after_an_accident(self, post, running):
        child = make_member(running.contract, joined_on=TODAY - timedelta(days=15)).adherent
        visit = ("C1", 1, 50_000)
        who = {"adherent": str(child.pk)}
        assert post("consultation", visit, service_date=on(9), **who)["reason_code"] == "WAITING"
        hurt = post("consultation", visit, service_date=on(8), is_accident=True, **who)
        assert (hurt["covered_amount"], hurt["items"][0]["is_trauma"]) == (35_000, True)
        explained = hurt["items"][0]["explanation"]
        assert explained["steps"][0]["rule"] == "ACCIDENT"
        assert explained["texts"]["en"].startswith("After an accident, no waiting period; covered at 70%")
        one = post(
            "consultation", (*visit, {"is_trauma": True}), ("C2", 1, 70_000), service_date=on(7), **who
        )
        assert (lines_of(one), one["decision"]) == ([(35_000, 15_000, 0), (0, 70_000, 0)], "partial")
        terms(running, consultation={"rate_bp": 7000, "accident_exempt": False})
        waits = post("consultation", visit, service_date=on(6), is_accident=True, **who)
        assert waits["reason_code"] == "WAITING"

    def test_of_waiting_are_told_to_who_asks_first(self, post, api, running):
        child = make_member(running.contract, joined_on=TODAY - timedelta(days=15)).adherent
        asked = {"adherent": str(child.pk), "care_type": "consultation", "service_date": DAY}
        doctor = api(make_user("d3@odd.test", Role.DOCTOR, "Dan", practice=running.providers["medical"]))
        found = doctor.post("/api/v1/eligibility", asked).json()
        assert (found["verdict"], found["reason_code"]) == ("not_eligible", "WAITING")
        assert found["first_payable_day"] == (TODAY + timedelta(days=15)).isoformat()
        hurt = doctor.post("/api/v1/eligibility", {**asked, "is_accident": True}).json()
        assert (hurt["verdict"], hurt["reasons"]) == ("eligible", [])


class TestAgreements:
    def test_an_urgent_act_is_held_for_a_look(self, post, running):
        terms(running, dental={"rate_bp": 6000, "preauth_above": 300_000})
        refused = post("dental", ("HBLD634", 1, 350_000), ("HBGD036", 1, 60_000), service_date=on(4))
        assert (refused["status"], lines_of(refused)) == (
            "approved",
            [(0, 0, 350_000), (36_000, 24_000, 0)],
        )
        assert cuts(refused) == [("CO", "197", 350_000)]
        urgent = post("dental", ("HBLD634", 1, 350_000), service_date=on(3), is_urgent=True)
        assert (urgent["status"], three(urgent)) == ("pending_review", (210_000, 140_000, 0))
        assert used()["dental"] == 246_000

    def test_the_insurers_own_list_serves_where_a_convention_has_none(self, post, running):
        convention = Convention.objects.get(practice=running.providers["medical"])
        day = TODAY - timedelta(days=400)
        change_terms(running, start_date=date(TODAY.year - 2, 1, 1))
        set_config(running.insurer, **QUIET, filing_days=3650)
        change_convention(
            actor=Clerk(running.insurer),
            convention=convention,
            at=FILED,
            start_date=day - timedelta(days=900),
        )
        old = (date(2025, 6, 1) - timedelta(days=1)).isoformat()
        assert post("consultation", ("C2", 1, 80_000), service_date=old)["reason_code"] == "NO_CONVENTION"
        default = {"acts": {"C2": {"price": 60_000, "category": "consultation"}}}
        set_config(running.insurer, default_bareme=default)
        assert post("consultation", ("C2", 1, 80_000), service_date=old)["covered_amount"] == 42_000


class TestShapes:
    @pytest.mark.parametrize(
        "items",
        [
            "C2", {"code": "C2"}, [1], [None], [[]], [{}],
            [{"code": None, "quantity": 1, "unit_price": 1}],
            [{"code": {}, "quantity": 1, "unit_price": 1}],
            [{"code": " ", "quantity": 1, "unit_price": 1}],
            [{"code": "C2\u0000", "quantity": 1, "unit_price": 1}],
            [{"code": "C" * 33, "quantity": 1, "unit_price": 1}],
            [{"code": "C2", "quantity": 1.5, "unit_price": 1}],
            [{"code": "C2", "quantity": True, "unit_price": 1}],
            [{"code": "C2", "quantity": None, "unit_price": 1}],
            [{"code": "C2", "quantity": 10**30, "unit_price": 1}],
            [{"code": "C2", "quantity": 1, "unit_price": 10**13}],
            [{"code": "C2", "quantity": 1, "unit_price": "1e3"}],
            [{"code": "C2", "quantity": 1, "unit_price": "ten"}],
            [{"code": "C2", "quantity": 100_000, "unit_price": 10**11}],
            [{"code": "C2", "quantity": 1, "unit_price": 5, "prior_paid": 6}],
            [{"code": "C2", "quantity": 1, "unit_price": 5, "tooth": "116"}],
            [{"code": "C2", "quantity": 1, "unit_price": 1}] * 201,
        ],
    )  # fmt: skip
    def test_that_are_none_are_refused(self, api, doctor, running, items):
        asked = {**body(running), "items": items}
        answer = api(doctor).post("/api/v1/claims/consultation", asked, format="json")
        assert answer.status_code == 400
        assert "items" in answer.json()["error"]["details"]
        assert not Claim.objects.exists()

    @pytest.mark.parametrize(
        "more",
        [
            {"service_date": "01/06/2026"}, {"service_date": None}, {"service_date": 20260601},
            {"service_date": "0001-01-01"}, {"service_end_date": "2020-01-01"},
            {"total_amount": 80_001}, {"total_amount": 10**40}, {"total_amount": "x"},
            {"contract": 5}, {"contract": []}, {"adherent": "Salma"}, {"is_urgent": "perhaps"},
            {"use": "preview"}, {"notes": "x" * 2001}, {"replaces": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
            {"idempotency_key": "clé"}, {"idempotency_key": "k" * 129},
        ],
    )  # fmt: skip
    def test_of_a_claim_are_checked_field_by_field(self, api, doctor, running, more):
        answer = api(doctor).post("/api/v1/claims/consultation", body(running, ("C2", 1, 80_000), **more))
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == set(more)

    def test_of_two_hundred_lines_and_of_the_largest_amounts_are_taken(self, post, running):
        change_terms(running, annual_limit=None)
        prices(running, "medical", {}, default="asked")
        many = post("consultation", *((f"A{number}", 1, 10**12) for number in range(200)))
        assert (many["total_amount"], many["covered_amount"]) == (2 * 10**14, 14 * 10**13)
        assert used()["*"] == 14 * 10**13
