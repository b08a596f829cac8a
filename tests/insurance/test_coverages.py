"""Pointing a patient's file at the contract that pays for it."""

from __future__ import annotations

from datetime import date

import pytest

from apps.audit.models import AccessEntry
from apps.core.context import bind
from apps.core.errors import InvalidInput
from apps.insurance.models import PatientCoverage
from apps.insurance.services.coverages import RankTaken, change_coverage, link_coverage
from apps.patients.services import merge_patients, register_patient
from tests.cast import CASTING
from tests.insurance.making import make_adherent, make_contract, make_member


@pytest.fixture
def patient(practice, ana, at):
    return register_patient(actor=ana, practice=practice, first_name="Salma", last_name="Trabelsi", at=at)


@pytest.fixture
def contract(insurer):
    return make_contract(insurer, contract_number="K-2026-1")


class TestLinkCoverage:
    def test_finds_the_contract_by_number(self, patient, contract, ana, at):
        link = link_coverage(actor=ana, patient=patient, contract_number=" K-2026-1 ", at=at)
        assert (link.contract, link.adherent, link.rank) == (contract, contract.adherent, 1)
        assert link.valid_from == date(2026, 1, 1)
        assert link.valid_to is None

    def test_finds_the_contract_by_national_identifier(self, insurer, patient, ana, at):
        person = make_adherent(insurer, national_id="08765432")
        contract = make_contract(insurer, person)
        link = link_coverage(actor=ana, patient=patient, national_id="08 765 432", at=at)
        assert (link.contract, link.adherent) == (contract, person)

    def test_asks_which_person_of_a_family_it_is(self, patient, contract, ana, at):
        child = make_member(contract)
        with pytest.raises(InvalidInput) as refused:
            link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        assert "adherent" in refused.value.details
        link = link_coverage(actor=ana, patient=patient, contract=contract, adherent=child.adherent, at=at)
        assert link.adherent == child.adherent

    def test_asks_which_insurer_when_two_have_the_number(self, other_insurer, patient, contract, ana, at):
        other = make_contract(other_insurer, contract_number="K-2026-1")
        with pytest.raises(InvalidInput) as refused:
            link_coverage(actor=ana, patient=patient, contract_number="K-2026-1", at=at)
        assert "insurer" in refused.value.details
        link = link_coverage(
            actor=ana, patient=patient, contract_number="K-2026-1", insurer=other_insurer, at=at
        )
        assert link.contract == other

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"contract_number": "K-0"}, "contract_number"),
            ({"national_id": "99999999"}, "national_id"),
            ({"national_id": "?"}, "national_id"),
            ({}, "contract"),
        ],
    )
    def test_says_what_it_does_not_find(self, patient, contract, ana, at, given, field):
        with pytest.raises(InvalidInput) as refused:
            link_coverage(actor=ana, patient=patient, at=at, **given)
        assert list(refused.value.details) == [field]

    def test_ranks_after_the_others_and_refuses_a_rank_twice(self, insurer, patient, contract, ana, at):
        link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        second = make_contract(insurer)
        assert link_coverage(actor=ana, patient=patient, contract=second, at=at).rank == 2
        with pytest.raises(RankTaken):
            link_coverage(actor=ana, patient=patient, contract=make_contract(insurer), rank=2, at=at)

    def test_lets_another_contract_follow_on_the_same_rank(self, insurer, patient, contract, ana, at):
        first = link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        change_coverage(actor=ana, coverage=first, valid_to=date(2026, 6, 30))
        link_coverage(
            actor=ana,
            patient=patient,
            contract=make_contract(insurer),
            rank=1,
            valid_from=date(2026, 7, 1),
            at=at,
        )
        on = PatientCoverage.objects.filter(patient=patient)
        assert [link.contract_id for link in on.on(date(2026, 6, 30))] == [contract.pk]
        assert contract.pk not in [link.contract_id for link in on.on(date(2026, 7, 1))]

    def test_follows_the_patient_into_the_file_that_is_kept(
        self, insurer, practice, patient, contract, dora, at
    ):
        kept = register_patient(
            actor=dora,
            practice=practice,
            first_name="Salma",
            last_name="Trabelsi",
            allow_duplicate=True,
            at=at,
        )
        link_coverage(actor=dora, patient=kept, contract=make_contract(insurer), at=at)
        link_coverage(actor=dora, patient=patient, contract=contract, at=at)
        merge_patients(actor=dora, kept=kept, merged=patient, at=at)
        found = PatientCoverage.objects.filter(patient=kept).order_by("rank")
        assert [(link.rank, link.contract_id == contract.pk) for link in found] == [(1, False), (2, True)]


class TestOverHttp:
    def test_links_lists_and_ends(self, patient, contract, ben, api):
        client, path = api(ben), f"/api/v1/patients/{patient.pk}/coverages"
        made = client.post(path, {"contract_number": "K-2026-1"})
        assert made.status_code == 201, made.content
        body = made.json()
        assert body["contract"] == str(contract.pk)
        assert body["insured_name"] == contract.adherent.display_name
        assert "coverage" not in body
        assert client.get(path).json()["results"] == [body]
        ended = client.patch(f"{path}/{body['id']}", {"valid_to": "2026-06-30"})
        assert ended.json()["valid_to"] == "2026-06-30"

    def test_shows_nothing_to_another_practice(self, patient, contract, ana, cleo, api, at):
        link = link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        path = f"/api/v1/patients/{patient.pk}/coverages"
        assert api(cleo).get(path).status_code == 404
        assert api(cleo).post(path, {"contract": str(contract.pk)}).status_code == 404
        assert api(cleo).patch(f"{path}/{link.pk}", {"rank": 2}).status_code == 404

    def test_keeps_a_link_with_its_own_patient(self, practice, patient, contract, ana, api, at):
        other = register_patient(actor=ana, practice=practice, first_name="Luc", last_name="Petit", at=at)
        link = link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        answer = api(ana).patch(f"/api/v1/patients/{other.pk}/coverages/{link.pk}", {"rank": 2})
        assert answer.status_code == 404

    def test_hides_those_of_a_restricted_file(self, patient, contract, ana, dora, api, at):
        link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.restrict"):
            type(patient).objects.filter(pk=patient.pk).update(restricted_at=at)
        assert not PatientCoverage.objects.visible_to(ana).exists()
        assert PatientCoverage.objects.visible_to(dora).exists()

    def test_is_on_record_and_limited(self, patient, contract, ben, api, settings):
        settings.LOOKUPS_PER_USER_PER_MINUTE = 1
        client, path = api(ben), f"/api/v1/patients/{patient.pk}/coverages"
        assert client.post(path, {"contract_number": "K-2026-1"}).status_code == 201
        assert client.post(path, {"contract_number": "K-2026-1"}).status_code == 429
        assert AccessEntry.objects.filter(actor_id=ben.pk, event="insurance.contract.resolve").count() == 1
