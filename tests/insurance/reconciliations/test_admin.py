"""Reconciliations in the admin: every button calls its service."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.insurance.models import NetworkProof, Reconciliation
from apps.insurance.services.disputes import open_dispute
from apps.insurance.services.settling import send_reconciliation
from tests.insurance.reconciliations.making import NOW, acting, generated, make_network, worked_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(db: None) -> Any:
    scene = make_network()
    worked_case(scene)
    return scene


def page(user: Any) -> Client:
    client = Client()
    with acting():
        client.force_login(user)
    return client


def at(name: str, *args: Any) -> str:
    return reverse(f"admin:insurance_reconciliation_{name}", args=args)


def test_generates_a_period(scene) -> None:
    answer = page(scene.head).post(at("add"), {"period_start": "2026-11-01", "period_end": "2026-11-20"})
    assert answer.status_code == 302, answer.context["errors"]
    row = Reconciliation.objects.get()
    assert (row.generated_by, row.total_net_payable) == (scene.head, 5_426_049)
    refused = page(scene.head).post(at("add"), {"period_start": "2026-11-02", "period_end": "2026-11-20"})
    assert refused.status_code == 200


def test_sends_then_records_the_payment(scene) -> None:
    row, client = generated(scene, last=timezone.now().date(), at=timezone.now()), page(scene.head)
    client.post(
        at("changelist"), {"action": "send_chosen", "_selected_action": str(row.pk), "confirmed": "yes"}
    )
    row.refresh_from_db()
    assert row.status == "sent"
    shown = client.get(at("pay", row.pk)).content.decode()
    assert "5 426,049" in shown.replace("\u202f", " ")
    today = timezone.now().date().isoformat()
    refused = client.post(at("pay", row.pk), {"payment_date": "2020-01-01", "payment_reference": "VIR 9"})
    assert refused.status_code == 200
    assert refused.context["form"].errors["payment_date"]
    answer = client.post(at("pay", row.pk), {"payment_date": today, "payment_reference": "VIR 9"})
    assert answer.status_code == 302, answer.context["form"].errors
    row.refresh_from_db()
    assert (row.status, row.payment_reference) == ("paid", "VIR 9")


def test_cancels_for_a_reason(scene) -> None:
    row = generated(scene)
    page(scene.head).post(
        at("changelist"),
        {"action": "cancel_chosen", "_selected_action": str(row.pk), "confirmed": "yes", "reason": "Erreur"},
    )
    row.refresh_from_db()
    assert (row.status, row.cancel_reason) == ("cancelled", "Erreur")


def test_shows_a_provider_its_own_part(scene) -> None:
    row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
    open_dispute(actor=scene.head, line=row.lines.filter(provider=scene.doctor).first(), reason="?", at=NOW)
    seen = page(scene.paula).get(at("change", row.pk)).content.decode()
    assert "El Amen" in seen
    assert "Ben Salah" not in seen
    assert page(scene.head).get(at("change", row.pk)).content.decode().count("Ben Salah") >= 2
    assert page(scene.paula).get(at("pdf", row.pk)).content.startswith(b"%PDF")
    sheet = b"".join(page(scene.paula).get(at("csv", row.pk)).streaming_content).decode()
    assert "Ben Salah" not in sheet
    payments = b"".join(page(scene.paula).get(at("payments", row.pk)).streaming_content).decode()
    assert "El Amen" in payments
    assert "Ben Salah" not in payments


def test_shows_what_a_proof_found(scene) -> None:
    proof = NetworkProof.objects.create(
        insurer=scene.insurer, ran_at=NOW, seconds=1, is_sound=False,
        findings=[{"check": "balance_is_its_ledger", "count": 1, "ids": [str(scene.balance.pk)]}],
    )  # fmt: skip
    url = reverse("admin:insurance_networkproof_change", args=[proof.pk])
    assert str(scene.balance.pk) in page(scene.head).get(url).content.decode()
