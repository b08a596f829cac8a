"""The worked cases of the specification, by number, and those its rules give for the numbers it leaves out."""

from __future__ import annotations

from datetime import date

import pytest

from apps.insurance.engine import explain
from tests.insurance.engine.agreements import (
    JULY,
    adjustments,
    amounts,
    ask,
    bareme,
    care,
    contract_k,
    of_lines,
    past,
    price,
)


class TestPrinted:
    def test_1_prices_by_the_bareme_of_the_service_date(self):
        result = price(ask("consultation", "2026-06-30", ("C2", 1, 80_000), filed="2026-07-03"))
        assert amounts(result) == (49_000, 31_000, 0)
        assert adjustments(result) == [("PR", "45", 10_000), ("PR", "2", 21_000)]
        assert result.lines[0].rule_applied == "PRICE_CEILING>RATE"
        assert (result.status, result.decision) == ("payable", "approved")
        assert explain(result.lines[0], "TND", "fr").replace("\u00a0", " ") == (
            "Tarif conventionné 70,000 (demandé 80,000); prise en charge 70 % = 49,000; "
            "reste à charge 31,000 dont dépassement 10,000."
        )

    def test_1_in_july_has_the_new_price(self):
        result = price(ask("consultation", "2026-07-01", ("C2", 1, 80_000)), prices=JULY)
        assert amounts(result) == (52_500, 27_500, 0)

    def test_1b_writes_the_excess_off_when_the_provider_bears_it(self):
        request = ask("consultation", "2026-06-30", ("C2", 1, 80_000), filed="2026-07-03")
        result = price(request, prices=bareme(liability="provider"))
        assert amounts(result) == (49_000, 21_000, 10_000)
        assert adjustments(result) == [("CO", "45", 10_000), ("PR", "2", 21_000)]

    def test_2_pays_a_generic_at_its_rate(self):
        result = price(ask("pharmacy", "2026-03-02", ("MED-A-GEN", 2, 15_300)))
        assert amounts(result) == (27_540, 3_060, 0)
        assert result.lines[0].rule_applied == "GENERIC_RATE"
        assert (result.lines[0].rate_bp, result.lines[0].is_generic) == (9000, True)

    def test_3_brings_a_brand_down_to_the_reference_price(self):
        result = price(ask("pharmacy", "2026-03-02", ("MED-A-BRAND", 2, 24_750)))
        assert amounts(result) == (24_480, 25_020, 0)
        assert adjustments(result) == [("PR", "45", 18_900), ("PR", "2", 6_120)]
        assert result.lines[0].rule_applied == "REFERENCE_PRICE>RATE"

    def test_4_rounds_half_up_once_per_line(self):
        result = price(ask("pharmacy", "2026-03-02", ("MED-B", 3, 8_333)))
        assert amounts(result) == (19_999, 5_000, 0)

    def test_4_sums_rounded_lines(self):
        acts = {code: {"price": 333, "category": "pharmacy"} for code in ("X", "Y")}
        contract = contract_k(coverage=care(pharmacy={"rate_bp": 5000}))
        request = ask("pharmacy", "2026-03-02", ("X", 1, 333), ("Y", 1, 333))
        assert amounts(price(request, contract, bareme(acts=acts))) == (334, 332, 0)

    def test_6_approves_what_is_left_of_a_claim_with_an_excluded_line(self):
        request = ask("consultation", "2026-03-02", ("C1", 1, 50_000), ("COSM-001", 1, 80_000))
        result = price(request)
        assert amounts(result) == (35_000, 95_000, 0)
        assert result.lines[1].reason_code == "EXCLUDED"
        assert (result.status, result.decision) == ("payable", "partial")

    def test_8_spends_the_year_to_the_unit(self):
        request = ask("consultation", "2026-03-02", ("C2", 1, 70_000))
        assert amounts(price(request, used={"*": 1_940_000})) == (49_000, 21_000, 0)
        second = price(request, used={"*": 1_989_000})
        assert amounts(second) == (11_000, 59_000, 0)
        assert second.lines[0].rule_applied == "RATE>LIMIT_ANNUAL"
        assert adjustments(second) == [("PR", "2", 21_000), ("PR", "119", 38_000)]

    @pytest.mark.parametrize(
        ("day", "filed", "expected", "reason"),
        [
            ("2027-01-02", "2027-01-02", (0, 50_000, 0), "AFTER_CONTRACT"),
            ("2026-12-31", "2027-02-10", (35_000, 15_000, 0), ""),
            ("2026-12-31", "2027-03-01", (35_000, 15_000, 0), ""),
            ("2026-12-31", "2027-03-02", (0, 0, 50_000), "LATE_FILING"),
            ("2026-12-31", "2027-03-15", (0, 0, 50_000), "LATE_FILING"),
        ],
    )
    def test_10_goes_by_the_service_date(self, day, filed, expected, reason):
        result = price(ask("consultation", day, ("C1", 1, 50_000), filed=filed))
        assert amounts(result) == expected
        assert result.reason_code == reason

    def test_11_pays_a_repeat_to_nobody(self):
        request = ask("consultation", "2026-06-30", ("C2", 1, 80_000), filed="2026-07-03")
        result = price(request, duplicate_of="first")
        assert result.status == "duplicate"
        assert amounts(result) == (0, 0, 80_000)
        assert adjustments(result) == [("OA", "18", 80_000)]
        assert result.consumption == {}

    def test_d1_takes_the_earlier_payer_out_of_three_times_the_base(self):
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 70_000, {"prior_paid": 7_200}))
        result = price(request, complementary(30_000), crown())
        assert result.covered == 28_800
        assert result.lines[0].patient_share == 34_000
        assert adjustments(result) == [("PR", "45", 34_000), ("OA", "23", 7_200)]


def crown(**more):
    return bareme(acts={"HBLD634": {"base": 12_000, "category": "dental", **more}})


def complementary(of_base_bp, **more):
    return contract_k(coverage=care(dental={"of_base_bp": of_base_bp, **more}), carence_days=0)


class TestLeftOut:
    def test_5_takes_the_deductible_first_and_caps_the_stay(self):
        request = ask("hospitalization", "2026-04-01", ("HOSP-DAY", 4, 180_000), ("SURG-1", 1, 900_000))
        result = price(request)
        # 720 000 - 50 000 = 670 000 at 85 % = 569 500; 765 000 more would pass 1 200 000.
        assert of_lines(result) == [(569_500, 150_500, 0), (630_500, 269_500, 0)]
        assert result.lines[1].rule_applied == "RATE>LIMIT_CLAIM"
        assert adjustments(result) == [("PR", "1", 50_000), ("PR", "2", 100_500)]

    def test_5_waits_ninety_days(self):
        request = ask("hospitalization", "2026-03-31", ("HOSP-DAY", 1, 180_000))
        result = price(request)
        assert (result.status, result.reason_code) == ("rejected", "WAITING")
        assert amounts(result) == (0, 180_000, 0)
        assert result.lines[0].steps[0].params == {"first_day": "2026-04-01"}

    def test_7_stops_at_the_sublimit_of_the_care_type(self):
        request = ask("pharmacy", "2026-03-02", ("MED-A-GEN", 2, 15_300), ("MED-B", 3, 8_333))
        result = price(request, used={"pharmacy": 560_000, "*": 560_000})
        assert of_lines(result) == [(27_540, 3_060, 0), (12_460, 12_539, 0)]
        assert result.lines[1].rule_applied == "RATE>LIMIT_CARE"
        assert result.consumption == {"pharmacy": 40_000, "*": 40_000}
        assert result.decision == "partial"

    def test_9_counts_the_first_payable_day_as_start_plus_n(self):
        refused = price(ask("consultation", "2026-01-30", ("C1", 1, 50_000)))
        assert (refused.reason_code, amounts(refused)) == ("WAITING", (0, 50_000, 0))
        assert amounts(price(ask("consultation", "2026-01-31", ("C1", 1, 50_000)))) == (35_000, 15_000, 0)

    def test_9_lets_a_renewal_wait_no_second_time(self):
        renewed = contract_k(chain_start=date(2025, 1, 1), joined_on=date(2025, 1, 1))
        assert price(ask("consultation", "2026-01-02", ("C1", 1, 50_000)), renewed).covered == 35_000

    def test_9_lets_a_late_joiner_wait_from_joining(self):
        joined = contract_k(joined_on=date(2026, 5, 10))
        assert price(ask("consultation", "2026-06-08", ("C1", 1, 50_000)), joined).reason_code == "WAITING"
        assert price(ask("consultation", "2026-06-09", ("C1", 1, 50_000)), joined).covered == 35_000

    def test_12_writes_off_an_act_outside_the_bareme(self):
        request = ask("consultation", "2026-03-02", ("C1", 1, 50_000), ("C9", 1, 20_000))
        result = price(request)
        assert of_lines(result) == [(35_000, 15_000, 0), (0, 0, 20_000)]
        assert adjustments(result, 1) == [("CO", "204", 20_000)]

    def test_12_pays_what_is_asked_where_the_bareme_says_so(self):
        request = ask("consultation", "2026-03-02", ("C9", 1, 20_000))
        assert amounts(price(request, prices=bareme(default="asked"))) == (14_000, 6_000, 0)

    def test_13_leaves_a_brand_its_price_when_prescriber_and_reason_are_given(self):
        given = {"is_substitutable": False, "prescriber": "Dr A", "non_substitutable_reason": "MTE"}
        result = price(ask("pharmacy", "2026-03-02", ("MED-A-BRAND", 2, 24_750, given)))
        assert amounts(result) == (39_600, 9_900, 0)
        assert result.lines[0].rule_applied == "RATE"
        assert result.lines[0].steps[0][:3] == ("NON_SUBSTITUTABLE", 49_500, 49_500)
        assert "prix de référence 15,300 écarté" in explain(result.lines[0], "TND", "fr")

    @pytest.mark.parametrize("missing", ["prescriber", "non_substitutable_reason"])
    def test_13_ignores_the_mark_without_prescriber_or_reason(self, missing):
        given = {
            "is_substitutable": False,
            "prescriber": "Dr A",
            "non_substitutable_reason": "MTE",
            missing: "",
        }
        result = price(ask("pharmacy", "2026-03-02", ("MED-A-BRAND", 2, 24_750, given)))
        assert amounts(result) == (24_480, 25_020, 0)

    def test_14_counts_a_frequency_on_both_sides_of_the_date(self):
        contract = contract_k(coverage=care(consultation={"acts": {"C1": {"max_qty": 2, "per_days": 30}}}))
        request = ask("consultation", "2026-06-15", ("C1", 1, 50_000))
        earlier, later = past("C1", "2026-05-17"), past("C1", "2026-07-14")
        assert price(request, contract, history=[earlier]).covered == 35_000
        both = price(request, contract, history=[earlier, later])
        assert (both.reason_code, amounts(both)) == ("FREQUENCY", (0, 0, 50_000))
        assert adjustments(both) == [("CO", "151", 50_000)]
        outside = [past("C1", "2026-05-16"), past("C1", "2026-07-15"), later]
        assert price(request, contract, history=outside).covered == 35_000

    def test_14_grants_the_units_that_are_left(self):
        terms = {"acts": {"MED-B": {"max_qty": 3, "per_days": 30}}, "frequency_liability": "patient"}
        contract = contract_k(coverage=care(pharmacy=terms))
        result = price(
            ask("pharmacy", "2026-06-15", ("MED-B", 3, 9_000)),
            contract,
            history=[past("MED-B", "2026-06-01")],
        )
        # Two units at 8 333 and 80 %; the third, and what is above the price, stay with the patient.
        assert amounts(result) == (13_333, 13_667, 0)
        assert adjustments(result) == [("PR", "119", 9_000), ("PR", "45", 1_334), ("PR", "2", 3_333)]

    def test_15_keeps_the_dearer_of_two_incompatible_acts(self):
        prices = bareme(incompatible=[["HBGD036", "HBLD634", "claim"]])
        request = ask("dental", "2026-03-02", ("HBGD036", 1, 60_000), ("HBLD634", 1, 350_000))
        result = price(request, prices=prices)
        assert of_lines(result) == [(0, 0, 60_000), (210_000, 140_000, 0)]
        assert adjustments(result, 0) == [("CO", "236", 60_000)]

    def test_16_asks_for_prior_agreement_above_an_amount(self):
        contract = contract_k(coverage=care(dental={"preauth_above": 300_000}))
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 350_000))
        refused = price(request, contract)
        assert (refused.reason_code, amounts(refused)) == ("PREAUTH_MISSING", (0, 0, 350_000))
        agreed = ask(
            "dental", "2026-03-02", ("HBLD634", 1, 350_000, {"agreement": "Q", "agreed_quantity": 1})
        )
        assert price(agreed, contract).covered == 210_000

    def test_d2_never_pays_more_than_the_fee_less_the_earlier_payer(self):
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 50_000, {"prior_paid": 7_200}))
        result = price(request, complementary(50_000), crown(fee_limit=50_000))
        assert (result.covered, result.lines[0].patient_share) == (42_800, 0)

    def test_d3_leaves_a_fee_above_its_limit_to_who_bears_the_excess(self):
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 55_000, {"prior_paid": 7_200}))
        by_patient = price(request, complementary(50_000), crown(fee_limit=50_000))
        assert (by_patient.covered, by_patient.lines[0].patient_share, by_patient.writeoff) == (
            42_800,
            5_000,
            0,
        )
        prices = bareme(
            liability="provider",
            acts={"HBLD634": {"base": 12_000, "fee_limit": 50_000, "category": "dental"}},
        )
        by_provider = price(request, complementary(50_000), prices)
        assert (by_provider.covered, by_provider.lines[0].patient_share, by_provider.writeoff) == (
            42_800,
            0,
            5_000,
        )

    def test_d4_pays_the_rest_of_the_base_at_one_hundred_per_cent(self):
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 70_000, {"prior_paid": 7_200}))
        result = price(request, complementary(10_000), crown())
        assert (result.covered, result.lines[0].patient_share) == (4_800, 58_000)

    def test_d5_adds_to_an_earlier_payer_that_is_not_included(self):
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 40_000, {"prior_paid": 7_200}))
        result = price(request, complementary(30_000, prior_included=False), crown())
        assert (result.covered, result.lines[0].patient_share) == (32_800, 0)

    def test_d6_applies_a_plain_rate_to_the_base(self):
        contract = contract_k(coverage=care(dental={"rate_bp": 6000}))
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 75_000))
        result = price(request, contract, crown())
        assert amounts(result) == (7_200, 67_800, 0)
        assert adjustments(result) == [("PR", "45", 63_000), ("PR", "2", 4_800)]
