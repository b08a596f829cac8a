"""Contracts: terms held to their schema, statuses with the day they count from, members, renewals."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.scope import SystemActor
from apps.insurance.models import Contract, ContractBalance, ContractMember
from apps.insurance.selectors import waiting_since
from apps.insurance.services.contracts import expire_contracts
from tests.insurance.making import (
    COVERAGE,
    EXCLUSIONS,
    NOW,
    make_adherent,
    make_contract,
    make_member,
)

pytestmark = pytest.mark.django_db
URL = "/api/v1/contracts"


@pytest.fixture
def body(insurer):
    return {
        "insurer": str(insurer.pk), "adherent": str(make_adherent(insurer).pk), "contract_number": "K-2026",
        "plan_type": "family", "start_date": "2026-01-01", "end_date": "2026-12-31", "carence_days": 30,
        "annual_limit": 2_000_000, "currency": "TND", "coverage": COVERAGE, "exclusions": EXCLUSIONS, "status": "active",
    }  # fmt: skip


class TestWriting:
    def test_answers_every_term_and_makes_the_subscriber_a_member(self, api, ines, body) -> None:
        answer = api(ines).post(URL, body)
        assert answer.status_code == 201, answer.content
        written = answer.json()
        assert {name: written[name] for name in body} == body
        assert (written["status_from"], written["renews"]) == ("2026-01-01", None)
        member = ContractMember.objects.get()
        assert (member.relation, str(member.adherent_id), member.joined_on) == (
            "self", body["adherent"], date(2026, 1, 1),
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("field", "value", "path"),
        [
            ("coverage", {"dental": {"rate_bp": 10_001}}, "coverage.dental.rate_bp: "),
            ("coverage", {"dental": {"rate_bp": -1}}, "coverage.dental.rate_bp: "),
            ("coverage", {"dental": {"rate_bp": 7000.0}}, "coverage.dental.rate_bp: "),
            ("coverage", {"dental": {"rate_bp": "7000"}}, "coverage.dental.rate_bp: "),
            ("coverage", {"dental": {"rate_bp": True}}, "coverage.dental.rate_bp: "),
            ("coverage", {"dental": {}}, "coverage.dental: "),
            ("coverage", {"vision": {"rate_bp": 7000}}, "coverage: "),
            ("coverage", {"dental": {"rate_bp": 7000, "ratebp": 1}}, "coverage.dental: "),
            ("coverage", {"pharmacy": {"rate_bp": 1, "brand_policy": "cheap"}}, "coverage.pharmacy.brand_policy: "),
            (
                "coverage",
                {"dental": {"rate_bp": 1, "acts": {"HBLD634": {"cap": -5}}}},
                "coverage.dental.acts.HBLD634.cap: ",
            ),
            ("coverage", {"dental": {"rate_bp": 1, "acts": {"A\x00": {}}}}, "coverage: "),
            ("coverage", [], "coverage: "),
            ("exclusions", [{"prefix": "COSM"}, {"until_date": "2026-01-01"}], "exclusions[1]: "),
            ("exclusions", [{"code": "X", "until_date": "demain"}], "exclusions[0].until_date: "),
            ("exclusions", {"prefix": "COSM"}, "exclusions: "),
        ],
    )  # fmt: skip
    def test_a_document_that_does_not_fit_is_told_with_its_path(
        self, api, ines, body, field, value, path
    ) -> None:
        answer = api(ines).post(URL, {**body, field: value})
        assert answer.status_code == 400, answer.content
        assert answer.json()["error"]["details"][field][0].startswith(path)
        assert Contract.objects.count() == 0

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("end_date", "2025-12-31"), ("start_date", "pas un jour"), ("carence_days", -1), ("annual_limit", -1),
            ("annual_limit", 1.5), ("currency", "USD"), ("plan_type", "group"), ("status", "open"),
            ("contract_number", ""), ("contract_number", "x" * 41), ("adherent", "x"), ("coverage", None),
            ("limit_by_dependants", []), ("limit_by_dependants", [1, -2]),
        ],
    )  # fmt: skip
    def test_bad_input_is_named_and_writes_nothing(self, api, ines, body, field, value) -> None:
        answer = api(ines).post(URL, {**body, field: value})
        assert answer.status_code == 400, answer.content
        assert field in answer.json()["error"]["details"]
        assert (Contract.objects.count(), ContractMember.objects.count()) == (0, 0)

    def test_one_yearly_limit_or_one_by_dependants(self, api, ines, body) -> None:
        both = api(ines).post(URL, {**body, "limit_by_dependants": [200_000, 300_000]})
        assert (both.status_code, list(both.json()["error"]["details"])) == (400, ["annual_limit"])
        one = api(ines).post(URL, {**body, "annual_limit": None, "limit_by_dependants": [200_000, 300_000]})
        assert one.status_code == 201
        contract = Contract.objects.get()
        assert [contract.limit_for(n) for n in range(4)] == [200_000, 300_000, 300_000, 300_000]

    def test_a_number_is_given_once_per_insurer(self, api, ines, nora, body, other_insurer) -> None:
        api(ines).post(URL, body)
        again = api(ines).post(URL, body)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "CONTRACT_NUMBER_TAKEN")
        other = {**body, "insurer": str(other_insurer.pk), "adherent": str(make_adherent(other_insurer).pk)}
        assert api(nora).post(URL, other).status_code == 201

    def test_another_insurers_person_reads_as_nobody(self, api, ines, body, other_insurer) -> None:
        foreign = make_adherent(other_insurer)
        answers = [
            api(ines).post(URL, {**body, "adherent": key}).json()["error"]["details"]
            for key in (str(foreign.pk), "0198c3a0-0000-7000-8000-000000000000")
        ]
        assert answers[0] == answers[1]
        assert list(answers[0]) == ["adherent"]


class TestReading:
    def test_a_provider_reads_whether_it_holds_and_no_terms(self, api, ana, insurer) -> None:
        contract = make_contract(insurer)
        (row,) = api(ana).get(URL, {"contract_number": contract.contract_number}).json()["results"]
        assert set(row) == {
            "id", "insurer", "adherent", "contract_number", "plan_type", "start_date", "end_date", "currency", "status",
            "status_from",
        }  # fmt: skip
        assert api(ana).get(f"{URL}/{contract.pk}").json() == row
        assert api(ana).get(URL).json()["count"] == 0
        assert api(ana).get(URL, {"status": "active"}).json()["count"] == 0
        assert api(ana).get(f"{URL}/{contract.pk}/members").json()["count"] == 1

    def test_another_insurer_finds_nothing(self, api, nora, insurer) -> None:
        contract = make_contract(insurer)
        assert api(nora).get(f"{URL}/{contract.pk}").status_code == 404
        assert api(nora).get(f"{URL}/{contract.pk}/members").status_code == 404
        assert api(nora).patch(f"{URL}/{contract.pk}", {"status": "cancelled"}).status_code == 404
        assert api(nora).get(URL, {"contract_number": contract.contract_number}).json()["count"] == 0

    @pytest.mark.parametrize("path", ["", "members"])
    def test_reads_the_same_statements_for_one_row_and_for_fifty(self, api, omar, insurer, path) -> None:
        contract = make_contract(insurer)
        url = f"{URL}/{contract.pk}/members" if path else URL
        client, counts = api(omar), []
        for _round in range(2):
            with CaptureQueriesContext(connection) as queries:
                body = client.get(url, {"page_size": 200}).json()
            counts.append(len(queries))
            for _n in range(49):
                make_member(contract) if path else make_contract(insurer)
        assert body["count"] == 50
        assert counts[0] == counts[1]


class TestStatus:
    def test_counts_from_the_day_that_is_given(self, api, ines, insurer) -> None:
        contract = make_contract(insurer)
        sent = {"status": "suspended", "status_from": "2026-06-10", "status_reason": "Impayé"}
        answer = api(ines).patch(f"{URL}/{contract.pk}", sent)
        assert {name: answer.json()[name] for name in sent} == sent
        contract.refresh_from_db()
        assert [contract.status_on(date(2026, 6, day)) for day in (9, 10)] == ["active", "suspended"]

    def test_counts_from_today_else(self, api, ines, insurer) -> None:
        contract = make_contract(insurer)
        answer = api(ines).patch(f"{URL}/{contract.pk}", {"status": "cancelled"})
        from django.utils import timezone

        assert answer.json()["status_from"] == timezone.now().astimezone(insurer.zone).date().isoformat()

    def test_remembers_what_it_was_between(self, api, ines, insurer) -> None:
        contract = make_contract(insurer)
        for status, since in (
            ("suspended", "2026-03-01"),
            ("active", "2026-04-01"),
            ("cancelled", "2026-09-01"),
        ):
            answer = api(ines).patch(f"{URL}/{contract.pk}", {"status": status, "status_from": since})
            assert answer.status_code == 200, answer.content
        contract.refresh_from_db()
        days = [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 1), date(2026, 8, 31), date(2026, 9, 1)]
        assert [contract.status_on(day) for day in days] == [
            "active", "suspended", "active", "active", "cancelled",
        ]  # fmt: skip
        assert contract.ends_on() == date(2026, 8, 31)

    def test_a_cancelled_contract_stays_cancelled(self, api, ines, insurer) -> None:
        contract = make_contract(insurer, status="cancelled")
        answer = api(ines).patch(f"{URL}/{contract.pk}", {"status": "active"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ILLEGAL_TRANSITION")
        assert answer.json()["error"]["details"]["allowed"] == []

    def test_expires_after_its_last_day_in_the_insurers_calendar(self, insurer) -> None:
        over = make_contract(insurer, start_date=date(2025, 11, 23), end_date=date(2026, 11, 22))
        last = make_contract(insurer, start_date=date(2025, 11, 24), end_date=date(2026, 11, 23))
        gone = make_contract(insurer, status="cancelled", end_date=date(2026, 11, 1))
        night = SystemActor("test-night")
        assert expire_contracts(actor=night, insurer=insurer, at=NOW) == 1
        assert expire_contracts(actor=night, insurer=insurer, at=NOW) == 0
        found = dict(Contract.objects.values_list("pk", "status"))
        assert found == {over.pk: "expired", last.pk: "active", gone.pk: "cancelled"}
        over.refresh_from_db()
        assert over.status_from == date(2026, 11, 23)
        assert over.status_on(date(2026, 11, 22)) == "active"


class TestLimits:
    def test_a_new_limit_reaches_the_balances(self, api, ines, insurer) -> None:
        contract = make_contract(insurer)
        for scope, limit in (("*", 2_000_000), ("dental", 800_000), ("deductible:dental", None)):
            ContractBalance.objects.create(
                insurer=insurer, contract=contract, scope=scope, period_start=date(2026, 1, 1),
                period_end=date(2026, 12, 31), limit_amount=limit, used=700_000,
            )  # fmt: skip
        dental = {
            **COVERAGE,
            "dental": {"rate_bp": 6000, "annual_sublimit": 750_000, "deductible_annual": 700_000},
        }
        answer = api(ines).patch(f"{URL}/{contract.pk}", {"annual_limit": None, "coverage": dental})
        assert answer.status_code == 200, answer.content
        assert dict(ContractBalance.objects.values_list("scope", "limit_amount")) == {
            "*": None, "dental": 750_000, "deductible:dental": 700_000,
        }  # fmt: skip

    def test_a_limit_below_what_is_used_is_refused(self, api, ines, insurer) -> None:
        contract = make_contract(insurer)
        ContractBalance.objects.create(
            insurer=insurer, contract=contract, scope="*", period_start=date(2026, 1, 1),
            period_end=date(2026, 12, 31), limit_amount=2_000_000, used=700_000,
        )  # fmt: skip
        answer = api(ines).patch(f"{URL}/{contract.pk}", {"annual_limit": 699_999})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "LIMIT_BELOW_USED")
        contract.refresh_from_db()
        assert contract.annual_limit == 2_000_000


class TestMembers:
    def test_join_on_the_first_day_or_later(self, api, ines, insurer) -> None:
        contract, child = make_contract(insurer), make_adherent(insurer, first_name="Youssef")
        sent = {"adherent": str(child.pk), "relation": "child"}
        answer = api(ines).post(f"{URL}/{contract.pk}/members", sent)
        assert answer.status_code == 201, answer.content
        assert answer.json()["joined_on"] == "2026-01-01"
        late = make_adherent(insurer)
        sent = {
            "adherent": str(late.pk),
            "relation": "spouse",
            "joined_on": "2026-05-02",
            "left_on": "2026-08-31",
        }
        assert api(ines).post(f"{URL}/{contract.pk}/members", sent).json()["left_on"] == "2026-08-31"

    @pytest.mark.parametrize(
        ("changes", "status", "about"),
        [
            ({"relation": "self"}, 400, "relation"), ({"relation": "cousin"}, 400, "relation"),
            ({"joined_on": "2027-01-01"}, 400, "joined_on"), ({"joined_on": "2025-12-31"}, 400, "joined_on"),
            ({"left_on": "2025-12-31"}, 400, "left_on"), ({"adherent": "x"}, 400, "adherent"),
        ],
    )  # fmt: skip
    def test_bad_input_is_named_and_writes_nothing(self, api, ines, insurer, changes, status, about) -> None:
        contract, child = make_contract(insurer), make_adherent(insurer)
        answer = api(ines).post(
            f"{URL}/{contract.pk}/members", {"adherent": str(child.pk), "relation": "child", **changes}
        )
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (status, [about])
        assert contract.members.count() == 1

    def test_a_person_is_a_member_once_at_a_time(self, api, ines, insurer) -> None:
        contract = make_contract(insurer)
        member = make_member(contract, left_on=date(2026, 3, 31))
        url, who = f"{URL}/{contract.pk}/members", {"adherent": str(member.adherent_id), "relation": "child"}
        again = api(ines).post(url, {**who, "joined_on": "2026-03-31"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_MEMBER")
        assert api(ines).post(url, {**who, "joined_on": "2026-04-01"}).status_code == 201

    def test_an_individual_contract_covers_one(self, api, ines, insurer) -> None:
        contract, child = make_contract(insurer, plan_type="individual"), make_adherent(insurer)
        answer = api(ines).post(
            f"{URL}/{contract.pk}/members", {"adherent": str(child.pk), "relation": "child"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PLAN_COVERS_ONE")

    def test_leave(self, api, ines, nora, insurer) -> None:
        contract = make_contract(insurer)
        member = make_member(contract)
        url = f"{URL}/{contract.pk}/members/{member.pk}"
        assert api(nora).patch(url, {"left_on": "2026-06-30"}).status_code == 404
        assert api(ines).patch(url, {"left_on": "2026-06-30"}).json()["left_on"] == "2026-06-30"
        assert api(ines).patch(url, {"relation": "self"}).status_code == 400
        member.refresh_from_db()
        assert [member.covers(date(2026, 6, 30)), member.covers(date(2026, 7, 1))] == [True, False]


class TestRenewal:
    """The wait counts from the first day of an unbroken chain."""

    def chain(self, insurer, *years: tuple[date, date], **terms):
        person = make_adherent(insurer)
        return [
            make_contract(insurer, person, start_date=first, end_date=last, **terms) for first, last in years
        ]

    def test_a_contract_that_follows_at_once_renews(self, insurer) -> None:
        one, two, three = self.chain(
            insurer,
            (date(2024, 1, 1), date(2024, 12, 31)),
            (date(2025, 1, 1), date(2025, 12, 31)),
            (date(2026, 1, 1), date(2026, 12, 31)),
        )
        assert (two.renews, three.renews) == (one, two)
        assert waiting_since(contract=three, adherent_id=three.adherent_id) == date(2024, 1, 1)

    def test_a_day_between_breaks_it(self, insurer) -> None:
        _one, two = self.chain(
            insurer, (date(2025, 1, 1), date(2025, 12, 31)), (date(2026, 1, 2), date(2026, 12, 31))
        )
        assert two.renews is None
        assert waiting_since(contract=two, adherent_id=two.adherent_id) == date(2026, 1, 2)

    def test_cover_that_runs_beside_it_is_no_renewal(self, insurer) -> None:
        _one, two = self.chain(
            insurer, (date(2025, 1, 1), date(2026, 12, 31)), (date(2026, 6, 1), date(2027, 5, 31))
        )
        assert two.renews is None
        assert waiting_since(contract=two, adherent_id=two.adherent_id) == date(2026, 6, 1)

    def test_a_cancellation_breaks_it(self, insurer, api, ines) -> None:
        person = make_adherent(insurer)
        one = make_contract(insurer, person, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
        api(ines).patch(f"{URL}/{one.pk}", {"status": "cancelled", "status_from": "2025-10-01"})
        two = make_contract(insurer, person, start_date=date(2026, 1, 1), end_date=date(2026, 12, 31))
        assert two.renews is None
        assert waiting_since(contract=two, adherent_id=person.pk) == date(2026, 1, 1)

    def test_who_joins_late_waits_from_then(self, insurer) -> None:
        (contract,) = self.chain(insurer, (date(2026, 1, 1), date(2026, 12, 31)))
        late = make_member(contract, joined_on=date(2026, 5, 1))
        assert waiting_since(contract=contract, adherent_id=late.adherent_id) == date(2026, 5, 1)
        assert waiting_since(contract=contract, adherent_id=make_adherent(insurer).pk) is None

    def test_a_dependants_own_chain_counts(self, insurer) -> None:
        one, two = self.chain(
            insurer, (date(2025, 1, 1), date(2025, 12, 31)), (date(2026, 1, 1), date(2026, 12, 31))
        )
        child = make_member(one, joined_on=date(2025, 6, 1)).adherent
        make_member(two, adherent=child)
        assert waiting_since(contract=two, adherent_id=child.pk) == date(2025, 6, 1)
        assert waiting_since(contract=two, adherent_id=two.adherent_id) == date(2025, 1, 1)

    def test_another_insurers_years_do_not_count(self, insurer, other_insurer) -> None:
        person = make_adherent(other_insurer, national_id="05555555")
        make_contract(other_insurer, person, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
        here = make_adherent(insurer, national_id="05555555")
        contract = make_contract(insurer, here)
        assert waiting_since(contract=contract, adherent_id=here.pk) == date(2026, 1, 1)
