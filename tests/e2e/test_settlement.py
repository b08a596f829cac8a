"""A month is settled on screen: previewed, generated, sent, disputed, decided and paid, in Chromium."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.insurance.models import Dispute, Reconciliation, ReconciliationJob
from apps.insurance.services import jobs
from apps.insurance.services.jobs import generate_due
from tests.e2e.conftest import Desk
from tests.insurance.reconciliations.making import Network, make_claim, make_network

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene() -> Network:
    scene = make_network()
    at = timezone.now() - timedelta(days=1)
    for covered in (4_000_000, 321_115):
        make_claim(scene, scene.doctor, covered, at=at)
    make_claim(scene, scene.pharmacy, 1_234_567, total=1_300_000, at=at)
    return scene


def enter(desk: Desk, user: object) -> None:
    """Log in as somebody else in the same browser."""
    desk.page.context.clear_cookies()
    desk.log_in(user.email)


def choose_period(desk: Desk) -> None:
    """Open the wizard and ask for the days around yesterday."""
    day = timezone.now().date()
    desk.open("/admin/insurance/reconciliation/add/")
    desk.page.fill("input[name=period_start]", f"{day - timedelta(days=3):%d/%m/%Y}")
    desk.page.fill("input[name=period_end]", f"{day:%d/%m/%Y}")
    desk.page.click("form[method=get] button[type=submit]")
    desk.page.wait_for_selector("#preview")


def plain(text: str | None) -> str:
    return (text or "").replace("\u202f", " ").replace("\xa0", " ")


def test_a_month_is_settled(desk: Desk, scene: Network) -> None:
    desk.log_in(scene.head.email)
    choose_period(desk)
    preview = plain(desk.page.text_content("#preview"))
    for shown in ("5 555,682", "129,633", "5 426,049", "RS3", "Cabinet Ben Salah", "4 191,482"):
        assert shown in preview
    assert desk.accessibility_faults() == []
    assert not Reconciliation.objects.exists()
    desk.page.click("#preview form button[type=submit]")
    desk.page.wait_for_url("**/change/")
    row = Reconciliation.objects.get()
    assert row.total_net_payable == 5_426_049
    assert desk.accessibility_faults() == []
    desk.page.click("a[href*='/do/send_chosen/']")
    desk.page.click("form:has(input[name=confirmed]) button[type=submit]")
    desk.page.wait_for_url("**/change/")
    row.refresh_from_db()
    assert row.status == "sent"

    enter(desk, scene.paula)
    desk.open(f"/admin/insurance/reconciliationline/?reconciliation={row.pk}")
    assert "Ben Salah" not in plain(desk.page.text_content("main, #content, body"))
    assert desk.accessibility_faults() == []
    desk.page.click("#result_list a[href*='/reconciliationline/'][href*='/change/']")
    desk.page.click("a[href*='/reconciliationline/'][href$='/dispute/']")
    desk.page.fill("textarea[name=reason]", "Le tarif convenu n’a pas été appliqué.")
    desk.page.fill("input[name=amount]", "34,567")
    desk.page.fill("input[name=document]", "Ordonnance 118")
    assert desk.accessibility_faults() == []
    desk.page.click("form[novalidate] button[type=submit]")
    desk.page.wait_for_url("**/dispute/**/change/")
    dispute = Dispute.objects.get()
    assert (dispute.amount, dispute.side, dispute.status) == (34_567, "provider", "open")

    enter(desk, scene.second)
    desk.open(f"/admin/insurance/reconciliation/{row.pk}/change/")
    desk.page.click("a[href$='/pay/']")
    facts = plain(desk.page.text_content("form[novalidate]"))
    assert "34,567" in facts
    assert "5 391,482" in facts
    desk.page.fill("input[name=payment_reference]", "VIR 2026-11")
    assert desk.accessibility_faults() == []
    desk.page.click("form[novalidate] button[type=submit]")
    desk.page.wait_for_url("**/change/")
    row.refresh_from_db()
    assert (row.status, row.paid_amount, row.disputed_amount) == ("paid", 5_391_482, 34_567)

    desk.open(f"/admin/insurance/dispute/{dispute.pk}/change/")
    desk.page.click("a[href$='/decide/']")
    desk.page.select_option("select[name=decision]", "accept")
    desk.page.fill("input[name=outcome_amount]", "30,000")
    desk.page.fill("textarea[name=reason]", "Tarif vérifié.")
    assert desk.accessibility_faults() == []
    desk.page.click("form[novalidate] button[type=submit]")
    desk.page.wait_for_url("**/change/")
    dispute.refresh_from_db()
    assert (dispute.status, dispute.outcome_amount) == ("accepted", 30_000)


def test_a_large_one_is_followed_until_it_is_made(desk: Desk, scene: Network, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "LARGE", 1)
    desk.log_in(scene.head.email)
    choose_period(desk)
    desk.page.click("#preview form button[type=submit]")
    desk.page.wait_for_url("**/reconciliationjob/**")
    desk.page.wait_for_selector(".osd-progress[data-state] progress")
    assert desk.accessibility_faults() == []
    assert ReconciliationJob.objects.get().state == "pending"
    assert generate_due(at=timezone.now()) == 1
    desk.page.wait_for_url("**/admin/insurance/reconciliation/**/change/")
    assert Reconciliation.objects.get().number in plain(desk.page.text_content("body"))
