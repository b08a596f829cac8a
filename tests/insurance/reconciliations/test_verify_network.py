"""The proof that the network's books agree, and what it finds when they do not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.insurance.models import Claim, NetworkProof
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.tasks import prove_network
from apps.insurance.verification import CHECKS, HASH, verify_insurer
from tests.insurance.reconciliations.making import NOW, Network, generated, make_claim, make_network

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(db: None) -> Network:
    """A paid period with a disputed line, a reversal, and the next period that settles both."""
    guarantee = {"code": "GAR", "kind": "guarantee", "rate_bp": 500, "release_after_days": 5}
    scene = make_network(retentions=[guarantee])
    make_claim(scene, scene.doctor, 10_000, total=12_000)
    taken_back = make_claim(scene, scene.pharmacy, 3_000)
    make_claim(scene, scene.pharmacy, 500, status="pending_review")
    row = send_reconciliation(
        actor=scene.head, reconciliation=generated(scene, date(2026, 11, 1), date(2026, 11, 10)), at=NOW
    )
    line = row.lines.get(provider=scene.doctor)
    open_dispute(actor=scene.head, line=line, reason="Double", amount=4_000, at=NOW)
    pay_reconciliation(
        actor=scene.head, reconciliation=row, payment_date=NOW.date(), reference="VIR-1", at=NOW
    )
    decide_dispute(actor=scene.second, line=line, verb="accept", outcome_amount=1_000, reason="Vu", at=NOW)
    at = datetime(2026, 11, 12, 9, tzinfo=UTC)
    make_claim(scene, scene.pharmacy, -3_000, at=at, reversal_of=taken_back)
    make_claim(scene, scene.doctor, 700, at=at)
    scene.more["first"] = row
    scene.more["second"] = generated(scene, date(2026, 11, 11), date(2026, 11, 30))
    return scene


def corrupt(statement: str, *values: Any) -> None:
    """Write behind every trigger and constraint, as whoever owns the database can."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        assert cursor.rowcount == 1, statement
        cursor.execute("SET LOCAL session_replication_role = origin")


def found(scene: Network) -> dict[str, list[str]]:
    return {finding.check: finding.ids for finding in verify_insurer(scene.insurer)}


# One row of each relation, changed so that no constraint of its own table is broken.
CORRUPTIONS = {
    "balance_is_its_ledger": "UPDATE insurance_contractbalance SET used = used + 1 WHERE scope = '*'",
    "reserve_is_what_is_covered": "UPDATE insurance_balanceentry SET delta = delta + 1 WHERE delta = 10000",
    "claim_is_its_items": """
        UPDATE insurance_claimitem SET covered_amount = covered_amount - 1, copay_amount = copay_amount + 1
        WHERE covered_amount = 10000
    """,
    "claim_is_its_line": "UPDATE insurance_claim SET reconciliation_id = NULL WHERE covered_amount = 700",
    "line_stands_with_its_reconciliation": (
        "UPDATE insurance_reconciliationline SET is_live = false WHERE covered = 700"
    ),
    "total_is_its_lines": """
        UPDATE insurance_reconciliationprovider SET covered = covered + 1, net = net + 1 WHERE covered = 3000
    """,
    "retention_is_its_codes": "UPDATE insurance_retention SET amount = amount + 1 WHERE base_amount = 10000",
    "header_is_its_totals": """
        UPDATE insurance_reconciliation
        SET total_covered = total_covered + 1, total_net_payable = total_net_payable + 1 WHERE status = 'generated'
    """,
    "debt_is_taken_over_once": """
        UPDATE insurance_reconciliationprovider SET carried_in = 1, credits = credits + 1, net = net - 1
        WHERE covered = 10000
    """,
    "paid_with_its_reconciliation": """
        UPDATE insurance_claim SET status = 'approved', paid_at = NULL WHERE covered_amount = 3000
    """,
    "withheld_is_its_disputes": "UPDATE insurance_dispute SET withheld_amount = withheld_amount - 1",
    HASH: "UPDATE insurance_reconciliation SET content_sha256 = repeat('0', 64) WHERE status = 'paid'",
}


class TestVerify:
    def test_finds_nothing_in_sound_books(self, scene) -> None:
        assert found(scene) == {}

    @pytest.mark.parametrize("check", sorted(CORRUPTIONS))
    def test_names_what_was_changed(self, scene, check) -> None:
        corrupt(CORRUPTIONS[check])
        discrepancies = found(scene)
        assert check in discrepancies
        assert all(discrepancies.values())

    def test_has_a_corruption_for_every_check(self) -> None:
        assert set(CORRUPTIONS) == {*CHECKS, HASH}

    def test_finds_a_changed_line_by_the_hash(self, scene) -> None:
        """A line, its total and its header changed alike still add up, but are no longer what was signed for."""
        first = scene.more["first"]
        corrupt(
            "UPDATE insurance_reconciliationline SET covered = covered + 5, net = net + 5 "
            "WHERE covered = 3000 AND kind = 'claim'"
        )
        corrupt(
            "UPDATE insurance_reconciliationprovider SET covered = covered + 5, net = net + 5 WHERE covered = 3000"
        )
        corrupt(
            "UPDATE insurance_reconciliation SET total_covered = total_covered + 5, paid_amount = paid_amount + 5, "
            "total_net_payable = total_net_payable + 5 WHERE id = %s",
            first.pk,
        )
        assert found(scene)[HASH] == [str(first.pk)]

    def test_names_the_claim(self, scene) -> None:
        corrupt(CORRUPTIONS["claim_is_its_items"])
        assert found(scene)["claim_is_its_items"] == [str(Claim.objects.get(covered_amount=10_000).pk)]


class TestCommand:
    def test_says_that_the_books_agree(self, scene) -> None:
        out = StringIO()
        call_command("verify_network", stdout=out)
        assert "STAR: 15 checks, the books agree" in out.getvalue()

    def test_fails_and_names_keys(self, scene) -> None:
        corrupt(CORRUPTIONS["balance_is_its_ledger"])
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("verify_network", "--insurer", "STAR", stdout=out)
        assert f"STAR: balance_is_its_ledger: 1 ({scene.balance.pk})" in out.getvalue()


class TestNightly:
    def test_keeps_what_it_found_where_health_reads_it(self, scene, api) -> None:
        assert prove_network() == 0
        assert NetworkProof.objects.get().is_sound
        corrupt(CORRUPTIONS["balance_is_its_ledger"])
        assert prove_network() == 1
        proof = NetworkProof.objects.order_by("-ran_at").first()
        assert proof.findings == [
            {"check": "balance_is_its_ledger", "count": 1, "ids": [str(scene.balance.pk)]}
        ]
