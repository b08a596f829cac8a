"""Every counter against rows in PostgreSQL: what it counts, what it leaves out, and whose it never reads."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, time, timedelta
from fractions import Fraction

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.directory.models import OpeningHours, Practitioner
from apps.insurance.fraud.facts import Facts, Opening, Pace, PractitionerDay
from apps.insurance.models import Claim, ClaimItem
from tests.insurance.fraud import network
from tests.insurance.fraud.network import Network, item
from tests.insurance.fraud.scenes import DAY, MORNING

pytestmark = pytest.mark.django_db


@pytest.fixture
def net(db) -> Network:
    return network.build()


def reversed_by(net: Network, claim: Claim) -> None:
    """Take a claim back."""
    back, lines = net.asked(item(), reversal_of=claim)
    back.total_amount, back.covered_amount, back.copay_amount = -70_000, 0, -70_000
    network.created(back)
    lines[0].line_total = lines[0].copay_amount = -70_000
    with network.making():
        ClaimItem.objects.bulk_create(lines)


class TestStatements:
    def test_are_two_at_one_line_and_at_fifty(self, net):
        for n in range(3):
            net.claimed(service_date=DAY - timedelta(days=n))
        counts = []
        for size in (1, 50):
            lines = [item(f"C{n}", sequence=n, tooth="16") for n in range(1, size + 1)]
            claim, lines = net.asked(*lines)
            with CaptureQueriesContext(
                connection,
            ) as seen:
                net_facts = network.gather(
                    claim=claim,
                    items=lines,
                    agreed=net.agreed(review_above=70_000 * size, convention_start=date(2026, 1, 1)),
                    config=network.FraudConfig.from_json({}),
                    at=MORNING,
                )
            counts.append(len(seen))
            assert len(net_facts.facts.claim.lines) == size
        assert counts == [2, 2]


class TestTheClaim:
    def test_is_read_with_its_agreed_prices_and_the_wall_clock_of_its_provider(self, net):
        net.prices["acts"]["C2"]["minutes"] = 25
        facts = net.facts(
            item(is_substitutable=False, is_trauma=True, surfaces="MO", tooth="16", prior_paid=5),
            prescriber="Dr X",
            practitioner_ref="P1",
            is_urgent=True,
        )
        line = facts.claim.lines[0]
        assert (line.bareme_price, line.minutes, line.prior_paid) == (70_000, 25, 5)
        assert (line.non_substitutable, line.trauma, line.tooth, line.surfaces) == (True, True, "16", "MO")
        assert facts.claim.entered_at.hour == 11
        assert (facts.claim.practitioner, facts.claim.prescriber, facts.claim.is_urgent) == (
            "P1",
            "Dr X",
            True,
        )

    @pytest.mark.parametrize(("diagnosis", "trauma"), [("S02.5", True), ("K02.1", False), ("", False)])
    def test_is_after_an_accident_by_its_diagnosis(self, net, diagnosis, trauma):
        assert net.facts(item(diagnosis=diagnosis)).claim.lines[0].trauma is trauma

    def test_knows_repeatable_acts_and_incompatible_pairs_by_the_price_list(self, net):
        net.prices = {
            "acts": {"C2": {"price": 1, "repeatable": True}},
            "incompatible": [["A", "B", "day"], ["A", "C"]],
            "association_bp": {"A+C": 5000},
        }
        facts = net.facts()
        assert facts.claim.lines[0].repeatable
        assert facts.incompatible == {("A", "B", "day"), ("A", "C", "claim")}
        assert facts.associated == {frozenset({"A", "C"})}


class TestHistory:
    def test_holds_lines_near_the_day_of_any_provider(self, net):
        elsewhere = network.practice()
        net.claimed(item("X"), service_date=DAY - timedelta(days=3), provider=elsewhere)
        net.claimed(item("Y"), service_date=DAY + timedelta(days=3))
        net.claimed(item("Z"), service_date=DAY - timedelta(days=4))
        assert {(past.code, past.provider) for past in net.facts().history} == {
            ("X", str(elsewhere.pk)),
            ("Y", str(net.doctor.pk)),
        }

    def test_holds_the_same_code_within_the_longest_window(self, net):
        net.member.contract.coverage["consultation"]["acts"] = {"C2": {"max_qty": 2, "per_days": 30}}
        for days in (29, 30, 31):
            net.claimed(service_date=DAY - timedelta(days=days))
        facts = net.facts()
        assert facts.frequencies["C2"].max_quantity == 2
        assert sorted((DAY - past.service_date).days for past in facts.history) == [29, 30]
        wider = net.facts(config={"acts": {"C2": {"max_quantity": 2, "per_days": 31}}})
        assert len(wider.history) == 3

    def test_holds_whatever_was_done_on_the_same_tooth_however_long_ago(self, net):
        extraction = net.claimed(item("HBGD036", tooth="16"), service_date=date(2021, 3, 1), type="dental")
        net.claimed(item("HBGD036", tooth="17"), service_date=date(2021, 3, 1), type="dental")
        past = net.facts(item("HBMD053", tooth="16", surfaces="O"), type="dental").history
        assert [(row.claim, row.tooth) for row in past] == [(str(extraction.pk), "16")]

    def test_says_what_was_paid(self, net):
        net.claimed(item("P", covered_amount=35_000))
        net.claimed(item("N", covered_amount=0))
        assert {past.code: past.paid for past in net.facts().history} == {"P": True, "N": False}

    @pytest.mark.parametrize("status", ["rejected", "blocked"])
    def test_leaves_refused_and_blocked_claims_out(self, net, status):
        net.claimed(status=status)
        facts = net.facts()
        assert (facts.history, facts.visits, facts.day_claims) == ((), (), 0)

    def test_leaves_reversals_and_what_they_took_back_out(self, net):
        reversed_by(net, net.claimed())
        assert net.facts().history == ()

    def test_leaves_the_claim_itself_out(self, net):
        claim = net.claimed()
        gathered = network.gather(
            claim=claim,
            items=list(claim.items.all()),
            agreed=net.agreed(),
            config=network.FraudConfig.from_json({}),
            at=MORNING,
        )
        assert gathered.facts.history == ()
        assert gathered.facts.pace == Pace()
        assert gathered.facts.practitioner_day == PractitionerDay(0, 0)

    def test_is_the_persons_own(self, net):
        other = network.contract(network.adherent(net.insurer))
        net.claimed(member=other)
        assert net.facts().history == ()


class TestTheDay:
    def test_counts_claims_and_other_providers_of_one_type(self, net):
        net.claimed()
        for kind in ("medical", "medical", "pharmacy"):
            net.claimed(provider=network.practice(kind))
        net.claimed(service_date=DAY - timedelta(days=1))
        facts = net.facts()
        assert (facts.day_claims, facts.day_other_providers) == (4, 2)

    def test_knows_where_and_when_the_person_was(self, net):
        sousse = network.practice(lat="35.825600", lng="10.608400")
        seen = net.claimed(provider=sousse, submitted_at=MORNING - timedelta(hours=1))
        late = net.claimed(provider=sousse, submitted_at=MORNING + timedelta(days=2))
        visits = {visit.claim: visit for visit in net.facts().visits}
        assert visits[str(seen.pk)].at == MORNING - timedelta(hours=1)
        assert visits[str(late.pk)].at is None
        assert visits[str(seen.pk)].place.lat == pytest.approx(35.8256)

    def test_adds_up_the_practitioners_minutes_and_patients(self, net):
        others = [network.contract(network.adherent(net.insurer)) for _ in range(2)]
        net.claimed(item(minutes=20, quantity=3), practitioner_ref="P1", member=others[0])
        net.claimed(item(minutes=15), practitioner_ref="P1", member=others[1])
        net.claimed(item(minutes=10), practitioner_ref="P1")
        net.claimed(item(minutes=500), practitioner_ref="P2")
        net.claimed(item(minutes=500), practitioner_ref="P1", service_date=DAY - timedelta(days=1))
        assert net.facts(practitioner_ref="P1").practitioner_day == PractitionerDay(
            minutes=85, other_patients=2
        )

    @pytest.mark.parametrize(
        ("kind", "ref", "counted"),
        [
            ("clinic", "", False),
            ("clinic", "P1", True),
            ("pharmacy", "", False),
            ("laboratory", "", False),
            ("dental", "", True),
            ("medical", "", True),
        ],
    )
    def test_counts_days_of_practitioners_and_not_of_sites(self, net, kind, ref, counted):
        net.doctor = network.practice(kind)
        assert (net.facts(practitioner_ref=ref).practitioner_day is not None) is counted

    def test_does_not_take_a_practice_of_two_for_one_tireless_practitioner(self, net):
        net.doctor = network.practice("dental")
        for name in ("Ana", "Luc"):
            network.created(
                Practitioner(practice=net.doctor, first_name=name, last_name="M", kind="practitioner")
            )
        assert net.facts().practitioner_day is None
        assert net.facts(practitioner_ref="P1").practitioner_day is not None


class TestTheProvider:
    def test_counts_the_last_minutes_and_the_last_hour(self, net):
        for minutes in (0, 9, 10, 59, 60):
            net.claimed(submitted_at=MORNING - timedelta(minutes=minutes))
        net.claimed(submitted_at=MORNING, provider=network.practice())
        assert net.facts().pace == Pace(last_ten_minutes=2, last_hour=4, hour_p99=Fraction(0), hours_seen=0)

    def test_reads_its_stated_hours_of_that_day(self, net):
        def opens(**fields):
            network.created(OpeningHours(practice=net.doctor, opens_at=time(8), closes_at=time(12), **fields))

        opens(weekday=2)
        opens(weekday=3, valid_until=DAY)
        opens(weekday=4, valid_from=DAY)
        luc = network.created(
            Practitioner(practice=net.doctor, first_name="Luc", last_name="M", kind="practitioner")
        )
        opens(weekday=5, practitioner=luc)
        assert set(net.facts().provider.hours) == {
            Opening(2, time(8), time(12)),
            Opening(4, time(8), time(12)),
        }

    def test_knows_the_holidays_of_its_country(self, net):
        assert net.facts(service_date=date(2026, 7, 25)).holiday
        assert not net.facts(service_date=date(2026, 7, 14)).holiday

    def test_counts_claims_just_below_a_limit_only_beside_one(self, net):
        close = [net.claimed(item(unit_price=price)) for price in (490_000, 500_000)]
        for price in (489_999, 500_001):
            net.claimed(item(unit_price=price))
        net.claimed(item(unit_price=495_000), submitted_at=MORNING - timedelta(days=31))
        terms = {"review_above": 500_000}
        bands = net.facts(item(unit_price=495_000), terms=terms).bands
        assert [(band.limit, set(band.claims)) for band in bands] == [
            (500_000, {str(row.pk) for row in close})
        ]
        assert net.facts(item(unit_price=480_000), terms=terms).bands == ()

    def test_watches_the_limit_of_prior_agreement_as_well(self, net):
        net.member.contract.coverage["consultation"]["preauth_above"] = 300_000
        bands = net.facts(item(unit_price=299_000), terms={"review_above": 300_500}).bands
        assert [band.limit for band in bands] == [300_000, 300_500]

    @pytest.mark.parametrize(("city", "alone"), [("Tunis", False), (" TUNIS ", False), ("Sfax", True)])
    def test_knows_the_only_pharmacy_in_town(self, net, city, alone):
        net.doctor = network.practice("pharmacy")
        network.practice("pharmacy", city=city)
        network.practice("pharmacy", is_active=False)
        network.practice("medical")
        facts = net.facts(type="pharmacy", prescriber="Dr X")
        assert facts.provider.alone_in_town is alone


class TestTheContract:
    def test_adds_up_what_thirty_days_covered(self, net):
        for days, covered in ((0, 1), (29, 2), (30, 4), (-1, 8)):
            net.claimed(item(covered_amount=covered), service_date=DAY - timedelta(days=days))
        net.claimed(item(covered_amount=16), status="rejected")
        net.member.contract.annual_limit = 2_000_000
        facts = net.facts()
        assert (facts.covered_in_30_days, facts.annual_limit) == (3, 2_000_000)

    def test_knows_the_end_of_the_waiting_period_and_earlier_claims(self, net):
        assert net.facts().first_payable_day is None
        net.member.contract.carence_days = 30
        facts = net.facts()
        assert (facts.first_payable_day, facts.has_earlier_claims) == (date(2026, 1, 31), False)
        net.claimed(service_date=date(2026, 2, 1), status="rejected")
        assert not net.facts().has_earlier_claims
        net.claimed(service_date=date(2026, 2, 1))
        assert net.facts().has_earlier_claims

    def test_knows_a_registered_long_term_illness(self, net):
        assert not net.facts().person.chronic
        net.member.is_chronic = True
        assert net.facts().person.chronic

    def test_knows_the_first_claim_of_a_convention(self, net):
        terms = {"convention_start": date(2026, 6, 1)}
        net.claimed(service_date=date(2026, 5, 31))
        net.claimed(service_date=DAY, status="rejected")
        net.claimed(service_date=DAY, provider=network.practice())
        assert net.gathered(terms=terms).first_of_convention
        net.claimed(service_date=date(2026, 6, 1))
        assert not net.gathered(terms=terms).first_of_convention
        assert not net.gathered(terms={"convention_start": None}).first_of_convention


class TestOtherInsurers:
    """What another insurer holds changes nothing here, but that other cover exists."""

    @pytest.fixture
    def twin(self, net) -> Network:
        """The same person and doctor, at another insurer."""
        house = network.insurer()
        person = network.adherent(house, identity="twin")
        net.person.national_id_hash = person.national_id_hash
        return Network(insurer=house, doctor=net.doctor, person=person, member=network.contract(person))

    def test_share_no_counter_at_all(self, net, twin):
        asked = {
            "practitioner_ref": "P1",
            "terms": {"review_above": 70_000, "convention_start": date(2026, 6, 1)},
        }
        before = net.gathered(**asked)
        for n in range(4):
            other = replace(twin, doctor=network.practice()) if n else twin
            other.claimed(
                item(minutes=400), practitioner_ref="P1", submitted_at=MORNING - timedelta(minutes=n)
            )
        after = net.gathered(**asked)
        assert after.first_of_convention == before.first_of_convention
        hidden = {f.name for f in fields(Facts)} - {"other_cover"}
        assert {name: getattr(after.facts, name) for name in hidden} == {
            name: getattr(before.facts, name) for name in hidden
        }

    def test_tell_only_that_they_cover_the_same_care(self, net, twin):
        cover = net.facts().other_cover
        assert (cover.same_care, cover.another_person) == (True, False)
        assert net.facts(type="laboratory").other_cover.same_care is False

    @pytest.mark.parametrize("sex", ["F", "M"])
    def test_tell_that_the_identifier_names_somebody_else(self, net, twin, sex):
        net.member.adherent.gender = sex
        assert net.facts().other_cover.another_person is (sex == "M")

    def test_of_another_kind_are_expected(self, net, twin):
        net.member.insurer.kind = "mandatory"
        assert net.facts().other_cover.same_care is False

    @pytest.mark.parametrize(
        ("change", "covered"),
        [
            ({"status": "suspended", "status_from": DAY}, False),
            ({"status": "suspended", "status_from": DAY + timedelta(days=1)}, True),
            ({"status": "expired", "status_from": date(2027, 1, 1)}, True),
            ({"end_date": DAY - timedelta(days=1)}, False),
            ({"start_date": DAY + timedelta(days=1)}, False),
        ],
    )
    def test_count_while_their_cover_is_in_force(self, net, twin, change, covered):
        with network.making():
            type(twin.member.contract).objects.filter(pk=twin.member.contract_id).update(**change)
        assert net.facts().other_cover.same_care is covered

    def test_count_while_they_know_the_person(self, net, twin):
        with network.making():
            type(twin.person).objects.filter(pk=twin.person.pk).update(deleted_at=MORNING)
        assert net.facts().other_cover == type(net.facts().other_cover)()
