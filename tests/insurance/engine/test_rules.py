"""Single rules the worked cases leave aside, each by hand."""

from __future__ import annotations

from datetime import date

import pytest

from apps.insurance.engine import Exclusion, explain
from apps.insurance.engine.explain import phrases_missing
from apps.insurance.engine.reasons import REASONS
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

VISIT = ask("consultation", "2026-06-30", ("C2", 1, 70_000))


class TestGates:
    def test_refuse_care_that_is_still_to_come(self):
        result = price(ask("consultation", "2026-06-30", ("C2", 1, 70_000), today=date(2026, 6, 29)))
        assert (result.reason_code, amounts(result)) == ("FUTURE_DATE", (0, 0, 70_000))

    def test_count_a_stay_from_its_last_day(self):
        stay = ask(
            "hospitalization",
            "2026-04-02",
            ("HOSP-DAY", 1, 180_000),
            service_end_date=date(2026, 5, 20),
            filed="2026-07-19",
        )
        assert price(stay).status == "payable"

    def test_let_nobody_bill_who_is_not_active(self):
        result = price(ask("consultation", "2026-06-30", ("C2", 1, 70_000), provider_is_active=False))
        assert (result.reason_code, adjustments(result)) == ("PROVIDER_NOT_ELIGIBLE", [("CO", "B7", 70_000)])

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"start_date": date(2026, 7, 1)}, "BEFORE_CONTRACT"),
            ({"joined_on": date(2026, 7, 1)}, "BEFORE_CONTRACT"),
            ({"end_date": date(2026, 6, 29)}, "AFTER_CONTRACT"),
            ({"left_on": date(2026, 6, 29)}, "AFTER_CONTRACT"),
            ({"is_member": False}, "IDENTITY_UNKNOWN"),
            ({"statuses": ((date(2026, 6, 30), "suspended"),)}, "SUSPENDED"),
            ({"statuses": ((date(2026, 6, 30), "cancelled"),)}, "CANCELLED"),
            ({"statuses": ((date(2026, 7, 1), "suspended"),)}, ""),
            ({"statuses": ((date(2026, 5, 1), "suspended"), (date(2026, 6, 1), "active"))}, ""),
            ({"statuses": ((date(2026, 6, 1), "expired"),)}, ""),
        ],
    )
    def test_go_by_the_contract_as_it_stood_on_the_day(self, changes, reason):
        assert price(VISIT, contract_k(**changes)).reason_code == reason

    def test_name_the_date_before_the_contract(self):
        late_and_over = ask("consultation", "2027-01-02", ("C1", 1, 50_000), filed="2027-06-01")
        assert price(late_and_over).reason_code == "LATE_FILING"


class TestLines:
    def test_refuse_a_category_of_another_kind_of_provider(self):
        result = price(ask("pharmacy", "2026-03-02", ("MED-B", 1, 8_333), ("C1", 1, 50_000)))
        assert of_lines(result)[1] == (0, 0, 50_000)
        assert result.lines[1].reason_code == "ACT_NOT_ALLOWED_FOR_TYPE"

    def test_refuse_care_the_contract_does_not_name(self):
        result = price(ask("laboratory", "2026-03-02", ("LAB-1", 1, 5_000)))
        assert (result.reason_code, amounts(result)) == ("NOT_COVERED", (0, 5_000, 0))

    @pytest.mark.parametrize(
        ("rule", "covered"),
        [
            ({"code": "C2"}, 0),
            ({"code": "C1"}, 49_000),
            ({"care_type": "consultation"}, 0),
            ({"care_type": "dental"}, 49_000),
            ({"diagnosis_prefix": "Z0"}, 0),
            ({"diagnosis_prefix": "K"}, 49_000),
            ({"diagnosis_prefix": "z0"}, 0),
            ({"prefix": "c"}, 0),
            ({"code": "C2", "diagnosis_prefix": "K"}, 49_000),
            ({"code": "C2", "until_date": "2026-06-30"}, 0),
            ({"code": "C2", "until_date": "2026-06-29"}, 49_000),
            ({}, 49_000),
        ],
    )
    def test_exclude_by_every_condition_given(self, rule, covered):
        request = ask("consultation", "2026-06-30", ("C2", 1, 70_000, {"diagnosis": "Z00.1"}))
        contract = contract_k(exclusions=(Exclusion.from_content(rule),))
        assert price(request, contract).covered == covered

    def test_pay_the_same_act_on_a_tooth_once_a_day(self):
        request = ask(
            "dental",
            "2026-03-02",
            ("HBGD036", 1, 60_000, {"tooth": "11"}),
            ("HBGD036", 1, 60_000, {"tooth": "11"}),
            ("HBGD036", 1, 60_000, {"tooth": "12"}),
        )
        assert of_lines(price(request)) == [(36_000, 24_000, 0), (0, 0, 60_000), (36_000, 24_000, 0)]

    def test_pay_nobody_an_act_had_elsewhere_on_the_day(self):
        result = price(VISIT, history=[past("C2", "2026-06-30")])
        assert (result.status, adjustments(result)) == ("rejected", [("OA", "18", 70_000)])
        assert price(VISIT, history=[past("C2", "2026-06-29")]).covered == 49_000

    def test_pay_a_repeatable_act_again(self):
        acts = {"C2": {"price": 70_000, "category": "consultation", "repeatable": True}}
        assert price(VISIT, prices=bareme(acts=acts), history=[past("C2", "2026-06-30")]).covered == 49_000

    @pytest.mark.parametrize(("scope", "stopped"), [("claim", False), ("day", True), ("tooth", False)])
    def test_keep_an_act_had_on_the_day_before_a_dearer_one(self, scope, stopped):
        prices = bareme(incompatible=[["HBGD036", "HBLD634", scope]])
        request = ask("dental", "2026-03-02", ("HBLD634", 1, 350_000, {"tooth": "12"}))
        result = price(request, prices=prices, history=[past("HBGD036", "2026-03-02", tooth="11")])
        assert result.lines[0].is_stopped is stopped

    def test_keep_the_first_of_two_equal_acts(self):
        acts = {code: {"price": 10_000, "category": "dental"} for code in ("A", "B")}
        prices = bareme(acts=acts, incompatible=[["B", "A", "claim"]])
        result = price(ask("dental", "2026-03-02", ("A", 1, 10_000), ("B", 1, 10_000)), prices=prices)
        assert [line.is_stopped for line in result.lines] == [False, True]

    def test_pay_an_associated_act_in_part(self):
        pairs = {
            "incompatible": [["HBGD036", "HBLD634", "claim"]],
            "association_bp": {"HBLD634+HBGD036": 5000},
        }
        request = ask("dental", "2026-03-02", ("HBGD036", 1, 60_000), ("HBLD634", 1, 350_000))
        result = price(request, prices=bareme(**pairs))
        assert of_lines(result) == [(18_000, 12_000, 30_000), (210_000, 140_000, 0)]
        assert adjustments(result, 0) == [("CO", "97", 30_000), ("PR", "2", 12_000)]

    def test_pay_an_urgent_act_without_agreement_and_ask_for_a_look(self):
        contract = contract_k(coverage=care(dental={"preauth_above": 300_000}))
        result = price(ask("dental", "2026-03-02", ("HBLD634", 1, 350_000), is_urgent=True), contract)
        assert (result.covered, result.review) == (210_000, ("PREAUTH_URGENT",))

    @pytest.mark.parametrize(
        ("agreed", "history", "reason"),
        [
            (2, [], ""),
            (1, [], "PREAUTH_MISSING"),
            (0, [], "PREAUTH_MISSING"),
            (3, [past("HBLD634", "2026-02-20", agreement="Q")], ""),
            (2, [past("HBLD634", "2026-02-20", agreement="Q")], "PREAUTH_MISSING"),
            (2, [past("HBLD634", "2026-02-20", agreement="R"), past("HBLD634", "2026-02-20")], ""),
            (2, [past("HBLD634", "2026-02-20", tooth="11", agreement="Q")], ""),
        ],
    )
    def test_take_an_agreement_for_the_units_it_was_given_for(self, agreed, history, reason):
        contract = contract_k(coverage=care(dental={"preauth_above": 300_000}))
        quoted = {"agreement": "Q", "agreed_quantity": agreed}
        request = ask("dental", "2026-03-02", ("HBLD634", 2, 350_000, quoted))
        assert price(request, contract, history=history).reason_code == reason

    def test_count_an_agreement_over_the_lines_of_a_claim(self):
        acts = {"HBLD634": {"price": 350_000, "category": "dental", "repeatable": True}}
        contract = contract_k(coverage=care(dental={"preauth_above": 300_000}))
        line = ("HBLD634", 1, 350_000, {"agreement": "Q", "agreed_quantity": 1})
        result = price(ask("dental", "2026-03-02", line, line), contract, bareme(acts=acts))
        assert [line.reason_code for line in result.lines] == ["RATE", "PREAUTH_MISSING"]
        assert explain(result.lines[1], "TND", "en") == (
            "Prior agreement required above 300.000, the one quoted does not cover this line; "
            "not chargeable to the patient 350.000."
        )

    def test_let_care_after_an_accident_not_wait(self):
        request = ask(
            "consultation",
            "2026-01-10",
            ("C1", 1, 50_000, {"is_accident": True}),
            ("C2", 1, 70_000),
        )
        result = price(request)
        assert of_lines(result) == [(35_000, 15_000, 0), (0, 70_000, 0)]
        assert [line.rule_applied for line in result.lines] == ["RATE", "WAITING"]
        assert result.lines[0].steps[0] == ("ACCIDENT", 50_000, 50_000, {"first_day": "2026-01-31"})
        assert explain(result.lines[0], "TND", "en").startswith(
            "After an accident, no waiting period; covered"
        )

    def test_let_an_accident_wait_where_the_contract_says_so(self):
        contract = contract_k(coverage=care(consultation={"accident_exempt": False}))
        request = ask("consultation", "2026-01-10", ("C1", 1, 50_000, {"is_accident": True}))
        assert price(request, contract).reason_code == "WAITING"

    def test_say_nothing_of_an_accident_once_the_wait_is_over(self):
        request = ask("consultation", "2026-03-10", ("C1", 1, 50_000, {"is_accident": True}))
        assert [step.rule for step in price(request).lines[0].steps] == ["RATE"]


class TestAmounts:
    @pytest.mark.parametrize(
        ("act", "bareme_rate", "expected"),
        [({"rate_bp": 9_500}, 6_000, 66_500), ({}, 6_000, 42_000), ({}, None, 49_000)],
    )
    def test_take_the_rate_of_the_contract_act_then_the_convention_then_the_care_type(
        self, act, bareme_rate, expected
    ):
        contract = contract_k(coverage=care(consultation={"acts": {"C2": act}}))
        acts = {"C2": {"price": 70_000, "category": "consultation", "rate_bp": bareme_rate}}
        assert price(VISIT, contract, bareme(acts=acts)).covered == expected

    def test_take_a_fixed_copay_off_each_line_and_not_below_nothing(self):
        contract = contract_k(coverage=care(consultation={"fixed_copay": 40_000}))
        result = price(ask("consultation", "2026-06-30", ("C2", 1, 70_000), ("C1", 1, 50_000)), contract)
        assert of_lines(result) == [(9_000, 61_000, 0), (0, 50_000, 0)]
        assert adjustments(result, 1) == [("PR", "2", 15_000), ("PR", "3", 35_000)]

    def test_cap_an_act_by_the_unit(self):
        contract = contract_k(
            coverage=care(pharmacy={"act_cap": 5_000, "acts": {"MED-A-GEN": {"cap": 13_000}}})
        )
        request = ask("pharmacy", "2026-03-02", ("MED-B", 3, 8_333), ("MED-A-GEN", 2, 15_300))
        assert [line[0] for line in of_lines(price(request, contract))] == [15_000, 26_000]

    def test_fill_a_yearly_deductible_before_paying(self):
        contract = contract_k(coverage=care(consultation={"deductible_annual": 100_000}))
        first = price(VISIT, contract)
        assert (first.status, first.covered) == ("payable", 0)
        assert first.consumption == {"deductible:consultation": 70_000}
        second = price(VISIT, contract, used={"deductible:consultation": 70_000})
        # 30 000 to bear yet; 40 000 at 70 %.
        assert (second.covered, second.lines[0].deductible) == (28_000, 30_000)
        assert second.consumption == {
            "deductible:consultation": 30_000,
            "consultation": 28_000,
            "*": 28_000,
        }

    def test_reject_what_a_deductible_of_the_claim_swallows(self):
        contract = contract_k(coverage=care(consultation={"deductible_per_claim": 80_000}))
        assert price(VISIT, contract).status == "rejected"

    def test_limit_a_household_by_its_dependants(self):
        steps = (40_000, 45_000, 48_000)
        covered = [
            price(VISIT, contract_k(limit_by_dependants=steps, dependants=number)).covered
            for number in range(5)
        ]
        assert covered == [40_000, 45_000, 48_000, 48_000, 48_000]

    def test_leave_the_year_alone_for_care_outside_the_limit(self):
        contract = contract_k(coverage=care(consultation={"outside_limit": True}))
        result = price(VISIT, contract, used={"*": 2_000_000})
        assert (result.covered, result.consumption) == (49_000, {"consultation": 49_000})

    def test_add_a_tax_to_the_share_of_the_patient(self):
        acts = {"C2": {"price": 70_000, "category": "consultation", "tax_bp": 2000}}
        result = price(VISIT, prices=bareme(acts=acts))
        assert (result.total, result.tax, *amounts(result)) == (70_000, 14_000, 49_000, 35_000, 0)
        assert adjustments(result)[-1] == ("PR", "137", 14_000)

    def test_pay_its_part_of_a_tax_the_contract_reimburses(self):
        acts = {"C2": {"price": 70_000, "category": "consultation", "tax_bp": 2000}}
        contract = contract_k(coverage=care(consultation={"tax_reimbursed": True}))
        assert amounts(price(VISIT, contract, bareme(acts=acts))) == (58_800, 25_200, 0)

    def test_charge_no_tax_on_what_may_not_be_charged(self):
        acts = {"C2": {"price": 70_000, "category": "consultation", "tax_bp": 2000}}
        request = ask("consultation", "2026-06-30", ("C2", 1, 80_000))
        result = price(request, prices=bareme(acts=acts, liability="provider"))
        assert (*amounts(result), result.tax) == (49_000, 35_000, 10_000, 14_000)

    def test_pay_no_more_than_an_earlier_payer_left(self):
        request = ask("consultation", "2026-06-30", ("C2", 1, 70_000, {"prior_paid": 30_000}))
        result = price(request)
        assert (result.covered, result.lines[0].patient_share) == (40_000, 0)
        assert adjustments(result) == [("OA", "23", 30_000)]

    def test_reject_when_nothing_is_left_of_the_year(self):
        result = price(VISIT, prices=JULY, used={"*": 2_000_000})
        assert (result.status, result.reason_code) == ("rejected", "LIMIT_ANNUAL")
        assert amounts(result) == (0, 70_000, 0)


class TestWords:
    def test_exist_for_every_reason_in_every_language(self):
        assert phrases_missing(REASONS) == []

    @pytest.mark.parametrize(
        ("language", "expected"),
        [
            ("en", "Excluded by the contract (COSM); left to the patient 80.000."),
            ("fr", "Exclu par le contrat (COSM); reste à charge 80,000."),
            ("ar", "مستثنى بموجب العقد (COSM)؛ يبقى على عاتق المريض 80,000."),
            ("de", "Exclu par le contrat (COSM); reste à charge 80,000."),
        ],
    )
    def test_say_why_a_line_is_not_paid(self, language, expected):
        result = price(ask("consultation", "2026-03-02", ("COSM-001", 1, 80_000)))
        assert explain(result.lines[0], "TND", language) == expected
