"""From facts to a claim's status, and the flags that are kept."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.insurance.fraud.config import FraudConfig
from apps.insurance.models import ClaimFlag
from apps.insurance.services.gathering import Agreed, Gathered
from apps.insurance.services.screening import fraud_config_of, judge, store_flags
from tests.insurance.fraud import network
from tests.insurance.fraud.scenes import CALM, DAY, MORNING, calm, past
from tests.insurance.fraud.test_scoring import FAR_AWAY

NEAR = past(service_date=DAY - timedelta(days=1))


def judged(facts=CALM, *, first=False, config=None, agreed=None, **known):
    return judge(
        gathered=Gathered(facts, first_of_convention=first),
        config=FraudConfig.from_json(config),
        agreed=agreed or Agreed(),
        **{"covered": 49_000} | known,
    )


class TestStatus:
    def test_is_approved_below_thirty_points(self):
        assert (judged().status, judged().score) == ("approved", 0)
        near = judged(calm(history=(NEAR,)))
        assert (near.status, near.score) == ("approved", 25)

    def test_is_a_review_from_thirty_points(self):
        found = judged(calm(history=(NEAR,), person=FAR_AWAY))
        assert (found.status, found.score) == ("pending_review", 45)

    def test_is_blocked_from_seventy_points(self):
        found = judged(repeats="claim-1")
        assert (found.status, found.score) == ("blocked", 80)

    @pytest.mark.parametrize(
        ("config", "status"),
        [
            ({"review_at": 25}, "pending_review"),
            ({"review_at": 26}, "approved"),
            ({"review_at": 10, "block_at": 25}, "blocked"),
            ({"review_at": 10, "block_at": 26}, "pending_review"),
        ],
    )
    def test_follows_the_insurers_own_limits(self, config, status):
        assert judged(calm(history=(NEAR,)), config=config).status == status

    def test_never_asks_for_a_review_because_of_a_rule_in_shadow(self):
        facts = calm(history=(NEAR,), person=FAR_AWAY)
        found = judged(facts, config={"rules": {"NEAR_DUP": {"shadow": True}}})
        assert (found.status, found.score, len(found.screening.flags)) == ("approved", 20, 2)


class TestTriggers:
    @pytest.mark.parametrize(("limit", "triggers"), [(69_999, ("review_above",)), (70_000, ()), (None, ())])
    def test_ask_for_a_review_above_an_amount(self, limit, triggers):
        found = judged(agreed=Agreed(review_above=limit))
        assert found.triggers == triggers
        assert found.status == ("pending_review" if triggers else "approved")
        assert found.score == 0

    def test_ask_for_a_review_of_urgent_care_without_prior_agreement(self):
        assert judged(urgent_without_agreement=True).triggers == ("preauth_urgent",)

    @pytest.mark.parametrize(
        ("age", "first", "triggers"),
        [(0, True, ("new_convention",)), (29, True, ("new_convention",)), (30, True, ()), (0, False, ())],
    )
    def test_ask_for_a_review_of_the_first_claim_of_a_new_convention(self, age, first, triggers):
        agreed = Agreed(convention_start=DAY - timedelta(days=age))
        assert judged(first=first, agreed=agreed).triggers == triggers

    def test_leave_first_claims_alone_where_the_insurer_says_so(self):
        agreed = Agreed(convention_start=DAY, reviews_first_claim=False)
        assert judged(first=True, agreed=agreed).status == "approved"

    def test_do_not_soften_a_block(self):
        found = judged(repeats="claim-1", urgent_without_agreement=True)
        assert found.status == "blocked"


class TestWhatIsKnownOnlyAfterPricing:
    def test_is_what_the_claim_would_be_paid(self):
        facts = calm(annual_limit=2_000_000, covered_in_30_days=1_590_000)
        assert judged(facts, covered=10_000).score == 0
        assert judged(facts, covered=10_001).score == 15


@pytest.mark.django_db
class TestStoreFlags:
    def test_writes_every_flag_at_once_with_its_evidence(self):
        net = network.build()
        claim = net.claimed()
        found = judged(
            calm(history=(NEAR,), person=FAR_AWAY), config={"rules": {"GEO_FAR": {"shadow": True}}}
        )
        with network.making(), CaptureQueriesContext(connection) as seen:
            store_flags(claim=claim, screening=found.screening, at=MORNING)
        assert sum("INSERT INTO" in query["sql"] and "claimflag" in query["sql"] for query in seen) == 1
        near, far = ClaimFlag.objects.filter(claim=claim).order_by("-points")
        assert (near.rule, near.family, near.weight, near.points) == ("NEAR_DUP", "duplicate", 25, 25)
        assert (near.observed, near.threshold, near.evidence) == (
            1,
            3,
            {"lines": [1], "claims": ["earlier-1"]},
        )
        assert (far.rule, far.points, far.shadow) == ("GEO_FAR", 0, True)
        assert near.rules_version == found.screening.rules_version
        assert (near.raised_at, near.insurer_id, near.outcome) == (MORNING, net.insurer.pk, None)

    def test_leaves_an_audit_entry_for_each(self):
        claim = network.build().claimed()
        before = AuditEntry.objects.filter(content_type__model="claimflag").count()
        with network.making():
            store_flags(claim=claim, screening=judged(calm(history=(NEAR,))).screening, at=MORNING)
        assert AuditEntry.objects.filter(content_type__model="claimflag").count() == before + 1

    def test_costs_nothing_where_there_is_nothing(self, django_assert_num_queries):
        claim = network.build().claimed()
        with django_assert_num_queries(0):
            assert store_flags(claim=claim, screening=judged().screening, at=MORNING) == []


class TestTheSameTwice:
    def test_is_the_same_score_under_the_same_version(self):
        facts = calm(history=(NEAR,), person=FAR_AWAY)
        one, two = judged(facts), judged(facts)
        assert one == two
        assert one.screening.rules_version == fraud_config_of({}).rules_version
        other = fraud_config_of({"fraud": {"rules": {"NEAR_DUP": {"weight": 5}}}})
        assert other.rules_version != one.screening.rules_version


def test_a_convention_without_a_known_start_is_not_new():
    assert judged(first=True, agreed=Agreed(convention_start=None)).triggers == ()
    assert judged(first=True, agreed=Agreed(convention_start=date(2026, 6, 30))).triggers == (
        "new_convention",
    )
