"""An insurer's rules: held to their schema, merged, and read by its own people alone."""

from __future__ import annotations

import pytest

from apps.audit.models import AuditEntry
from apps.directory.models import Insurer
from tests.insurance.making import ACTS

pytestmark = pytest.mark.django_db
CONFIG = {
    "filing_days": 60, "review_above": 500_000, "two_person_above": 1_000_000, "timezone": "Africa/Tunis",
    "currency": "TND",
    "fraud": {"review_at": 30, "block_at": 70, "rules": {"NEAR_DUP": {"weight": 25, "shadow": True}}},
    "reconciliation": {
        "cycle": "monthly",
        "retentions": [
            {
                "code": "RS-3", "kind": "withholding_tax", "rate_bp": 300, "base": "covered",
                "provider_types": ["medical"], "valid_from": "2026-01-01",
            },
        ],
    },
    "default_bareme": {"acts": ACTS, "default": "asked"},
}  # fmt: skip


def url(insurer: Insurer) -> str:
    return f"/api/v1/insurers/{insurer.pk}"


class TestConfig:
    def test_is_kept_as_sent(self, api, ines, insurer) -> None:
        answer = api(ines).patch(url(insurer), {"config": CONFIG})
        assert answer.status_code == 200, answer.content
        assert answer.json()["config"] == CONFIG
        assert answer.json()["currency"] == "TND"
        insurer.refresh_from_db()
        assert str(insurer.zone) == "Africa/Tunis"

    def test_a_part_leaves_the_rest_and_null_takes_away(self, api, ines, insurer) -> None:
        api(ines).patch(url(insurer), {"config": CONFIG})
        part = {"filing_days": 90, "fraud": {"review_at": 40}, "review_above": None}
        config = api(ines).patch(url(insurer), {"config": part}).json()["config"]
        wanted = {**CONFIG, "filing_days": 90, "fraud": {**CONFIG["fraud"], "review_at": 40}}
        del wanted["review_above"]
        assert config == wanted

    def test_changes_are_in_the_trail(self, api, ines, insurer) -> None:
        api(ines).patch(url(insurer), {"config": {"two_person_above": 1}})
        entry = AuditEntry.objects.get(event="directory.insurer.change")
        assert entry.changes["config"] == [{}, {"two_person_above": 1}]

    def test_nobody_else_reads_it(self, api, ines, omar, nora, ana, root, insurer) -> None:
        api(ines).patch(url(insurer), {"config": CONFIG})
        assert api(omar).get(url(insurer)).json()["config"] == CONFIG
        for user in (nora, ana, root):
            answer = api(user).get(url(insurer))
            assert answer.status_code == 200
            assert "config" not in answer.json()
            rows = {row["id"]: row for row in api(user).get("/api/v1/insurers").json()["results"]}
            assert "config" not in rows[str(insurer.pk)]

    def test_nobody_else_changes_it(self, api, omar, nora, insurer) -> None:
        for user in (omar, nora):
            assert api(user).patch(url(insurer), {"config": {"filing_days": 1}}).status_code == 403

    @pytest.mark.parametrize(
        ("patch", "path"),
        [
            ({"filing_days": "60"}, "config.filing_days: "), ({"filing_days": -1}, "config.filing_days: "),
            ({"filing_dayz": 1}, "config: "), ({"timezone": "Africa/Atlantis"}, "config.timezone: "),
            ({"currency": "USD"}, "config.currency: "), ({"fraud": {"review_at": 101}}, "config.fraud.review_at: "),
            ({"fraud": {"review_at": 80}}, "config.fraud.block_at: "),
            ({"fraud": {"rules": {"near": {}}}}, "config.fraud.rules"),
            ({"fraud": {"rules": {"NEAR_DUP": {"weight": 101}}}}, "config.fraud.rules.NEAR_DUP.weight: "),
            ({"reconciliation": {"cycle": "yearly"}}, "config.reconciliation.cycle: "),
            (
                {"reconciliation": {"retentions": [{"code": "A", "kind": "penalty"}]}},
                "config.reconciliation.retentions[0]: ",
            ),
            (
                {"reconciliation": {"retentions": [{"code": "A", "kind": "penalty", "rate_bp": 20_000}]}},
                "config.reconciliation.retentions[0].rate_bp: ",
            ),
            (
                {"reconciliation": {"retentions": [
                    {"code": "A", "kind": "penalty", "rate_bp": 300, "valid_to": "2026-06-30"},
                    {"code": "A", "kind": "penalty", "rate_bp": 500, "valid_from": "2026-06-30"},
                ]}},
                "config.reconciliation.retentions[1]: ",
            ),
            (
                {"reconciliation": {"retentions": [
                    {"code": "A", "kind": "penalty", "fixed": 5, "valid_from": "2026-07-01", "valid_to": "2026-06-30"},
                ]}},
                "config.reconciliation.retentions[0].valid_to: ",
            ),
            ({"default_bareme": {"acts": {"C1": {"price": "1"}}}}, "config.default_bareme.acts.C1.price: "),
            ({"default_bareme": []}, "config.default_bareme: "), ({"timezone": "a\x00"}, "config: "),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_told_with_its_path(self, api, ines, insurer, patch, path) -> None:
        answer = api(ines).patch(url(insurer), {"config": patch, "name": "Autre nom"})
        assert answer.status_code == 400, answer.content
        assert answer.json()["error"]["details"]["config"][0].startswith(path), answer.json()
        insurer.refresh_from_db()
        assert (insurer.config, insurer.name) == ({}, "Mutuelle des Quais")

    def test_rates_that_follow_each_other_fit(self, api, ines, insurer) -> None:
        retentions = [
            {"code": "A", "kind": "penalty", "rate_bp": 300, "valid_to": "2026-06-30"},
            {"code": "A", "kind": "penalty", "rate_bp": 500, "valid_from": "2026-07-01", "provider_types": ["medical"]},
            {"code": "A", "kind": "penalty", "rate_bp": 700, "valid_from": "2026-07-01", "provider_types": ["clinic"]},
        ]  # fmt: skip
        answer = api(ines).patch(url(insurer), {"config": {"reconciliation": {"retentions": retentions}}})
        assert answer.status_code == 200, answer.content

    def test_sentences_are_in_the_callers_language(self, api, ines, insurer) -> None:
        client = api(ines)
        for language, word in (("en", "at least"), ("fr", "moins")):
            answer = client.patch(
                url(insurer), {"config": {"filing_days": -1}}, headers={"Accept-Language": language}
            )
            assert word in answer.json()["error"]["details"]["config"][0]
