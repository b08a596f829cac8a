"""Reconciliations over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from apps.insurance.models import Reconciliation, ReconciliationJob
from apps.insurance.services import jobs
from tests.insurance.reconciliations.making import (
    Network,
    make_claim,
    make_network,
)

pytestmark = pytest.mark.django_db
BODY = {"period_start": "2026-10-01", "period_end": "2026-10-31"}
DAY = datetime(2026, 10, 10, 9, tzinfo=UTC)
URL = "/api/v1/reconciliations"


@pytest.fixture
def scene(db: None) -> Network:
    scene = make_network()
    make_claim(scene, scene.doctor, 4_321_115, at=DAY)
    make_claim(scene, scene.pharmacy, 1_234_567, total=1_300_000, at=DAY)
    return scene


def made(api: Any, scene: Network) -> dict[str, Any]:
    answer = api(scene.head).post(URL, BODY)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def text_of(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


class TestReconcile:
    def test_answers_the_whole(self, api, scene) -> None:
        row = made(api, scene)
        assert (row["total_covered"], row["total_retentions"], row["total_net_payable"], row["status"]) == (
            5_555_682,
            129_633,
            5_426_049,
            "generated",
        )
        assert {p["name"]: p["net"] for p in row["providers"]} == {
            "Cabinet Ben Salah": 4_191_482,
            "Pharmacie El Amen": 1_234_567,
        }
        doctor = next(p for p in row["providers"] if p["retentions"])
        assert [(r["code"], r["amount"]) for r in doctor["retention_rows"]] == [("RS3", 129_633)]
        again = api(scene.head).post(URL, BODY)
        assert (again.status_code, again.json()["id"]) == (200, row["id"])

    def test_is_for_ones_own_insurer(self, api, scene, nora) -> None:
        answer = api(nora).post(URL, BODY | {"insurer": str(scene.insurer.pk)})
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"insurer"}

    def test_hands_what_is_large_to_a_worker(self, api, scene, monkeypatch) -> None:
        monkeypatch.setattr(jobs, "LARGE", 1)
        answer = api(scene.head).post(URL, BODY)
        assert answer.status_code == 202
        job = api(scene.head).get(f"/api/v1/reconciliation-jobs/{answer.json()['job']}").json()
        assert (job["state"], job["percent"], job["reconciliation"]) == ("pending", 0, None)
        assert not Reconciliation.objects.exists()
        assert ReconciliationJob.objects.get().requested_by == scene.head.pk
        assert api(scene.head).post(URL, BODY).json() == answer.json()


class TestWay:
    def test_leads_from_generated_to_paid(self, api, scene) -> None:
        row = made(api, scene)
        head, at = api(scene.head), f"{URL}/{row['id']}"
        assert (
            head.post(f"{at}/pay", {"payment_date": "2026-11-20", "payment_reference": "V"}).status_code
            == 409
        )
        assert head.post(f"{at}/send").json()["status"] == "sent"
        assert head.post(f"{at}/cancel", {"reason": "Erreur"}).json()["error"]["details"]["allowed"] == [
            "pay"
        ]
        today = datetime.now(UTC).date().isoformat()
        paid = head.post(f"{at}/pay", {"payment_date": today, "payment_reference": "VIR 7"}).json()
        assert (paid["status"], paid["paid_amount"], paid["payment_reference"]) == (
            "paid",
            5_426_049,
            "VIR 7",
        )
        assert paid["days_outstanding"] == 0

    def test_may_end_with_a_cancellation(self, api, scene) -> None:
        row = made(api, scene)
        answer = api(scene.head).post(f"{URL}/{row['id']}/cancel", {"reason": "Mauvaise période"})
        assert answer.json()["status"] == "cancelled"


class TestProvider:
    def test_reads_its_own_amounts_only(self, api, scene) -> None:
        row = made(api, scene)
        seen = api(scene.paula).get(f"{URL}/{row['id']}").json()
        assert (seen["total_covered"], seen["total_net_payable"], seen["total_retentions"]) == (
            1_234_567,
            1_234_567,
            0,
        )
        assert [p["name"] for p in seen["providers"]] == ["Pharmacie El Amen"]
        lines = api(scene.paula).get(f"{URL}/{row['id']}/lines").json()
        assert [line["covered"] for line in lines["results"]] == [1_234_567]
        assert api(scene.paula).get(URL).json()["results"][0]["total_covered"] == 1_234_567
        sheet = text_of(api(scene.paula).get(f"{URL}/{row['id']}/csv"))
        assert "Ben Salah" not in sheet
        body = json.loads(text_of(api(scene.paula).get(f"{URL}/{row['id']}/json")))
        assert "4321115" not in json.dumps(body)
        assert len(body["lines"]) == 1

    def test_does_not_know_of_others(self, api, scene, cleo, carl) -> None:
        row = made(api, scene)
        other = make_network("GAT")
        assert api(other.doc).get(f"{URL}/{row['id']}").status_code == 404
        assert api(other.head).get(f"{URL}/{row['id']}").status_code == 404
        assert api(cleo).get(URL).status_code == 403


class TestFiles:
    def test_all_carry_the_same_hash(self, api, scene) -> None:
        row = made(api, scene)
        head, at, digest = api(scene.head), f"{URL}/{row['id']}", row["content_sha256"]
        sheet = text_of(head.get(f"{at}/csv"))
        assert sheet.count(digest) == 2
        assert "4321,115" in sheet
        assert json.loads(text_of(head.get(f"{at}/json")))["sha256"] == digest
        answers = [head.get(f"{at}/pdf") for _time in range(2)]
        assert answers[0].content == answers[1].content
        assert answers[0]["X-Content-SHA256"] == digest
        text = "".join(page.extract_text() for page in PdfReader(BytesIO(answers[0].content)).pages)
        assert digest in text.replace("\n", "")
        assert "5\u202f426,049" in text or "5 426,049" in text

    def test_hold_no_formula(self, api, scene, acting) -> None:
        with acting(scene.head):
            scene.pharmacy.name = "=HYPERLINK(1)"
            scene.pharmacy.save()
        row = made(api, scene)
        sheet = text_of(api(scene.head).get(f"{URL}/{row['id']}/csv"))
        assert ";'=HYPERLINK(1);" in sheet


class TestDispute:
    def test_is_opened_by_the_provider_and_decided_by_the_insurer(self, api, scene) -> None:
        row = made(api, scene)
        api(scene.head).post(f"{URL}/{row['id']}/send")
        line = api(scene.paula).get(f"{URL}/{row['id']}/lines").json()["results"][0]
        at = f"/api/v1/reconciliation-lines/{line['id']}"
        opened = api(scene.paula).post(f"{at}/dispute", {"reason": "Montant", "amount": 1000})
        assert opened.status_code == 201
        assert [(d["status"], d["side"], d["amount"], d["reason"]) for d in opened.json()["disputes"]] == [
            ("open", "provider", 1000, "Montant")
        ]
        assert api(scene.doc).post(f"{at}/dispute", {"reason": "?"}).status_code == 404
        assert (
            api(scene.paula).post(f"{at}/resolve", {"decision": "accept", "reason": "x"}).status_code == 403
        )
        decided = api(scene.head).post(f"{at}/resolve", {"decision": "accept", "reason": "Vu"}).json()
        assert (decided["disputes"][0]["status"], decided["disputes"][0]["outcome_amount"]) == (
            "accepted",
            1000,
        )


class TestLines:
    def test_ask_the_same_number_of_statements_for_two_and_for_fifty(self, api, scene) -> None:
        few = make_network("UN")
        make_claim(few, few.doctor, 1_000, at=DAY)
        for _number in range(48):
            make_claim(scene, scene.doctor, 1_000, at=DAY)
        counts = []
        for network in (few, scene):
            row, client = made(api, network), api(network.head)
            client.get(f"{URL}/{row['id']}/lines")
            with CaptureQueriesContext(connection) as asked:
                answer = client.get(f"{URL}/{row['id']}/lines")
            counts.append((len(asked), answer.json()["count"]))
        assert counts[0][0] == counts[1][0]
        assert [count for _queries, count in counts] == [1, 50]
