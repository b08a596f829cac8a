"""What a reconciliation would come to, before it is made."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import InvalidInput
from apps.insurance.models import Claim, Reconciliation, ReconciliationLine, ReconciliationProvider, Retention
from apps.insurance.reconciliation_preview import Preview, preview_reconciliation
from apps.insurance.services import jobs
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.reconciling import MixedCurrencies, NothingToReconcile, PeriodTaken
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from tests.insurance.reconciliations.making import (
    FEES,
    FIRST,
    LAST,
    NOW,
    Network,
    generated,
    make_claim,
    make_many,
    make_network,
    make_provider,
    worked_case,
)

pytestmark = pytest.mark.django_db
GUARANTEE = {"code": "GAR", "kind": "guarantee", "rate_bp": 1000, "base": "net", "release_after_days": 10}
HEADER = (
    "number currency period_start period_end cutoff_at total_claims total_amount total_covered total_retentions "
    "total_credits total_releases total_carried_out total_net_payable"
).split()
ROW = (
    "provider_id claims total_amount covered retentions credits releases carried_in carried_out net certificate_number"
).split()
KEPT = ("provider_id code kind base base_amount rate_bp amount certificate_number releasable_on").split()


@pytest.fixture
def scene(db: None) -> Network:
    return make_network()


def looked(
    scene: Network, first: date = FIRST, last: date = LAST, at: datetime = NOW, **more: Any
) -> Preview:
    return preview_reconciliation(
        viewer=scene.head, insurer=scene.insurer, period_start=first, period_end=last, at=at, **more
    )


def values(rows: Any, names: list[str]) -> list[tuple[Any, ...]]:
    return sorted((tuple(getattr(row, name) for name in names) for row in rows), key=str)


def said(found: Preview) -> tuple[Any, ...]:
    return (
        [getattr(found.header, name) for name in HEADER],
        values(found.providers, ROW),
        values(found.retentions, KEPT),
    )


def made(row: Reconciliation) -> tuple[Any, ...]:
    row.refresh_from_db()
    return (
        [getattr(row, name) for name in HEADER],
        values(row.providers.all(), ROW),
        values(row.retentions.all(), KEPT),
    )


class TestPreview:
    def test_adds_up_the_worked_case(self, scene) -> None:
        worked_case(scene)
        found = looked(scene)
        header = found.header
        assert (
            header.total_claims,
            header.total_covered,
            header.total_retentions,
            header.total_net_payable,
        ) == (
            3,
            5_555_682,
            129_633,
            5_426_049,
        )
        assert [(row.provider.name, row.net) for row in found.providers] == [
            ("Cabinet Ben Salah", 4_191_482),
            ("Pharmacie El Amen", 1_234_567),
        ]
        assert [(c.code, c.rate_bp, c.providers, c.base_amount, c.amount) for c in found.codes] == [
            ("RS3", 300, 1, 4_321_115, 129_633)
        ]

    def test_stores_and_locks_nothing(self, scene) -> None:
        worked_case(scene)
        with CaptureQueriesContext(connection) as asked:
            looked(scene)
        assert [
            q["sql"] for q in asked if not q["sql"].lstrip().startswith(("SELECT", "\nWITH", "WITH"))
        ] == []
        assert not [q["sql"] for q in asked if "FOR NO KEY" in q["sql"] or "UPDATE" in q["sql"]]
        assert not Reconciliation.objects.exists()
        assert not ReconciliationProvider.objects.exists()
        assert not Retention.objects.exists()
        assert not ReconciliationLine.objects.exists()
        assert not Claim.objects.filter(reconciliation__isnull=False).exists()

    def test_is_what_generating_then_gives(self) -> None:
        """A debt from before, a guarantee that falls due, a decided dispute, a late claim and two codes at once."""
        scene = make_network(retentions=(FEES, GUARANTEE))
        other = make_provider("Labo Hannibal", "laboratory")
        paid = make_claim(scene, scene.pharmacy, 90_000)
        make_claim(scene, scene.doctor, 4_321_115)
        first = generated(
            scene, date(2026, 11, 1), date(2026, 11, 10), at=datetime(2026, 11, 11, 9, tzinfo=UTC)
        )
        send_reconciliation(actor=scene.head, reconciliation=first, at=NOW)
        line = first.lines.get(provider=scene.doctor)
        open_dispute(actor=scene.doc, line=line, reason="Montant", amount=1_000, at=NOW)
        pay_reconciliation(
            actor=scene.head, reconciliation=first, payment_date=date(2026, 11, 12), reference="V1", at=NOW
        )
        decide_dispute(actor=scene.head, line=line, verb="accept", reason="Vu", outcome_amount=700, at=NOW)
        middle = datetime(2026, 11, 12, 9, tzinfo=UTC)
        make_claim(scene, scene.pharmacy, -200_000, at=middle, reversal_of=paid)
        second = generated(scene, date(2026, 11, 11), date(2026, 11, 12), at=NOW)
        assert second.total_carried_out > 0
        for number in range(7):
            make_claim(scene, scene.doctor, 333_333 + number, at=middle + timedelta(days=3))
            make_claim(scene, other, 1_001 + number, total=2_000, at=middle + timedelta(days=3))
        make_claim(scene, scene.pharmacy, 500_000, at=middle + timedelta(hours=30))
        found = looked(scene, date(2026, 11, 13), LAST)
        row = generated(scene, date(2026, 11, 13), LAST)
        assert said(found) == made(row)
        assert found.carried_in > 0
        assert row.total_releases > 0
        assert {code.code: code.amount for code in found.codes} == {
            code: sum(kept.amount for kept in row.retentions.all() if kept.code == code)
            for code in ("RS3", "GAR")
        }

    def test_shows_the_one_that_stands(self, scene) -> None:
        worked_case(scene)
        row = generated(scene)
        make_claim(scene, scene.doctor, 5_000)
        found = looked(scene)
        assert found.existing == row
        assert said(found) == made(generated(scene))

    def test_refuses_what_generating_refuses(self, scene) -> None:
        with pytest.raises(NothingToReconcile):
            looked(scene)
        worked_case(scene)
        with pytest.raises(InvalidInput):
            looked(scene, date(2026, 11, 2), date(2026, 11, 1))
        with pytest.raises(InvalidInput):
            looked(scene, date(2026, 12, 2), date(2026, 12, 31))
        make_claim(scene, make_provider("Cabinet Sud", "medical", "EUR"), 5_000, currency="EUR")
        with pytest.raises(MixedCurrencies):
            looked(scene)
        assert looked(scene, currency="EUR").header.total_covered == 5_000
        generated(scene, currency="TND")
        with pytest.raises(PeriodTaken):
            looked(scene, date(2026, 11, 15), date(2026, 11, 30), currency="TND")

    def test_is_for_ones_own_insurer(self, scene) -> None:
        worked_case(scene)
        stranger = make_network("GAT")
        with pytest.raises(InvalidInput):
            preview_reconciliation(
                viewer=stranger.head, insurer=scene.insurer, period_start=FIRST, period_end=LAST, at=NOW
            )

    def test_costs_the_same_whatever_there_is(self, scene) -> None:
        counts = []
        for providers, claims in ((1, 1), (6, 3_000)):
            network = make_network(f"N{claims}")
            make_many(network, [make_provider(f"P{n}", "medical") for n in range(providers)], claims)
            looked(network)
            with CaptureQueriesContext(connection) as asked:
                found = looked(network)
            counts.append((len(asked), found.header.total_claims))
        assert counts[0][0] == counts[1][0]
        assert [claims for _queries, claims in counts] == [1, 3_000]


class TestOverHttp:
    URL = "/api/v1/reconciliations"
    BODY = {"period_start": "2026-10-01", "period_end": "2026-10-31"}

    @pytest.fixture
    def filled(self, scene) -> Network:
        at = datetime(2026, 10, 10, 9, tzinfo=UTC)
        make_claim(scene, scene.doctor, 4_321_115, at=at)
        make_claim(scene, scene.pharmacy, 1_234_567, at=at)
        return scene

    def test_says_what_the_same_body_then_makes(self, api, filled) -> None:
        head = api(filled.head)
        answer = head.post(f"{self.URL}/preview", self.BODY)
        assert answer.status_code == 200, answer.content
        seen = answer.json()
        assert (seen["reconciliation"], seen["is_large"], seen["total_carried_in"]) == (None, False, 0)
        assert seen["retentions"] == [
            {
                "code": "RS3", "kind": "withholding_tax", "rate_bp": 300, "providers": 1, "base_amount": 4_321_115,
                "amount": 129_633,
            }
        ]  # fmt: skip
        assert not Reconciliation.objects.exists()
        made = head.post(self.URL, self.BODY).json()
        same = set(seen) - {"reconciliation", "is_large", "total_carried_in", "retentions"}
        assert {name: seen[name] for name in same} == {name: made[name] for name in same}
        again = head.post(f"{self.URL}/preview", self.BODY).json()
        assert (again["reconciliation"], again["total_net_payable"]) == (
            made["id"],
            made["total_net_payable"],
        )

    def test_refuses_in_words(self, api, filled) -> None:
        head = api(filled.head)
        head.post(self.URL, self.BODY)
        answer = head.post(f"{self.URL}/preview", self.BODY | {"period_end": "2026-10-30"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PERIOD_OVERLAPS")

    def test_says_when_a_worker_would_make_it(self, api, filled, monkeypatch) -> None:
        monkeypatch.setattr(jobs, "LARGE", 1)
        assert api(filled.head).post(f"{self.URL}/preview", self.BODY).json()["is_large"] is True

    def test_is_not_for_providers_or_agents(self, api, filled, omar) -> None:
        for user in (filled.paula, omar):
            assert api(user).post(f"{self.URL}/preview", self.BODY).status_code == 403
