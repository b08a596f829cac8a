"""The settlement desk: preview before generating, progress, days outstanding, disputes by either side."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.insurance.models import Dispute, Reconciliation, ReconciliationJob, ReconciliationLine
from apps.insurance.services import jobs
from apps.insurance.services.disputes import open_dispute
from apps.insurance.services.settling import send_reconciliation
from tests.insurance.reconciliations.making import (
    Network,
    acting,
    generated,
    make_claim,
    make_network,
    worked_case,
)

pytestmark = pytest.mark.django_db
PERIOD = {"period_start": "2026-11-01", "period_end": "2026-11-20"}


@pytest.fixture
def scene(db: None) -> Network:
    scene = make_network()
    worked_case(scene)
    return scene


@pytest.fixture
def sent(scene: Network) -> Reconciliation:
    now = timezone.now()
    row = generated(scene, last=now.date(), at=now)
    return send_reconciliation(actor=scene.head, reconciliation=row, at=now - timedelta(days=30))


def page(user: Any) -> Client:
    client = Client()
    with acting():
        client.force_login(user)
    return client


def at(name: str, *args: Any) -> str:
    return reverse(f"admin:insurance_{name}", args=args)


def text_of(answer: Any) -> str:
    return str(answer.content.decode().replace("\u202f", " ").replace("\xa0", " "))


def line_of(row: Reconciliation, provider: Any) -> ReconciliationLine:
    found = row.lines.filter(provider=provider).order_by("-net").first()
    assert found is not None
    return found


class TestWizard:
    def test_proposes_the_last_period_of_the_cycle(self, scene) -> None:
        answer = page(scene.head).get(at("reconciliation_add"))
        today = timezone.now().astimezone(scene.insurer.zone).date()
        last = today.replace(day=1) - timedelta(days=1)
        assert answer.context["form"].initial == {"period_start": last.replace(day=1), "period_end": last}

    def test_shows_totals_codes_and_providers_and_stores_nothing(self, scene) -> None:
        text = text_of(page(scene.head).get(at("reconciliation_add"), PERIOD))
        for shown in (
            "5 555,682",
            "129,633",
            "5 426,049",
            "RS3",
            "Cabinet Ben Salah",
            "4 191,482",
            "1 234,567",
        ):
            assert shown in text
        assert not Reconciliation.objects.exists()

    def test_generates_what_was_seen(self, scene) -> None:
        client = page(scene.head)
        seen = client.get(at("reconciliation_add"), PERIOD).context["seen"]
        answer = client.post(at("reconciliation_add"), PERIOD | {"currency": "TND", "seen": seen})
        row = Reconciliation.objects.get()
        assert answer.url == at("reconciliation_change", row.pk)

    def test_shows_new_figures_when_claims_came_in_since(self, scene) -> None:
        client = page(scene.head)
        seen = client.get(at("reconciliation_add"), PERIOD).context["seen"]
        make_claim(scene, scene.pharmacy, 1_000)
        answer = client.post(at("reconciliation_add"), PERIOD | {"currency": "TND", "seen": seen})
        assert answer.status_code == 200
        assert not Reconciliation.objects.exists()
        assert "5 427,049" in text_of(answer)

    def test_refuses_in_words(self, scene) -> None:
        generated(scene)
        client = page(scene.head)
        answer = client.get(at("reconciliation_add"), PERIOD)
        assert answer.context["form"].non_field_errors()
        assert answer.context.get("found") is None
        wrong = client.get(at("reconciliation_add"), PERIOD | {"period_end": "2026-10-01"})
        assert wrong.context["form"].errors["period_end"]

    def test_leads_to_the_one_that_stands(self, scene) -> None:
        row = generated(scene)
        text = text_of(
            page(scene.head).get(
                at("reconciliation_add"), {"period_start": "2026-11-01", "period_end": "2026-11-30"}
            )
        )
        assert at("reconciliation_change", row.pk) in text

    def test_is_for_the_insurers_heads(self, scene, omar) -> None:
        for user in (scene.paula, omar):
            assert page(user).get(at("reconciliation_add")).status_code == 403
            assert page(user).post(at("reconciliation_add"), PERIOD).status_code == 403


class TestProgress:
    @pytest.fixture
    def job(self, scene, monkeypatch) -> ReconciliationJob:
        monkeypatch.setattr(jobs, "LARGE", 1)
        answer = page(scene.head).post(at("reconciliation_add"), PERIOD)
        job = ReconciliationJob.objects.get()
        assert answer.url == at("reconciliationjob_change", job.pk)
        return job

    def state(self, scene: Network, job: ReconciliationJob) -> dict[str, Any]:
        return dict(page(scene.head).get(at("reconciliationjob_state", job.pk)).json())

    def test_is_shown_until_it_leads_to_the_reconciliation(self, scene, job) -> None:
        shown = page(scene.head).get(at("reconciliationjob_change", job.pk))
        assert f'data-state="{at("reconciliationjob_state", job.pk)}"' in text_of(shown)
        assert (self.state(scene, job)["percent"], self.state(scene, job)["ended"]) == (0, False)
        ReconciliationJob.objects.filter(pk=job.pk).update(percent=45, step="totals")
        assert self.state(scene, job)["percent"] == 45
        ReconciliationJob.objects.filter(pk=job.pk).update(
            reconciliation=generated(scene), state="done", percent=100, step="finished"
        )
        url = at("reconciliation_change", Reconciliation.objects.get().pk)
        assert self.state(scene, job) | {"text": ""} == {
            "percent": 100,
            "text": "",
            "ended": True,
            "url": url,
        }
        assert "data-state" not in text_of(page(scene.head).get(at("reconciliationjob_change", job.pk)))

    def test_says_why_it_failed_and_may_be_asked_again(self, scene, job) -> None:
        rows = ReconciliationJob.objects.filter(pk=job.pk)
        rows.update(state="failed", last_error="NOTHING_TO_RECONCILE", finished_at=timezone.now())
        client = page(scene.head)
        shown = text_of(client.get(at("reconciliationjob_change", job.pk)))
        assert "Aucune demande" in shown
        client.post(at("reconciliationjob_try_again_do", job.pk))
        job.refresh_from_db()
        assert job.state == "pending"

    def test_is_for_ones_own_insurer(self, scene, job) -> None:
        stranger = make_network("GAT")
        assert page(stranger.head).get(at("reconciliationjob_state", job.pk)).status_code == 404
        assert page(scene.paula).get(at("reconciliationjob_state", job.pk)).status_code in {403, 404}


class TestWaiting:
    def test_says_since_when_and_how_much(self, scene, sent) -> None:
        answer = page(scene.head).get(at("reconciliation_changelist"))
        waiting = answer.context["waiting"]
        assert (waiting.count, waiting.late) == (1, 1)
        assert "5 426,049" in text_of(answer)
        own = page(scene.paula).get(at("reconciliation_changelist"))
        assert "1 234,567" in text_of(own)
        assert "5 426,049" not in text_of(own)

    def test_filters_what_is_late(self, scene, sent) -> None:
        client, key = page(scene.head), str(sent.pk)
        assert key in text_of(client.get(at("reconciliation_changelist"), {"payment": "late"}))
        with acting():
            scene.insurer.config = {**scene.insurer.config, "reconciliation": {"pay_within_days": 60}}
            scene.insurer.save()
        assert key not in text_of(client.get(at("reconciliation_changelist"), {"payment": "late"}))
        assert key in text_of(client.get(at("reconciliation_changelist"), {"payment": "outstanding"}))

    def test_stands_on_the_first_page(self, scene, sent) -> None:
        for user, amount in ((scene.head, "5 426,049"), (scene.paula, "1 234,567")):
            cards = {card.icon: card for card in page(user).get("/admin/").context["cards"]}
            assert (cards["account_balance"].figure, cards["account_balance"].alarming) == ("1", True)
            assert cards["account_balance"].rows[0].note.replace("\u202f", " ").startswith(amount)


class TestDispute:
    def test_is_opened_by_the_provider_and_decided_by_the_insurer(self, scene, sent) -> None:
        line = line_of(sent, scene.pharmacy)
        answer = page(scene.paula).post(
            at("reconciliationline_dispute", line.pk),
            {"reason": "Tarif", "amount": "1,500", "document": "Lettre 7"},
        )
        dispute = Dispute.objects.get()
        assert answer.url == at("dispute_change", dispute.pk)
        assert (dispute.amount, dispute.document, dispute.side) == (1_500, "Lettre 7", "provider")
        assert "1,500" in text_of(page(scene.head).get(at("reconciliation_pay", sent.pk)))
        given = {"decision": "accept", "reason": "Vu", "outcome_amount": "1,200"}
        decided = page(scene.head).post(at("dispute_decide", dispute.pk), given)
        assert decided.status_code == 302
        dispute.refresh_from_db()
        assert (dispute.status, dispute.outcome_amount, dispute.decision) == ("accepted", 1_200, "Vu")

    def test_is_opened_by_the_insurer_and_decided_by_somebody_else_of_it(self, scene, sent) -> None:
        line = line_of(sent, scene.doctor)
        page(scene.head).post(at("reconciliationline_dispute", line.pk), {"reason": "Payé deux fois"})
        dispute = Dispute.objects.get()
        assert (dispute.side, dispute.amount) == ("insurer", line.net)
        given = {"decision": "reject", "reason": "Non"}
        button = at("dispute_decide", dispute.pk)
        assert button not in text_of(page(scene.head).get(at("dispute_change", dispute.pk)))
        page(scene.head).post(button, given)
        dispute.refresh_from_db()
        assert dispute.status == "open"
        assert button in text_of(page(scene.second).get(at("dispute_change", dispute.pk)))
        page(scene.second).post(button, given)
        dispute.refresh_from_db()
        assert (dispute.status, dispute.outcome_amount) == ("rejected", 0)

    def test_refuses_in_words_beside_the_field(self, scene, sent) -> None:
        line = line_of(sent, scene.pharmacy)
        url, client = at("reconciliationline_dispute", line.pk), page(scene.paula)
        assert client.post(url, {"reason": ""}).context["form"].errors["reason"]
        much = client.post(url, {"reason": "x", "amount": "9 999 999"})
        assert much.context["form"].errors["amount"]
        assert not Dispute.objects.exists()
        open_dispute(actor=scene.doc, line=line_of(sent, scene.doctor), reason="?", at=timezone.now())
        dispute = Dispute.objects.get()
        wrong = page(scene.head).post(
            at("dispute_decide", dispute.pk),
            {"decision": "accept", "reason": "x", "outcome_amount": "9 999 999"},
        )
        assert wrong.context["form"].errors["outcome_amount"]

    def test_is_not_offered_before_it_is_sent_or_twice(self, scene) -> None:
        row = generated(scene)
        line = line_of(row, scene.pharmacy)
        url, client = at("reconciliationline_dispute", line.pk), page(scene.paula)
        assert url not in text_of(client.get(at("reconciliationline_change", line.pk)))
        client.post(url, {"reason": "x"})
        assert not Dispute.objects.exists()
        send_reconciliation(actor=scene.head, reconciliation=row, at=timezone.now())
        assert url in text_of(client.get(at("reconciliationline_change", line.pk)))
        client.post(url, {"reason": "x"})
        assert url not in text_of(client.get(at("reconciliationline_change", line.pk)))
        client.post(url, {"reason": "encore"})
        assert Dispute.objects.count() == 1

    def test_is_no_agents_business(self, scene, sent) -> None:
        from apps.accounts.roles import Role
        from tests.cast import make_user

        agent = make_user("agent@star.test", Role.INSURER_AGENT, "Omar", insurer=scene.insurer)
        line = line_of(sent, scene.pharmacy)
        assert page(agent).post(at("reconciliationline_dispute", line.pk), {"reason": "x"}).status_code == 403
        open_dispute(actor=scene.paula, line=line, reason="?", at=timezone.now())
        dispute = Dispute.objects.get()
        assert page(agent).get(at("dispute_change", dispute.pk)).status_code == 200
        assert page(agent).post(at("dispute_decide", dispute.pk), {"decision": "accept"}).status_code == 403

    def test_lists_what_waits_longest_first_to_its_two_sides_only(self, scene, sent) -> None:
        now = timezone.now()
        for days, user, provider in ((2, scene.doc, scene.doctor), (9, scene.paula, scene.pharmacy)):
            open_dispute(actor=user, line=line_of(sent, provider), reason="?", at=now - timedelta(days=days))
        rows = page(scene.head).get(at("dispute_changelist")).context["cl"].result_list
        assert [row.provider_id for row in rows] == [scene.pharmacy.pk, scene.doctor.pk]
        own = page(scene.paula).get(at("dispute_changelist")).context["cl"].result_list
        assert [row.provider_id for row in own] == [scene.pharmacy.pk]
        other = rows[1]
        assert page(scene.paula).get(at("dispute_change", other.pk)).status_code == 404

    def test_hides_who_acted_for_the_other_side(self, scene, sent) -> None:
        open_dispute(actor=scene.head, line=line_of(sent, scene.pharmacy), reason="Double", at=timezone.now())
        dispute = Dispute.objects.get()
        assert scene.head.get_full_name() in text_of(page(scene.second).get(at("dispute_change", dispute.pk)))
        assert scene.head.get_full_name() not in text_of(
            page(scene.paula).get(at("dispute_change", dispute.pk))
        )


class TestLines:
    def test_are_those_of_one_reconciliation_and_ones_own(self, scene, sent) -> None:
        seen = page(scene.paula).get(at("reconciliationline_changelist"), {"reconciliation": str(sent.pk)})
        assert [row.provider_id for row in seen.context["cl"].result_list] == [scene.pharmacy.pk]
        whole = page(scene.head).get(at("reconciliationline_changelist"), {"reconciliation": str(sent.pk)})
        assert len(whole.context["cl"].result_list) == 3
        stranger = make_network("GAT")
        other = page(stranger.head).get(at("reconciliationline_changelist"), {"reconciliation": str(sent.pk)})
        assert list(other.context["cl"].result_list) == []

    def test_are_filtered_by_their_dispute(self, scene, sent) -> None:
        line = line_of(sent, scene.doctor)
        open_dispute(actor=scene.doc, line=line, reason="?", at=timezone.now())
        seen = page(scene.head).get(at("reconciliationline_changelist"), {"disputed": "open"})
        assert [row.pk for row in seen.context["cl"].result_list] == [line.pk]
