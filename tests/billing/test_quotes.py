"""Quotes: written, issued, superseded, accepted, refused, expired."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.billing.models import BillingDocument, Quote, QuoteDecision, QuoteItem
from apps.billing.services import (
    QuoteLine,
    Signature,
    accept_quote,
    expire_quotes,
    issue_quote,
    refuse_quote,
    render_documents,
    update_quote,
)
from apps.billing.services.deciding import DocumentNotReady, QuoteExpired
from apps.billing.services.lines import CapExceeded
from apps.billing.services.quotes import ManufactureMissing, NotReplaceable, QuoteEmpty, QuoteNotDraft
from apps.billing.states import QUOTE
from apps.catalog.teeth import ToothNotAllowed
from apps.clinical.models import Treatment
from apps.core.errors import InvalidInput
from apps.core.storage import private_store
from apps.core.transitions import IllegalTransition
from tests.billing.making import MAKER, make_patient
from tests.billing.quoting import make_crowns, make_issued_quote, make_quote

pytestmark = pytest.mark.django_db(transaction=True)
SIGNED = Signature(signer_name="Jeanne Martin")


@pytest.fixture
def crowns(acts):
    return make_crowns()


@pytest.fixture
def issued(crowns, acts, patient, practitioner, at):
    """A dear crown on 26, which has an alternative, and a scaling, which has none."""
    lines = [QuoteLine(act=crowns["HBLD734"], tooth="26", device_price=18000), QuoteLine(act=acts["HBJD001"])]
    return make_issued_quote(practitioner, patient, at, *lines)


class TestCreateQuote:
    def test_computes_what_is_refunded_and_what_is_left(self, crowns, acts, patient, practitioner, at):
        quote = make_quote(
            practitioner,
            patient,
            at,
            QuoteLine(act=crowns["HBLD734"], tooth="26"),
            QuoteLine(act=acts["HBJD001"]),
        )

        # 750.00 with a base of 120.00 at 60 %: 72.00 refunded; 43.38 at 60 %: 26.03.
        rows = quote.items.filter(alternative_to=None).order_by("position")
        assert [(i.price, i.brss, i.refund_amount, i.remainder_amount) for i in rows] == [
            (75000, 12000, 7200, 67800),
            (4338, 4338, 2603, 1735),
        ]
        assert (quote.total_amount, quote.refund_amount, quote.remainder_amount) == (79338, 9803, 69535)

    def test_adds_the_alternative_without_remainder_that_fits_the_tooth(
        self, crowns, patient, practitioner, at
    ):
        quote = make_quote(practitioner, patient, at, QuoteLine(act=crowns["HBLD734"], tooth="26"))

        other = quote.items.get(alternative_to__isnull=False)
        assert (other.code, other.tooth, other.basket, other.price, other.position) == (
            "HBLD073", "26", "rac0", 44000, 1
        )  # fmt: skip

    def test_adds_the_moderate_one_when_there_is_no_better(
        self, crowns, patient, practitioner, at, acting, dora
    ):
        with acting(dora):
            crowns["HBLD073"].is_active = False
            crowns["HBLD073"].save()

        quote = make_quote(practitioner, patient, at, QuoteLine(act=crowns["HBLD734"], tooth="26"))

        assert quote.items.get(alternative_to__isnull=False).code == "HBLD158"

    def test_adds_none_to_what_leaves_nothing_better(self, crowns, acts, patient, practitioner, at):
        lines = [QuoteLine(act=crowns["HBLD073"], tooth="26"), QuoteLine(act=acts["HBJD001"])]

        assert not make_quote(practitioner, patient, at, *lines).items.filter(alternative_to__isnull=False)

    @pytest.mark.parametrize(
        ("line", "refusal"),
        [
            ({"tooth": "11"}, ToothNotAllowed),
            ({"tooth": "26", "price": -1}, InvalidInput),
            ({"tooth": "26", "price": 100, "device_price": 101}, InvalidInput),
        ],
    )
    def test_refuses(self, crowns, patient, practitioner, at, line, refusal):
        with pytest.raises(refusal):
            make_quote(practitioner, patient, at, QuoteLine(act=crowns["HBLD734"], **line))

        assert not Quote.objects.exists()

    def test_refuses_a_fee_above_the_cap(self, crowns, patient, practitioner, at):
        with pytest.raises(CapExceeded):
            make_quote(practitioner, patient, at, QuoteLine(act=crowns["HBLD073"], tooth="26", price=44001))

    def test_costs_the_same_queries_however_many_lines(self, crowns, patient, practitioner, at):
        def queries(lines):
            with CaptureQueriesContext(
                connection,
            ) as seen:
                make_quote(practitioner, patient, at, *lines)
            return len(seen)

        line = QuoteLine(act=crowns["HBLD734"], tooth="26")
        queries([line])
        assert queries([line]) == queries([line] * 50)


class TestUpdateQuote:
    def test_replaces_the_lines(self, crowns, acts, patient, practitioner, at):
        quote = make_quote(practitioner, patient, at, QuoteLine(act=crowns["HBLD734"], tooth="26"))

        changed = update_quote(
            actor=MAKER, quote=quote, lines=[QuoteLine(act=acts["HBJD001"])], manufacture="eu", at=at
        )

        assert (changed.total_amount, changed.manufacture, changed.items.count()) == (4338, "eu", 1)

    def test_refuses_an_issued_one(self, issued, at):
        with pytest.raises(QuoteNotDraft):
            update_quote(actor=MAKER, quote=issued, manufacture="eu", at=at)


class TestIssueQuote:
    def test_gives_number_validity_and_snapshots(self, issued, at):
        assert (issued.number, issued.status, issued.version) == ("DV-2026-000001", "issued", 1)
        assert (issued.issued_on, issued.valid_until) == (date(2026, 11, 23), date(2027, 5, 22))
        assert issued.seller["name"] == "Cabinet des Lilas"
        assert issued.buyer["name"] == "Jeanne MARTIN"

    def test_refuses_an_empty_one(self, patient, practitioner, at):
        with pytest.raises(QuoteEmpty):
            issue_quote(actor=MAKER, quote=make_quote(practitioner, patient, at), at=at)

    def test_wants_to_know_where_the_device_comes_from(self, crowns, patient, practitioner, at):
        line = QuoteLine(act=crowns["HBLD734"], tooth="26")
        with pytest.raises(ManufactureMissing):
            make_issued_quote(practitioner, patient, at, line, manufacture="none")

    def test_supersedes_the_version_it_replaces(self, issued, acts, patient, practitioner, at):
        second = make_issued_quote(practitioner, patient, at, QuoteLine(act=acts["HBJD001"]), replaces=issued)

        issued.refresh_from_db()
        assert (issued.status, issued.total_amount) == ("superseded", 79338)
        assert (second.number, second.version) == ("DV-2026-000001/2", 2)

    def test_refuses_to_replace_another_patient_s(self, issued, acts, practice, practitioner, at):
        other = make_patient(practice, 2)
        with pytest.raises(NotReplaceable):
            make_quote(practitioner, other, at, QuoteLine(act=acts["HBJD001"]), replaces=issued)

    def test_refuses_to_replace_an_accepted_one(self, issued, acts, patient, practitioner, at):
        render_documents(at=at)
        accept_quote(actor=MAKER, quote=issued, signature=SIGNED, at=at)
        issued.refresh_from_db()

        with pytest.raises(NotReplaceable):
            make_quote(practitioner, patient, at, QuoteLine(act=acts["HBJD001"]), replaces=issued)


class TestFrozen:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_quote SET total_amount = 1, refund_amount = 1, remainder_amount = 0",
            "UPDATE billing_quote SET valid_until = '2030-01-01'",
            "UPDATE billing_quoteitem SET label = 'x'",
            "DELETE FROM billing_quoteitem WHERE alternative_to_id IS NOT NULL",
            "DELETE FROM billing_quote",
            "TRUNCATE billing_quoteitem CASCADE",
        ],
    )
    def test_refuses(self, issued, statement):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_keeps_decisions(self, issued, at):
        refuse_quote(actor=MAKER, quote=issued, signature=SIGNED, at=at)

        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE billing_quotedecision SET decision = 'accepted'")


class TestAcceptQuote:
    def test_signs_the_file_and_plans_the_treatments(self, issued, at):
        render_documents(at=at)

        accept_quote(actor=MAKER, quote=issued, signature=SIGNED, at=at)

        decision = QuoteDecision.objects.get()
        data = private_store().read(BillingDocument.objects.get().storage_key)
        assert decision.document_sha256 == hashlib.sha256(data).hexdigest()
        assert (decision.decision, decision.channel, decision.signer_name) == (
            "accepted", "practice", "Jeanne Martin"
        )  # fmt: skip
        planned = Treatment.objects.order_by("price")
        assert [(t.act.code, t.tooth, t.price, t.status) for t in planned] == [
            ("HBJD001", "", 4338, "planned"),
            ("HBLD734", "26", 75000, "planned"),
        ]
        assert Quote.objects.get().status == "accepted"

    def test_takes_the_alternative_and_records_what_was_refused(self, issued, at):
        render_documents(at=at)
        other = issued.items.get(alternative_to__isnull=False)

        accept_quote(actor=MAKER, quote=issued, signature=SIGNED, alternatives=[other.pk], at=at)

        assert {(i.code, i.is_chosen) for i in QuoteItem.objects.all()} == {
            ("HBLD734", False), ("HBLD073", True), ("HBJD001", True)
        }  # fmt: skip
        assert set(Treatment.objects.values_list("act__code", flat=True)) == {"HBLD073", "HBJD001"}

    def test_refuses_an_alternative_that_is_none(self, issued, at):
        render_documents(at=at)
        main = issued.items.filter(alternative_to=None).first()

        with pytest.raises(InvalidInput):
            accept_quote(actor=MAKER, quote=issued, signature=SIGNED, alternatives=[main.pk], at=at)
        assert not Treatment.objects.exists()

    def test_refuses_before_the_file_is_there(self, issued, at):
        with pytest.raises(DocumentNotReady):
            accept_quote(actor=MAKER, quote=issued, signature=SIGNED, at=at)

    def test_refuses_after_its_validity(self, issued, at):
        render_documents(at=at)
        with pytest.raises(QuoteExpired):
            accept_quote(actor=MAKER, quote=issued, signature=SIGNED, at=at + timedelta(days=181))

    def test_refuses_without_a_name(self, issued, at):
        render_documents(at=at)
        with pytest.raises(InvalidInput):
            accept_quote(actor=MAKER, quote=issued, signature=Signature(signer_name=" "), at=at)

    def test_happens_once(self, issued, at):
        render_documents(at=at)
        accept_quote(actor=MAKER, quote=issued, signature=SIGNED, at=at)

        for verb in (accept_quote, refuse_quote):
            with pytest.raises(IllegalTransition):
                verb(actor=MAKER, quote=issued, signature=SIGNED, at=at)
        assert Treatment.objects.count() == 2


class TestExpireQuotes:
    def test_closes_what_is_past_its_last_day(self, issued, at):
        last = at + timedelta(days=180)
        assert expire_quotes(actor=MAKER, at=last) == 0
        assert expire_quotes(actor=MAKER, at=last + timedelta(days=1)) == 1
        assert expire_quotes(actor=MAKER, at=last + timedelta(days=1)) == 0
        assert Quote.objects.get().status == "expired"


class TestTable:
    @pytest.mark.parametrize(
        ("state", "verbs"),
        [
            ("draft", ["issue"]),
            ("issued", ["accept", "refuse", "expire", "supersede"]),
            ("accepted", []),
            ("refused", ["supersede"]),
            ("expired", ["supersede"]),
            ("superseded", []),
        ],
    )
    def test_allows(self, state, verbs):
        assert QUOTE.verbs_from(state) == verbs
