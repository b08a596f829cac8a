"""Timeline and balance, and what other apps add to them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.patients.hooks import PatientBalance, TimelineEvent, patient_balance, patient_timeline
from apps.patients.services import add_alert, create_household, record_consent
from tests.patients.conftest import HUGE_KEY, URL


@pytest.fixture
def visits(patient):
    """An app above that tells of 120 visits."""
    now = timezone.now()

    def tell(about, viewer, before, limit):
        moments = [now - timedelta(days=n) for n in range(120)]
        known = [moment for moment in moments if before is None or moment < before][:limit]
        return [
            TimelineEvent(moment, "agenda.appointment", patient.pk, "Visit", {"n": 1}) for moment in known
        ]

    patient_timeline.register(tell)
    yield now
    patient_timeline.unregister(tell)


class TestTimeline:
    def test_tells_what_happened_newest_first(self, api, ana, patient, at):
        record_consent(actor=ana, patient=patient, at=at, kind="sms")
        add_alert(actor=ana, patient=patient, at=at, kind="allergy", label="Latex")
        body = api(ana).get(f"{URL}/{patient.pk}/timeline").json()
        kinds = [event["kind"] for event in body["results"]]
        assert sorted(kinds) == ["patients.alert", "patients.consent", "patients.patient"]
        moments = [event["at"] for event in body["results"]]
        assert moments == sorted(moments, reverse=True)
        assert (body["count"], body["next"], body["previous"]) == (None, None, None)

    def test_goes_on_page_by_page_without_losing_or_doubling_an_event(self, api, ana, patient, visits):
        url, seen, pages = f"{URL}/{patient.pk}/timeline", [], 0
        while url:
            body = api(ana).get(url).json()
            seen += [event["at"] for event in body["results"] if event["kind"] == "agenda.appointment"]
            url, pages = body["next"], pages + 1
        assert len(seen) == len(set(seen)) == 120
        assert pages == 3

    @pytest.mark.parametrize(
        "query", [{"before": "yesterday"}, {"before": "2026-01-01T00:00:00"}, {"after": "x"}]
    )
    def test_refuses_what_it_does_not_know(self, api, ana, patient, query):
        assert api(ana).get(f"{URL}/{patient.pk}/timeline", query).status_code == 400

    def test_is_404_for_another_practice(self, api, cleo, patient):
        assert api(cleo).get(f"{URL}/{patient.pk}/timeline").status_code == 404
        assert api(cleo).get(f"{URL}/{HUGE_KEY}/timeline").status_code == 404


class TestBalance:
    def test_is_nothing_where_nobody_bills(self, api, ben, patient):
        body = api(ben).get(f"{URL}/{patient.pk}/balance").json()
        assert body == {
            "currency": "EUR",
            "patient_due": 0,
            "insurer_due": 0,
            "overdue": 0,
            "credit": 0,
            "household": None,
        }

    def test_adds_what_the_household_owes(self, api, ben, practice, patient, register, at):
        child = register("Léo", "Martin")
        create_household(
            actor=ben, practice=practice, name="Martin", at=at, guarantor=patient, members=[child]
        )
        asked = []

        def owe(practice_id, keys):
            asked.append((practice_id, set(keys)))
            return {
                child.pk: PatientBalance("EUR", patient_due=5000, overdue=1000),
                patient.pk: PatientBalance("EUR", 250),
            }

        patient_balance.register(owe)
        try:
            body = api(ben).get(f"{URL}/{patient.pk}/balance").json()
        finally:
            patient_balance.unregister(owe)
        assert asked == [(practice.pk, {patient.pk, child.pk})]
        assert body["patient_due"] == 250
        assert body["household"]["total"]["patient_due"] == 5250
        assert {member["display_name"] for member in body["household"]["members"]} == {
            "Jeanne MARTIN",
            "Léo MARTIN",
        }

    def test_is_404_for_another_practice(self, api, cleo, patient):
        assert api(cleo).get(f"{URL}/{patient.pk}/balance").status_code == 404
