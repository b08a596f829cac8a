"""Quotes over HTTP, and the public page behind their link."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AccessEntry, AuditEntry
from apps.billing.links import link_of, token_of
from apps.billing.models import BillingDocument, Quote, QuoteDecision
from apps.billing.rendering_quotes import load_quote, render_quote
from apps.billing.services import QuoteLine, render_documents
from apps.clinical.models import Treatment
from tests.billing.making import make_patient
from tests.billing.quoting import make_crowns, make_issued_quote, make_quote

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/quotes"


@pytest.fixture
def crowns(acts):
    return make_crowns()


@pytest.fixture
def patient(practice, acts):
    return make_patient(practice, birth_date="1980-02-03")


@pytest.fixture
def issued(crowns, acts, patient, practitioner, at):
    line = QuoteLine(
        act=crowns["HBLD734"], tooth="26", material="Alliage CoCr, céramique", device_price=18000
    )
    return make_issued_quote(
        practitioner, patient, at, line, QuoteLine(act=acts["HBJD001"]), valid_until=date(2199, 1, 1)
    )


def code_of(answer):
    return answer.json()["error"]["code"]


class TestQuotes:
    def test_go_from_draft_to_planned_treatments(self, api, ana, ben, crowns, patient, at):
        body = {
            "patient": str(patient.pk),
            "items": [{"act": str(crowns["HBLD734"].pk), "tooth": "26"}],
            "manufacture": "eu",
        }
        draft = api(ana).post(URL, body)
        assert draft.status_code == 201, draft.json()
        got = draft.json()
        assert (got["status"], got["number"], got["total_amount"], got["remainder_amount"]) == (
            "draft", None, 75000, 67800
        )  # fmt: skip
        assert [item["code"] for item in got["items"]] == ["HBLD734", "HBLD073"]
        assert got["items"][1]["alternative_to"] == got["items"][0]["id"]
        assert got["acceptance_url"] == ""
        one = f"{URL}/{got['id']}"
        assert api(ben).patch(one, {"subcontracted": True}).json()["subcontracted"] is True

        issued = api(ana).post(f"{one}/issue").json()
        assert (issued["number"].startswith("DV-"), issued["status"]) == (True, "issued")
        assert code_of(api(ben).post(f"{one}/accept", {"signer_name": "J"})) == "DOCUMENT_NOT_READY"
        assert api(ben).get(f"{one}/pdf").status_code == 202
        render_documents(at=at.replace(year=2030))
        assert api(ben).get(f"{one}/pdf").content.startswith(b"%PDF-")

        accepted = api(ben).post(
            f"{one}/accept", {"signer_name": "Jeanne Martin", "alternatives": [got["items"][1]["id"]]}
        )
        assert accepted.status_code == 200, accepted.json()
        assert accepted.json()["decision"]["signer_name"] == "Jeanne Martin"
        assert [item["is_chosen"] for item in accepted.json()["items"]] == [False, True]
        assert Treatment.objects.get().act.code == "HBLD073"
        assert code_of(api(ben).post(f"{one}/refuse")) == "ILLEGAL_TRANSITION"

    def test_are_refused_with_a_reason(self, api, ben, issued):
        answer = api(ben).post(f"{URL}/{issued.pk}/refuse", {"reason": "Trop cher"})

        assert (answer.json()["status"], answer.json()["decision"]["reason"]) == ("refused", "Trop cher")

    def test_get_a_new_version(self, api, ana, issued, crowns, patient):
        body = {
            "patient": str(patient.pk),
            "replaces": str(issued.pk),
            "manufacture": "france",
            "items": [{"act": str(crowns["HBLD158"].pk), "tooth": "26"}],
        }
        draft = api(ana).post(URL, body).json()

        answer = api(ana).post(f"{URL}/{draft['id']}/issue").json()

        assert (answer["version"], answer["number"]) == (2, f"{issued.number}/2")
        assert api(ana).get(f"{URL}/{issued.pk}").json()["status"] == "superseded"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", ""),
            ("patch", ""),
            ("post", "/issue"),
            ("post", "/accept"),
            ("post", "/refuse"),
            ("get", "/pdf"),
        ],
    )
    def test_of_another_practice_do_not_exist(self, api, cleo, issued, method, path):
        answer = getattr(api(cleo), method)(f"{URL}/{issued.pk}{path}", {})

        assert (answer.status_code, code_of(answer)) == (404, "NOT_FOUND")

    def test_take_no_patient_of_another_practice(self, api, cleo, patient, crowns):
        body = {"patient": str(patient.pk), "items": [{"act": str(crowns["HBLD158"].pk), "tooth": "26"}]}

        answer = api(cleo).post(URL, body)

        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["patient"])

    def test_are_listed_in_a_constant_number_of_queries(self, api, ben, crowns, patient, practitioner, at):
        def queries():
            client = api(ben)
            with CaptureQueriesContext(connection) as seen:
                assert client.get(f"{URL}?patient={patient.pk}").status_code == 200
            return len(seen)

        line = QuoteLine(act=crowns["HBLD734"], tooth="26")
        make_issued_quote(practitioner, patient, at, line)
        queries()
        before = queries()
        for _ in range(49):
            make_quote(practitioner, patient, at, line)
        assert queries() == before

    def test_leave_a_trail_without_names(self, api, ana, crowns, patient):
        body = {"patient": str(patient.pk), "items": [{"act": str(crowns["HBLD158"].pk), "tooth": "26"}]}
        api(ana).post(URL, body)

        entry = AuditEntry.objects.about(Quote.objects.get()).get()
        assert (entry.event, entry.actor_id) == ("billing.quote.create", ana.pk)
        assert "MARTIN" not in str(entry.changes)


class TestPdf:
    @pytest.mark.parametrize("language", ["fr", "en"])
    def test_shows_the_eleven_columns_and_the_alternative(self, issued, language):
        document = BillingDocument.objects.select_related("quote").get()
        document.language = language
        found = subprocess.run(
            ["pdftotext", "-layout", "-", "-"],
            input=render_quote(load_quote(document)),
            capture_output=True,
            check=True,
        )
        text = re.sub(r"[\u00a0\u202f]", " ", found.stdout.decode())

        money = ["750,00 €", "180,00 €", "120,00 €", "72,00 €", "678,00 €", "440,00 €"]
        for wanted in (
            "DV-2026-000001", "23/11/2026", "01/01/2199", "03/02/1980", "HBLD734", "26", "HBLD073",
            "Alliage CoCr", *(money if language == "fr" else []),
        ):  # fmt: skip
            assert wanted in text, wanted

    def test_is_the_same_later(self, issued):
        document = BillingDocument.objects.select_related("quote").get()

        assert render_quote(load_quote(document)) == render_quote(load_quote(document))


class TestPage:
    @pytest.fixture(autouse=True)
    def rendered(self, issued, at):
        cache.clear()
        render_documents(at=at.replace(year=2030))

    @pytest.fixture
    def page(self, issued):
        browser, path = Client(), urlsplit(link_of(issued)).path
        issued.language = "en"
        return lambda **said: browser.post(path, said) if said else browser.get(path)

    def test_says_nothing_before_the_birth_date(self, page, patient):
        answer = page()

        assert answer.status_code == 200
        assert answer.headers["Referrer-Policy"] == "same-origin"
        for secret in ("Jeanne", "HBLD", "Couronne", "750"):
            assert secret not in answer.content.decode()

    def test_refuses_a_wrong_date_and_remembers_it(self, page):
        answer = page(birth_date="1980-02-04", answer="accept", signer_name="X")

        assert answer.status_code == 403
        assert [e.detail["code"] for e in AccessEntry.objects.filter(kind="denied")] == ["QUOTE_BIRTH_DATE"]
        assert not QuoteDecision.objects.exists()

    def test_closes_after_five_wrong_dates(self, page):
        for _ in range(5):
            assert page(birth_date="1980-02-04").status_code == 403

        assert page(birth_date="1980-02-03").status_code == 429

    def test_lets_the_patient_accept(self, page, issued):
        opened = page(birth_date="1980-02-03")
        other = issued.items.get(alternative_to__isnull=False)
        assert (opened.status_code, "Couronne" in opened.content.decode()) == (200, True)

        answer = page(
            birth_date="1980-02-03", answer="accept", signer_name="Jeanne Martin", alternative=str(other.pk)
        )

        assert answer.status_code == 200
        decision = QuoteDecision.objects.get()
        assert (decision.channel, decision.signer_name, decision.address) == (
            "link",
            "Jeanne Martin",
            "127.0.0.1",
        )
        assert Treatment.objects.filter(act__code="HBLD073").exists()
        assert AccessEntry.objects.filter(event="billing.quote.open_link").exists()

    def test_lets_the_patient_refuse_and_read(self, page, issued):
        assert page(birth_date="1980-02-03", answer="pdf").content.startswith(b"%PDF-")
        assert page(birth_date="1980-02-03", answer="refuse").status_code == 200
        issued.refresh_from_db()
        assert issued.status == "refused"
        assert page(birth_date="1980-02-03", answer="accept", signer_name="J").status_code == 409

    def test_asks_for_a_name(self, page):
        assert page(birth_date="1980-02-03", answer="accept").status_code == 409
        assert not QuoteDecision.objects.exists()

    def test_knows_no_forged_link(self, issued):
        token = token_of(issued)
        for forged in (token[:-2] + "AA", "x", token[:10], "é"):
            assert Client().get(f"/q/{forged}").status_code == 404

    def test_is_open_twenty_times_a_minute(self, page):
        answers = [page().status_code for _ in range(21)]

        assert answers == [200] * 20 + [429]
