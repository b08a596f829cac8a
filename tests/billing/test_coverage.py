"""Coverage: what the scheme and a complementary insurer pay of each line, and what is left to the patient."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.billing.coverage import CoverableLine, Terms, TooMuchCovered, cover
from apps.billing.models import Invoice, InvoiceItem, InvoiceShare
from apps.billing.services import LineInput, ShareInput, issue_invoice, update_draft
from apps.billing.services.drafts import add_up
from apps.billing.services.lines import price_line
from apps.billing.services.shares import SharesDoNotAddUp, build_shares
from apps.catalog.models import Tariff
from apps.core.errors import InvalidInput
from apps.core.models import new_id
from apps.directory.models import Insurer
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_draft, make_issued
from tests.billing.test_admin import address, rows
from tests.billing.test_issue_invoice import execute
from tests.figures import FULL, figure

__all__ = ["browser"]

URL = "/api/v1/invoices"
CROWN = CoverableLine(fee=70_000, base=12_000, rate_bp=6_000)
SCHEME = Terms(mandatory=True)
RUNS = 10_000 if FULL else 300


def complementary(percent):
    return Terms(rate_bp=percent * 100)


class TestCover:
    def test_pays_a_crown_as_the_worked_case_says(self):
        assert cover([CROWN], [SCHEME, complementary(300)]) == [[7_200, 28_800, 34_000]]

    @pytest.mark.parametrize(
        ("fee", "base", "paid"), [(2300, 2300, 1380), (11440, 11440, 6864), (2892, 2892, 1735)]
    )
    def test_rounds_the_scheme_s_part_half_up(self, fee, base, paid):
        assert cover([CoverableLine(fee=fee, base=base, rate_bp=6_000)], [SCHEME]) == [[paid, fee - paid]]

    def test_takes_the_rate_somebody_named_before_the_act_s(self):
        assert cover([CROWN], [replace(SCHEME, rate_bp=10_000)]) == [[12_000, 58_000]]

    def test_pays_no_more_than_the_fee(self):
        cheap = replace(CROWN, fee=20_000)

        assert cover([cheap], [SCHEME, complementary(300)]) == [[7_200, 12_800, 0]]
        assert cover([replace(CROWN, fee=5_000)], [SCHEME, complementary(300)]) == [[5_000, 0, 0]]
        assert cover([replace(CROWN, fee=0)], [SCHEME, complementary(300)]) == [[0, 0, 0]]

    def test_includes_what_was_paid_before(self):
        assert cover([CROWN], [SCHEME, complementary(50)]) == [[7_200, 0, 62_800]]
        assert cover([CROWN], [SCHEME, complementary(100), complementary(150)]) == [
            [7_200, 4_800, 6_000, 52_000]
        ]

    def test_pays_nothing_of_care_without_a_base(self):
        assert cover([CoverableLine(fee=40_000)], [SCHEME, complementary(300)]) == [[0, 0, 40_000]]

    def test_lets_the_scheme_pay_first_wherever_it_is_named(self):
        assert cover([CROWN], [complementary(300), SCHEME]) == [[28_800, 7_200, 34_000]]

    def test_spreads_a_lump_sum_over_what_is_left(self):
        lines = [CROWN, CoverableLine(fee=37_200)]

        assert cover(lines, [SCHEME, Terms(lump=10_000)]) == [[7_200, 6_280, 56_520], [0, 3_720, 33_480]]

    def test_cuts_a_lump_sum_but_no_fixed_amount(self):
        assert cover([CROWN], [Terms(lump=99_999)]) == [[70_000, 0]]
        with pytest.raises(TooMuchCovered):
            cover([CROWN], [Terms(lump=70_001, exact=True)])


amounts = st.integers(0, 10_000_000)
rates = st.integers(0, 60_000)


@st.composite
def items(draw):
    quantity, unit_price = draw(st.integers(1, 40)), draw(amounts)
    return InvoiceItem(
        quantity=quantity,
        unit_price=unit_price,
        discount=draw(st.integers(0, quantity * unit_price)),
        vat_code=draw(st.sampled_from(["EXEMPT", "EXEMPT", "EXEMPT", "STD20"])),
        vat_rate_bp=draw(st.sampled_from([0, 2000])),
        brss=draw(st.none() | amounts),
        rate_bp=draw(st.none() | st.integers(0, 10_000)),
    )


@st.composite
def insurers_shares(draw):
    kind = draw(st.sampled_from(["mandatory", "complementary"]))
    insurer = Insurer(name="x", kind=kind)
    basis = draw(st.sampled_from(["rate", "lump"]))
    terms = {"rate_bp": draw(rates)} if basis == "rate" else {"lump": draw(amounts)}
    return ShareInput(payer="insurer", insurer=insurer, kind=kind, basis=basis, **terms)


class TestEveryAmount:
    @pytest.mark.figures
    def test_lines_total_and_shares_are_one_sum(self):
        runs = 0

        @settings(max_examples=RUNS, deadline=None)
        @given(
            lines=st.lists(items(), max_size=12),
            asked=st.lists(insurers_shares(), max_size=4),
        )
        def hold(lines, asked):
            nonlocal runs
            runs += 1
            invoice = Invoice(practice_id=new_id(), currency="EUR")
            for line in lines:
                price_line(line)
            add_up(invoice, lines)

            shares = build_shares(invoice, asked, lines)

            assert sum(line.quantity * line.unit_price - line.discount for line in lines) == (
                invoice.total_amount
            )
            assert sum(share.amount for share in shares) == invoice.total_amount
            assert all(share.amount >= 0 for share in shares)

        hold()
        figure("billing_shares_readd_runs", runs, ">=10000" if FULL else ">=300")
        assert runs >= RUNS

    @settings(max_examples=RUNS, deadline=None)
    @given(fee=amounts, base=amounts, scheme=st.integers(0, 10_000), rate=rates, more=st.integers(0, 10_000))
    def test_a_higher_rate_never_pays_less(self, fee, base, scheme, rate, more):
        line = CoverableLine(fee=fee, base=base, rate_bp=scheme)

        lower, higher = (cover([line], [SCHEME, Terms(rate_bp=r)])[0] for r in (rate, rate + more))

        assert lower[0] == higher[0]
        assert lower[1] <= higher[1]
        assert lower[2] >= higher[2] >= 0


@pytest.fixture
def crown(acts, acting, ana):
    """The act of the worked case: a free fee, a base of 120.00."""
    with acting(ana):
        Tariff.objects.filter(act=acts["HBLD403"]).update(brss=12000, rate_bp=6000)
    return acts["HBLD403"]


@pytest.fixture
def body(patient, practitioner, crown, insurer, other_insurer):
    return {
        "patient": str(patient.pk),
        "practitioner": str(practitioner.pk),
        "items": [{"act": str(crown.pk), "tooth": "14", "unit_price": 70000, "vat_reason": "Fracture"}],
        "coverage": {
            "mandatory": {"insurer": str(other_insurer.pk)},
            "complementary": [{"insurer": str(insurer.pk), "rate_bp": 30000}],
        },
    }


def shares(answer):
    return [(row["kind"], row["amount"]) for row in answer.json()["shares"]]


D1 = [("mandatory", 7200), ("complementary", 28800), (None, 34000)]


@pytest.mark.django_db
class TestApi:
    def test_answers_the_shares_and_every_line_shared_out(self, api, ana, body, insurer, other_insurer):
        answer = api(ana).post(URL, body)

        assert answer.status_code == 201, answer.json()
        assert shares(answer) == D1
        coverage = answer.json()["coverage"]
        assert coverage["lines"] == [
            {
                "position": 1,
                "base": 12000,
                "parts": [
                    {
                        "payer": "insurer",
                        "insurer": str(other_insurer.pk),
                        "kind": "mandatory",
                        "amount": 7200,
                    },
                    {
                        "payer": "insurer",
                        "insurer": str(insurer.pk),
                        "kind": "complementary",
                        "amount": 28800,
                    },
                    {"payer": "patient", "insurer": None, "kind": None, "amount": 34000},
                ],
            }
        ]
        assert [(t["basis"], t["rate_bp"], t["amount"]) for t in coverage["terms"]] == [
            ("rate", None, 7200),
            ("rate", 30000, 28800),
        ]

    def test_counts_the_base_once_per_piece_and_takes_discounts_off_the_fee(self, api, ana, body):
        body["items"][0] |= {"quantity": 2, "unit_price": 20000, "discount": 3000}

        answer = api(ana).post(URL, body)

        assert shares(answer) == [("mandatory", 14400), ("complementary", 22600), (None, 0)]

    def test_covers_no_care_that_is_taxed(self, api, ana, body):
        body["items"][0] |= {"vat_code": "STD20", "vat_reason": ""}

        assert shares(api(ana).post(URL, body)) == [
            ("mandatory", 0),
            ("complementary", 0),
            (None, 70000),
        ]

    def test_computes_anew_when_the_lines_change(self, api, ana, body):
        client = api(ana)
        draft = client.post(URL, body).json()["id"]
        body["items"][0]["unit_price"] = 20000

        answer = client.patch(f"{URL}/{draft}", {"items": body["items"]})

        assert shares(answer) == [("mandatory", 7200), ("complementary", 12800), (None, 0)]

    def test_replaces_the_coverage_by_another_or_by_shares(self, api, ana, body, insurer):
        client = api(ana)
        draft = client.post(URL, body).json()["id"]

        lump = {"complementary": [{"insurer": str(insurer.pk), "lump_amount": 10000}]}
        assert shares(client.patch(f"{URL}/{draft}", {"coverage": lump})) == [
            ("complementary", 10000),
            (None, 60000),
        ]
        fixed = [{"payer": "insurer", "insurer": str(insurer.pk), "amount": 5000}]
        answer = client.patch(f"{URL}/{draft}", {"shares": fixed})
        assert shares(answer) == [("complementary", 5000), (None, 65000)]
        assert answer.json()["coverage"] is None

    @pytest.mark.parametrize(
        "coverage",
        [
            {"mandatory": {"insurer": "<insurer>", "rate_bp": 10001}},
            {"mandatory": {"insurer": "<insurer>", "rate_bp": -1}},
            {"mandatory": {"rate_bp": 6000}},
            {"complementary": [{"insurer": "<insurer>"}]},
            {"complementary": [{"insurer": "<insurer>", "rate_bp": 1, "lump_amount": 1}]},
            {"complementary": [{"insurer": "<insurer>", "lump_amount": -1}]},
            {"complementary": [{"insurer": "0192d3c4-0000-7000-8000-000000000000", "rate_bp": 1}]},
            {"complementary": [{"insurer": "<insurer>", "rate_bp": n} for n in (1, 2)]},
        ],
    )
    def test_refuses_bad_coverage_and_writes_nothing(self, api, ana, body, insurer, coverage):
        body["coverage"] = json.loads(json.dumps(coverage).replace("<insurer>", str(insurer.pk)))

        answer = api(ana).post(URL, body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
        assert not Invoice.objects.exists()

    def test_refuses_shares_and_coverage_together(self, api, ana, body):
        body["shares"] = []

        assert api(ana).post(URL, body).status_code == 400
        assert not Invoice.objects.exists()

    def test_hides_the_draft_from_another_practice(self, api, ana, cleo, body):
        draft = api(ana).post(URL, body).json()["id"]

        assert api(cleo).patch(f"{URL}/{draft}", {"coverage": {}}).status_code == 404

    def test_costs_the_same_queries_with_many_lines(self, api, ana, body):
        client, line = api(ana), {"label": "Soin", "unit_price": 2500}

        def queries(lines):
            with CaptureQueriesContext(connection) as seen:
                answer = client.post(URL, {**body, "items": [*body["items"], *[line] * lines]})
            assert answer.status_code == 201
            return len(seen)

        queries(1)
        assert queries(1) == queries(50)


@pytest.mark.django_db
class TestIssue:
    def test_keeps_the_computed_shares_for_good(self, ana, crown, insurer, patient, practitioner, at):
        terms = ShareInput(payer="insurer", insurer=insurer, basis="rate", rate_bp=30000)
        draft = make_draft(practitioner, patient, at, 5000, shares=[terms])
        line = LineInput(act=crown, tooth="14", unit_price=70000, vat_reason="Fracture")
        update_draft(actor=ana, invoice=draft, lines=[line], at=at)

        issue_invoice(actor=MAKER, invoice=draft, at=at)

        assert list(draft.shares.order_by("position").values_list("amount", flat=True)) == [36000, 34000]
        for statement in (
            "UPDATE billing_invoiceshare SET basis = 'given', rate_bp = NULL",
            "UPDATE billing_invoiceshare SET rate_bp = 1 WHERE payer = 'insurer'",
            "UPDATE billing_invoiceshare SET basis = 'lump', lump_amount = 1, rate_bp = NULL WHERE payer = 'insurer'",
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                execute(statement)

    def test_credits_it_in_proportion(self, insurer, patient, practitioner, at):
        terms = ShareInput(payer="insurer", insurer=insurer, basis="lump", lump=2000)
        invoice = make_issued(practitioner, patient, at, 5000, shares=[terms])

        from apps.billing.services import credit_invoice

        note = credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=at)
        assert list(note.shares.order_by("position").values_list("amount", "basis")) == [
            (2000, "given"),
            (3000, "given"),
        ]


@pytest.mark.django_db
class TestMixedShares:
    def test_takes_fixed_amounts_beside_rates(self, insurer, other_insurer, patient, practitioner, at):
        fixed = ShareInput(payer="insurer", insurer=insurer, amount=1000)
        lump = ShareInput(payer="insurer", insurer=other_insurer, basis="lump", lump=9999)

        draft = make_draft(practitioner, patient, at, 5000, shares=[fixed, lump])

        assert list(draft.shares.order_by("position").values_list("amount", flat=True)) == [1000, 4000, 0]

    def test_refuses_a_fixed_amount_beyond_the_fees(self, insurer, other_insurer, patient, practitioner, at):
        fixed = ShareInput(payer="insurer", insurer=insurer, amount=5001)
        lump = ShareInput(payer="insurer", insurer=other_insurer, basis="lump", lump=1)

        with pytest.raises(SharesDoNotAddUp):
            make_draft(practitioner, patient, at, 5000, shares=[fixed, lump])

    @pytest.mark.parametrize(
        "terms",
        [{}, {"basis": "rate"}, {"basis": "lump"}, {"basis": "lump", "lump": -1}, {"amount": 1, "lump": 1}],
    )
    def test_refuses_terms_that_say_nothing_or_two_things(self, insurer, patient, practitioner, at, terms):
        share = ShareInput(payer="insurer", insurer=insurer, kind="complementary", **terms)

        with pytest.raises(InvalidInput):
            make_draft(practitioner, patient, at, 5000, shares=[share])
        assert not InvoiceShare.objects.exists()


@pytest.mark.django_db
class TestAdmin:
    def fill(self, crown, insurer, other_insurer, **share):
        return {
            **rows(
                "items",
                {"act": str(crown.pk), "tooth": "14", "quantity": "1", "price": "700", "vat_reason": "x"},
            ),
            **rows(
                "shares",
                {"insurer": str(other_insurer.pk), "kind": "mandatory"},
                {"insurer": str(insurer.pk), "kind": "complementary", "rate": "300 %"} | share,
            ),
        }

    def test_writes_the_coverage_and_shows_every_line_shared_out(
        self, browser, ana, patient, practitioner, crown, insurer, other_insurer
    ):
        form = {"patient": str(patient.pk), "practitioner": str(practitioner.pk), "language": "fr"}
        client = browser(ana)

        answer = client.post(address("invoice_add"), form | self.fill(crown, insurer, other_insurer))

        assert answer.status_code == 302, answer.content.decode()[:2000]
        draft = Invoice.objects.get()
        assert list(draft.shares.order_by("position").values_list("basis", "rate_bp", "amount")) == [
            ("rate", None, 7200),
            ("rate", 30000, 28800),
            ("given", None, 34000),
        ]
        page = client.get(address("invoice_change", draft.pk)).content.decode()
        for amount in ("120,00", "72,00", "288,00", "340,00"):
            assert f"{amount}\u00a0€" in page

    @pytest.mark.parametrize("rate", ["three", "-5", "12345", "1,234"])
    def test_shows_the_form_again_when_a_rate_is_not_understood(
        self, browser, ana, patient, practitioner, crown, insurer, other_insurer, rate
    ):
        form = {"patient": str(patient.pk), "practitioner": str(practitioner.pk), "language": "fr"}

        answer = browser(ana).post(
            address("invoice_add"), form | self.fill(crown, insurer, other_insurer, rate=rate)
        )

        assert answer.status_code == 200
        assert not Invoice.objects.exists()
