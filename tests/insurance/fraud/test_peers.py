"""The nightly statistics, against figures worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from django.core.management import call_command
from django.db import connection, connections

from apps.insurance.fraud.facts import Generics, Pair, Peers
from apps.insurance.services.peers import refresh_peers, refreshed_at
from apps.insurance.tasks import refresh_peer_statistics
from tests.insurance.fraud import network
from tests.insurance.fraud.network import MAKER, Network, item
from tests.insurance.fraud.scenes import DAY, MORNING

pytestmark = pytest.mark.django_db


@pytest.fixture
def net(db) -> Network:
    return network.build()


def refreshed(net: Network, *items, **claim):
    """Refresh, then gather a claim's facts."""
    assert refresh_peers(actor=MAKER, at=MORNING)
    return net.facts(*items, **claim)


class TestPrices:
    def test_are_median_and_mad_and_p95_of_the_city_and_of_the_country(self, net):
        for price in (10_000, 20_000, 30_000, 40_000, 90_000):
            net.claimed(item(unit_price=price), service_date=DAY - timedelta(days=9))
        sfax = network.practice(city="Sfax")
        net.claimed(item(unit_price=500_000), provider=sfax, service_date=DAY - timedelta(days=9))
        facts = refreshed(net)
        # Distances from 30000: 20, 10, 0, 10 and 60 thousand. p95 lies four fifths of the way from 40 to 90 thousand.
        assert facts.city_peers["C2"] == Peers(5, Fraction(30_000), Fraction(10_000), Fraction(80_000))
        # Of six: the middle is 35000; distances 25, 15, 5, 5, 55, 465 thousand, whose middle is 20000.
        country = facts.country_peers["C2"]
        assert (country.n, country.median, country.mad) == (6, 35_000, 20_000)

    def test_take_spellings_of_a_city_as_one(self, net):
        net.claimed(provider=network.practice(city=" TUNIS"))
        net.claimed(provider=network.practice(city="tunis "))
        assert refreshed(net).city_peers["C2"].n == 2

    def test_leave_other_types_currencies_countries_and_codes_out(self, net):
        net.claimed()
        net.claimed(provider=network.practice("clinic"))
        net.claimed(currency="EUR")
        net.claimed(provider=network.practice(country="FR"))
        net.claimed(item("C3"))
        facts = refreshed(net)
        assert (facts.city_peers["C2"].n, facts.country_peers["C2"].n) == (1, 1)
        assert set(facts.city_peers) == {"C2"}

    def test_reach_back_one_hundred_and_eighty_days(self, net):
        for days in (0, 179, 180, -1):
            net.claimed(service_date=DAY - timedelta(days=days))
        assert refreshed(net).country_peers["C2"].n == 2

    @pytest.mark.parametrize("status", ["rejected", "blocked"])
    def test_leave_refused_and_blocked_claims_out(self, net, status):
        net.claimed(status=status)
        assert refreshed(net).country_peers == {}

    def test_are_the_insurers_own(self, net):
        house = network.insurer()
        person = network.adherent(house)
        rival = Network(insurer=house, doctor=net.doctor, person=person, member=network.contract(person))
        rival.claimed(item(unit_price=1))
        assert refreshed(net).country_peers == {}
        assert rival.facts().country_peers["C2"].n == 1

    def test_do_not_change_until_they_are_refreshed(self, net):
        net.claimed()
        assert refreshed(net).country_peers["C2"].n == 1
        net.claimed()
        assert net.facts().country_peers["C2"].n == 1


class TestPace:
    def test_is_the_p99_of_claims_in_an_hour_of_thirty_days(self, net):
        for hour, claims in ((1, 1), (2, 1), (3, 3)):
            for minute in range(claims):
                net.claimed(submitted_at=MORNING - timedelta(hours=hour, minutes=-minute))
        net.claimed(submitted_at=MORNING - timedelta(days=31))
        pace = refreshed(net).pace
        # Of 1, 1 and 3 claims: 98 hundredths of the way from 1 to 3.
        assert (pace.hours_seen, pace.hour_p99) == (3, Fraction("2.96"))


class TestPairs:
    def test_count_both_sides_and_all(self, net):
        net.doctor = network.practice("pharmacy")
        other = network.practice("pharmacy")
        for name, provider in (
            ("Dr X", net.doctor),
            ("dr  x ", net.doctor),
            ("Dr X", other),
            ("Dr Y", net.doctor),
        ):
            lines = [item(prescriber=name), item("M", sequence=2, prescriber=name)]
            net.claimed(*lines, type="pharmacy", provider=provider)
        net.claimed(type="pharmacy")
        net.claimed(item(prescriber="Dr X"))
        assert refreshed(net, item(prescriber="DR X"), type="pharmacy").pair == Pair(
            together=2, of_prescriber=3, of_provider=3, of_all=4
        )
        assert net.facts(item(prescriber="Dr Z"), type="pharmacy").pair is None

    def test_hold_no_name(self, net):
        net.claimed(item(prescriber="Dr Ben Salem"), type="pharmacy")
        refreshed(net)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT prescriber FROM insurance_prescriber_pair WHERE insurer_id = %s", [net.insurer.pk]
            )
            ((key,),) = cursor.fetchall()
        assert len(key) == 64
        assert "salem" not in key


class TestGenerics:
    def test_are_refused_here_and_elsewhere(self, net):
        net.doctor = network.practice("pharmacy")
        other = network.practice("pharmacy")
        net.claimed(item(is_substitutable=False), item("M", sequence=2), type="pharmacy")
        for refused in (True, False, False):
            net.claimed(item(is_substitutable=not refused), type="pharmacy", provider=other)
        counts = refreshed(net, item(is_substitutable=False), type="pharmacy").generics
        assert counts == Generics(own=2, own_refused=1, peers=3, peers_refused=1)
        assert net.facts(item(), type="pharmacy").generics is None


class TestRefreshing:
    def test_says_what_moment_the_figures_stand_for(self, net):
        refresh_peers(actor=MAKER, at=MORNING)
        assert refreshed_at() == MORNING

    def test_is_done_by_the_task_and_by_the_command(self, net, capsys):
        assert refresh_peer_statistics() is True
        first = refreshed_at()
        assert first > MORNING
        call_command("refresh_peers")
        assert refreshed_at() > first
        assert capsys.readouterr().out == "The statistics are fresh.\n"

    @pytest.mark.django_db(transaction=True)
    def test_is_left_to_whoever_is_just_doing_it(self, net):
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [0x50454552])
                assert refresh_peers(actor=MAKER, at=MORNING) is False
                cursor.execute("SELECT pg_advisory_unlock(%s)", [0x50454552])
            assert refresh_peers(actor=MAKER, at=MORNING) is True
        finally:
            other.close()
