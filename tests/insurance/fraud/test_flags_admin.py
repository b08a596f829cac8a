"""Flags in the admin: judged by reviewers, measured in a picture."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.accounts.roles import Role
from apps.insurance.admin.flags import drawn, percent
from apps.insurance.fraud.catalogue import BY_CODE
from apps.insurance.precision import Precision
from apps.insurance.rule_names import NAMES, name_of
from tests.admin.conftest import browser
from tests.cast import make_user
from tests.insurance.fraud import network
from tests.insurance.fraud.network import Network
from tests.insurance.fraud.scenes import DAY
from tests.insurance.fraud.test_flags_api import flagged

__all__ = ["browser"]
LIST = "admin:insurance_claimflag_changelist"
PRECISION = "admin:insurance_claimflag_precision"


def row(rule: str = "NEAR_DUP", **counts) -> Precision:
    defaults = {"raised": 10, "on_trial": 0, "confirmed": 0, "false_positive": 0}
    return Precision(rule=rule, family="duplicate", month=DAY.replace(day=1), **defaults | counts)


class TestNames:
    def test_are_given_to_every_rule(self):
        assert set(NAMES) == set(BY_CODE)
        assert name_of("GONE") == "GONE"


class TestThePicture:
    def test_divides_each_bar_by_outcome_and_scales_to_the_longest(self):
        first, second = drawn([row(raised=10, confirmed=4, false_positive=1), row("GEO_FAR", raised=5)])
        assert (first.confirmed, first.false, first.open) == (192, 48, 240)
        assert (second.confirmed, second.false, second.open) == (0, 0, 240)
        assert first.open_x + first.open + 8 == first.label_x
        assert second.y - first.y == 30

    def test_is_empty_without_flags(self):
        assert drawn([]) == []

    @pytest.mark.parametrize(
        ("confirmed", "false", "text"), [(0, 0, "–"), (2, 1, "67 %"), (1, 0, "100 %"), (0, 3, "0 %")]
    )
    def test_says_the_share_that_was_right(self, confirmed, false, text):
        assert percent(row(confirmed=confirmed, false_positive=false)) == text


@pytest.mark.django_db
class TestPages:
    @pytest.fixture
    def net(self, insurer) -> Network:
        person = network.adherent(insurer)
        return Network(
            insurer=insurer, doctor=network.practice(), person=person, member=network.contract(person)
        )

    def test_measure_the_rules(self, browser, net, ines):
        flagged(net, raised_at=timezone.now())
        page = browser(ines).get(reverse(PRECISION))
        assert page.status_code == 200
        text = page.content.decode()
        assert text.count("<svg") == 4
        assert str(name_of("NEAR_DUP")) in text
        assert [bar.total.raised for bar in page.context["bars"]] == [1]

    def test_measure_nothing_where_nothing_was_raised(self, browser, net, ines):
        page = browser(ines).get(reverse(PRECISION))
        assert page.status_code == 200
        assert "<figure" not in page.content.decode()

    def test_show_another_insurers_flags_to_nobody_but_the_platform(self, browser, net, nora, root):
        flag = flagged(net, raised_at=timezone.now())
        assert browser(nora).get(reverse(PRECISION)).context["bars"] == []
        assert str(flag.pk) not in browser(nora).get(reverse(LIST)).content.decode()
        assert len(browser(root).get(reverse(PRECISION)).context["bars"]) == 1

    @pytest.mark.parametrize("role", ["practice_admin", "practitioner", "assistant"])
    def test_are_closed_to_providers(self, browser, net, house, role):
        flagged(net)
        user = make_user(f"{role}@pages.test", Role(role), "P", practice=house.practice)
        for address in (reverse(PRECISION), reverse(LIST)):
            assert browser(user).get(address).status_code in {302, 403}

    @pytest.mark.parametrize(("verb", "outcome"), [("confirm", "confirmed"), ("dismiss", "false_positive")])
    def test_record_what_a_reviewer_says(self, browser, net, omar, verb, outcome):
        flag = flagged(net)
        client = browser(omar)
        address = reverse("admin:insurance_claimflag_change", args=[flag.pk])
        buttons = client.get(address).content.decode()
        link = reverse(f"admin:insurance_claimflag_{verb}_do", args=[flag.pk])
        assert link in buttons
        client.post(link)
        flag.refresh_from_db()
        assert (flag.outcome, flag.reviewed_by_id) == (outcome, omar.pk)

    def test_record_it_for_many_at_once(self, browser, net, ines):
        flags = [flagged(net), flagged(net)]
        browser(ines).post(
            reverse(LIST), {"action": "dismiss", "_selected_action": [str(flag.pk) for flag in flags]}
        )
        for flag in flags:
            flag.refresh_from_db()
        assert {flag.outcome for flag in flags} == {"false_positive"}

    def test_offer_no_verdict_to_the_platform(self, browser, net, root):
        flag = flagged(net)
        text = browser(root).get(reverse("admin:insurance_claimflag_change", args=[flag.pk])).content.decode()
        assert not re.search(r"/do/(confirm|dismiss)/", text)

    def test_filter_by_rule(self, browser, net, ines):
        near, far = flagged(net), flagged(net, "GEO_FAR", family="geo_time")
        text = browser(ines).get(reverse(LIST), {"rule": "GEO_FAR"}).content.decode()
        assert str(far.pk) in text
        assert str(near.pk) not in text

    def test_say_which_lines_and_claims_show_it_and_whether_it_counts(self, browser, net, ines):
        earlier = net.claimed()
        flag = flagged(
            net, evidence={"lines": [1, 3], "claims": [str(earlier.pk)], "reason": "x"}, shadow=True, points=0
        )
        text = browser(ines).get(reverse("admin:insurance_claimflag_change", args=[flag.pk])).content.decode()
        assert "1, 3 · " in text
        assert f"…{str(earlier.pk)[-6:]}" in text
        assert "à l’essai" in text.lower()
