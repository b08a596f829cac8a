"""Flags over HTTP: whose they are, what a reviewer says of them, and how often each rule was right."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from apps.accounts.roles import Role
from apps.audit.models import AuditEntry
from apps.core.errors import PermissionRefused
from apps.insurance.models import Claim, ClaimFlag
from apps.insurance.precision import precision_by_month, totals_by_rule
from apps.insurance.services.flags import ClaimNotDecided, record_outcome
from tests.cast import make_user
from tests.insurance.fraud import network
from tests.insurance.fraud.network import Network
from tests.insurance.fraud.scenes import MORNING

pytestmark = pytest.mark.django_db
FLAGS = "/api/v1/claim-flags"


@pytest.fixture
def net(insurer) -> Network:
    person = network.adherent(insurer)
    return Network(insurer=insurer, doctor=network.practice(), person=person, member=network.contract(person))


@pytest.fixture
def other_net(other_insurer, net) -> Network:
    person = network.adherent(other_insurer)
    return Network(insurer=other_insurer, doctor=net.doctor, person=person, member=network.contract(person))


@pytest.fixture
def dina(net):
    """A doctor who claims."""
    return make_user("dina@test.test", Role.DOCTOR, "Dina", practice=net.doctor)


def flagged(net: Network, rule: str = "NEAR_DUP", *, claim: Claim | None = None, **fields) -> ClaimFlag:
    """Raise a flag on a claim of its own, or on this one."""
    defaults = {
        "family": "duplicate",
        "weight": 25,
        "points": 25,
        "observed": 1,
        "threshold": 3,
        "evidence": {"lines": [1]},
        "rules_version": "2026.11",
        "raised_at": MORNING,
    }
    claim = claim or net.claimed(status="pending_review")
    return network.created(ClaimFlag(insurer=net.insurer, claim=claim, rule=rule, **defaults | fields))


class TestWhoSees:
    def test_is_the_insurers_side_and_the_platform(self, api, net, ines, omar, root):
        flag = flagged(net)
        for user in (ines, omar, root):
            answer = api(user).get(FLAGS)
            assert answer.status_code == 200
            assert [row["id"] for row in answer.json()["results"]] == [str(flag.pk)]
            assert api(user).get(f"{FLAGS}/{flag.pk}").status_code == 200

    def test_is_no_other_insurer(self, api, net, nora):
        flag = flagged(net)
        assert api(nora).get(FLAGS).json()["results"] == []
        assert api(nora).get(f"{FLAGS}/{flag.pk}").status_code == 404
        assert api(nora).post(f"{FLAGS}/{flag.pk}/outcome", {"outcome": "confirmed"}).status_code == 404

    @pytest.mark.parametrize("role", ["doctor", "assistant", "practitioner", "practice_admin", "pharmacist"])
    def test_is_no_provider_whatever_it_asks(self, api, net, role):
        flag = flagged(net)
        user = make_user(f"{role}@flags.test", Role(role), "P", practice=net.doctor)
        client = api(user)
        for path in (FLAGS, f"{FLAGS}/{flag.pk}", f"{FLAGS}/precision", f"{FLAGS}?claim={flag.claim_id}"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert "NEAR_DUP" not in answer.content.decode()
        assert client.post(f"{FLAGS}/{flag.pk}/outcome", {"outcome": "confirmed"}).status_code == 403
        missing = client.get(f"{FLAGS}/00000000-0000-7000-8000-000000000000")
        assert missing.json()["error"]["code"] == client.get(f"{FLAGS}/{flag.pk}").json()["error"]["code"]

    def test_is_nobody_unknown(self, api, net):
        assert api().get(FLAGS).status_code == 401


class TestList:
    def test_shows_figures_and_evidence(self, api, net, ines):
        flag = flagged(net, observed="4.047", evidence={"lines": [1], "claims": ["c"]})
        (row,) = api(ines).get(FLAGS).json()["results"]
        assert row["claim"] == str(flag.claim_id)
        assert (row["rule"], row["family"], row["points"]) == ("NEAR_DUP", "duplicate", 25)
        assert (row["observed"], row["threshold"]) == ("4.047", "3.000")
        assert row["evidence"] == {"lines": [1], "claims": ["c"]}
        assert row["outcome"] is None

    def test_filters(self, api, net, ines):
        near = flagged(net)
        far = flagged(net, "GEO_FAR", family="geo_time", shadow=True, points=0)
        record_outcome(actor=ines, flag=far, outcome="confirmed", at=MORNING)

        def found(query: str) -> list[str]:
            return [row["id"] for row in api(ines).get(f"{FLAGS}?{query}").json()["results"]]

        assert found(f"claim={near.claim_id}") == [str(near.pk)]
        assert found("rule=GEO_FAR") == found("family=geo_time") == found("shadow=true") == [str(far.pk)]
        assert found("reviewed=false") == [str(near.pk)]
        assert found("reviewed=true") == found("outcome=confirmed") == [str(far.pk)]
        assert api(ines).get(f"{FLAGS}?rule=NOPE").status_code == 400
        assert api(ines).get(f"{FLAGS}?name=x").status_code == 400

    def test_costs_the_same_at_one_row_and_at_fifty(self, api, net, ines, django_assert_max_num_queries):
        claim = net.claimed(status="pending_review")
        flagged(net, claim=claim)
        client = api(ines)
        client.get(FLAGS)
        with django_assert_max_num_queries(6) as one:
            client.get(FLAGS)
        for n in range(49):
            flagged(net, claim=claim, rules_version=f"v{n}")
        with django_assert_max_num_queries(len(one.captured_queries)):
            assert len(client.get(FLAGS).json()["results"]) == 50


class TestOutcome:
    def test_is_recorded_with_its_author_and_audited(self, api, net, omar):
        flag = flagged(net)
        answer = api(omar).post(f"{FLAGS}/{flag.pk}/outcome", {"outcome": "false_positive"})
        assert answer.status_code == 200
        assert answer.json()["outcome"] == "false_positive"
        assert answer.json()["reviewed_by"] == str(omar.pk)
        entry = AuditEntry.objects.filter(event="insurance.flag.review", object_pk=str(flag.pk)).get()
        assert entry.actor_id == omar.pk

    def test_may_be_corrected(self, net, ines, omar):
        flag = flagged(net)
        record_outcome(actor=omar, flag=flag, outcome="confirmed", at=MORNING)
        record_outcome(actor=ines, flag=flag, outcome="false_positive", at=MORNING)
        flag.refresh_from_db()
        assert (flag.outcome, flag.reviewed_by_id) == ("false_positive", ines.pk)
        assert AuditEntry.objects.filter(event="insurance.flag.review", object_pk=str(flag.pk)).count() == 2

    def test_is_said_once_however_often_it_is_sent(self, net, omar):
        flag = flagged(net)
        for _ in range(2):
            record_outcome(actor=omar, flag=flag, outcome="confirmed", at=MORNING)
        assert AuditEntry.objects.filter(event="insurance.flag.review", object_pk=str(flag.pk)).count() == 1

    def test_is_not_the_platforms_to_say(self, api, net, root):
        flag = flagged(net)
        assert api(root).post(f"{FLAGS}/{flag.pk}/outcome", {"outcome": "confirmed"}).status_code == 403

    def test_is_not_another_insurers_to_say(self, net, nora):
        with pytest.raises(PermissionRefused):
            record_outcome(actor=nora, flag=flagged(net), outcome="confirmed", at=MORNING)

    def test_waits_for_the_claims_answer(self, net, ines):
        flag = flagged(net, claim=net.claimed(status="pending"))
        with pytest.raises(ClaimNotDecided):
            record_outcome(actor=ines, flag=flag, outcome="confirmed", at=MORNING)

    @pytest.mark.parametrize("body", [{}, {"outcome": "maybe"}, {"outcome": None}])
    def test_is_one_of_two_words(self, api, net, ines, body):
        flag = flagged(net)
        assert api(ines).post(f"{FLAGS}/{flag.pk}/outcome", body, format="json").status_code == 400


class TestPrecision:
    def test_is_confirmed_of_reviewed_by_rule_and_month(self, api, net, ines):
        for outcome in ("confirmed", "confirmed", "false_positive", None):
            flag = flagged(net)
            if outcome:
                record_outcome(actor=ines, flag=flag, outcome=outcome, at=MORNING)
        flagged(net, "GEO_FAR", family="geo_time", shadow=True, points=0)
        flagged(net, raised_at=datetime(2026, 5, 2, tzinfo=UTC))
        rows = api(ines).get(f"{FLAGS}/precision?from=2026-05-01&to=2026-06-30").json()["results"]
        near = {"rule": "NEAR_DUP", "family": "duplicate", "on_trial": 0}
        assert rows == [
            near
            | {"month": "2026-06-01", "raised": 4, "reviewed": 3, "confirmed": 2, "false_positive": 1}
            | {"precision_bp": 6667},
            {"rule": "GEO_FAR", "family": "geo_time", "month": "2026-06-01", "raised": 1, "on_trial": 1}
            | {"reviewed": 0, "confirmed": 0, "false_positive": 0, "precision_bp": None},
            near
            | {"month": "2026-05-01", "raised": 1, "reviewed": 0, "confirmed": 0, "false_positive": 0}
            | {"precision_bp": None},
        ]

    def test_counts_months_by_the_insurers_clock(self, net, ines):
        # Half past eleven at night in UTC is July in Tunis already.
        flagged(net, raised_at=datetime(2026, 6, 30, 23, 30, tzinfo=UTC))

        def months(zone: str) -> list[date]:
            rows = precision_by_month(
                viewer=ines, first=date(2026, 6, 1), last=date(2026, 7, 31), zone=ZoneInfo(zone)
            )
            return [row.month for row in rows]

        assert months("Africa/Tunis") == [date(2026, 7, 1)]
        assert months("UTC") == [date(2026, 6, 1)]

    def test_adds_months_up(self, net, ines):
        for month in (5, 6):
            flag = flagged(net, raised_at=datetime(2026, month, 2, tzinfo=UTC))
            record_outcome(actor=ines, flag=flag, outcome="confirmed", at=MORNING)
        rows = precision_by_month(
            viewer=ines, first=date(2026, 5, 1), last=date(2026, 6, 30), zone=ZoneInfo("UTC")
        )
        (total,) = totals_by_rule(rows)
        assert (total.raised, total.confirmed, total.precision_bp) == (2, 2, 10_000)

    def test_is_one_rules_alone_when_asked(self, api, net, ines):
        flagged(net)
        flagged(net, "GEO_FAR", family="geo_time")
        rows = (
            api(ines).get(f"{FLAGS}/precision?from=2026-06-01&to=2026-06-30&rule=GEO_FAR").json()["results"]
        )
        assert [row["rule"] for row in rows] == ["GEO_FAR"]

    def test_is_the_insurers_own_and_all_of_them_for_the_platform(self, api, net, other_net, ines, root):
        flagged(net)
        flagged(other_net)
        query = "from=2026-06-01&to=2026-06-30"
        assert api(ines).get(f"{FLAGS}/precision?{query}").json()["results"][0]["raised"] == 1
        assert api(root).get(f"{FLAGS}/precision?{query}").json()["results"][0]["raised"] == 2

    @pytest.mark.parametrize("query", ["from=2026-07-01&to=2026-06-30", "from=soon", "rule=NOPE", "month=6"])
    def test_refuses_what_it_does_not_understand(self, api, net, ines, query):
        assert api(ines).get(f"{FLAGS}/precision?{query}").status_code == 400


class TestTheRulesOfAnInsurer:
    def test_change_on_the_record(self, api, insurer, ines):
        fraud = {"review_at": 20, "rules": {"NEAR_DUP": {"shadow": True, "thresholds": {"days": 5}}}}
        answer = api(ines).patch(
            f"/api/v1/insurers/{insurer.pk}", {"config": {"fraud": fraud}}, format="json"
        )
        assert answer.status_code == 200, answer.content
        insurer.refresh_from_db()
        assert insurer.config["fraud"] == fraud
        entry = AuditEntry.objects.filter(object_pk=str(insurer.pk), actor_id=ines.pk).latest("timestamp")
        assert "NEAR_DUP" in str(entry.changes)

    @pytest.mark.parametrize(
        "rules",
        [
            {"NO_SUCH": {"weight": 1}},
            {"NEAR_DUP": {"thresholds": {"weeks": 1}}},
            {"GEO_FAR": {"weight": [1, 2, 3]}},
            {"GEO_FAR": {"weight": 101}},
            {"GEO_FAR": {"colour": "red"}},
        ],
    )
    def test_are_rules_that_exist(self, api, insurer, ines, rules):
        body = {"config": {"fraud": {"rules": rules}}}
        answer = api(ines).patch(f"/api/v1/insurers/{insurer.pk}", body, format="json")
        assert answer.status_code == 400
        insurer.refresh_from_db()
        assert insurer.config == {}

    def test_are_not_an_agents_to_change(self, api, insurer, omar):
        body = {"config": {"fraud": {"review_at": 20}}}
        answer = api(omar).patch(f"/api/v1/insurers/{insurer.pk}", body, format="json")
        assert answer.status_code == 403
