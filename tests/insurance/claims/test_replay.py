"""Deciding again: nothing drifts, a changed engine is seen, and a draft's cost is told before it is published."""

from __future__ import annotations

import csv
import json
from datetime import date

import pytest
from django.core.management import CommandError, call_command

from apps.insurance.engine import pricing
from apps.insurance.models import Claim, Convention
from apps.insurance.services.deciding import review_claim
from tests.insurance.claims.asking import FILED, change_terms, file
from tests.insurance.making import ACTS, REFERENCE_PRICES

pytestmark = pytest.mark.django_db


@pytest.fixture
def claims(doctor, network):
    change_terms(network, annual_limit=130_000)
    return [
        file(doctor, network, "consultation", f"2026-06-{day}", ("C2", 1, 80_000)) for day in (26, 27, 28, 29)
    ]


class TestReplayClaims:
    def test_comes_out_the_same(self, claims, ines, capsys):
        review_claim(actor=ines, claim=claims[0], expected_status="approved", reason="x", at=FILED)
        call_command("replay_claims")
        assert "4 decisions, 0 differ" in capsys.readouterr().out

    def test_names_what_another_engine_would_decide(self, claims, monkeypatch, capsys):
        monkeypatch.setattr(pricing, "apply_rate", lambda amount, rate: amount * rate // 10_000 - 1)
        with pytest.raises(CommandError):
            call_command("replay_claims", claim=[str(claims[0].pk)])
        told = capsys.readouterr().out
        assert f"{claims[0].pk} v1" in told
        assert "covered: 49000 -> 48999" in told

    def test_takes_the_claims_asked_for(self, claims, network, capsys):
        call_command("replay_claims", insurer=network.insurer.code, since=date(2026, 6, 28))
        assert "2 decisions, 0 differ" in capsys.readouterr().out


class TestSimulateBareme:
    def test_tells_what_a_draft_would_have_cost(self, claims, network, tmp_path, capsys):
        draft = {
            "version": "draft",
            "effective_from": "2026-12-01",
            "acts": {**ACTS, "C2": {"price": 60_000, "category": "consultation"}},
            "reference_prices": REFERENCE_PRICES,
        }
        path = tmp_path / "draft.json"
        path.write_text(json.dumps(draft))
        convention = Convention.objects.get(practice=network.providers["medical"])
        out = tmp_path / "report"
        call_command(
            "simulate_bareme",
            path,
            convention=str(convention.pk),
            since=date(2026, 1, 1),
            until=FILED.date(),
            out=out,
        )
        # 49 000 + 49 000 + 32 000 + 0 of the year's 130 000; at 60 000 a visit 42 000 x 3 and 4 000.
        with (out / "claims.csv").open() as file_:
            rows = list(csv.DictReader(file_))
        assert [(int(r["covered_before"]), int(r["covered_after"])) for r in rows] == [
            (49_000, 42_000),
            (49_000, 42_000),
            (32_000, 42_000),
            (0, 4_000),
        ]
        assert "4 claims, 4 would come out differently" in capsys.readouterr().out
        picture = (out / "covered.svg").read_text()
        assert picture.count("<rect") == 4
        assert "2026-06, draft: TND\u00a0130.000" in picture
        assert Claim.objects.filter(status="approved").count() == 3

    def test_refuses_a_draft_that_is_none(self, network, tmp_path):
        path = tmp_path / "draft.json"
        path.write_text(json.dumps({"acts": {"C2": {"price": -1}}}))
        convention = Convention.objects.get(practice=network.providers["medical"])
        with pytest.raises(CommandError):
            call_command("simulate_bareme", path, convention=str(convention.pk), out=tmp_path)
