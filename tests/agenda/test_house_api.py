"""What a practice arranges for its agenda, over HTTP: calendar addresses, reasons to come again, holidays worked."""

from __future__ import annotations

from datetime import date

import pytest

from apps.agenda.models import CalendarToken, OpenHoliday, Recall, RecallType
from tests.agenda.scenes import Desk, make_type

pytestmark = pytest.mark.django_db
TOKENS, TYPES, HOLIDAYS = (f"/api/v1/{name}" for name in ("calendar-tokens", "recall-types", "open-holidays"))


class TestCalendarTokens:
    def make(self, client, house, who: int = 0, **more):
        return client.post(TOKENS, {"practitioner": str(house.practitioners[who].pk), **more})

    def test_show_the_address_once_and_it_opens_the_calendar(self, api, ana, house, client) -> None:
        made = self.make(api(ana), house, label="Téléphone")
        assert made.status_code == 201, made.content
        address = made.json()["address"]
        path = "/api" + address.partition("/api")[2]
        assert client.get(path).status_code == 200
        listed = api(ana).get(TOKENS).json()["results"]
        assert [(row["id"], row["label"]) for row in listed] == [(made.json()["id"], "Téléphone")]
        secret = address.partition("token=")[2]
        assert secret not in str(listed)
        assert secret not in str(list(CalendarToken.objects.values()))

    def test_end_at_once_when_revoked(self, api, ana, house, client) -> None:
        made = self.make(api(ana), house).json()
        assert api(ana).delete(f"{TOKENS}/{made['id']}").status_code == 204
        assert client.get("/api" + made["address"].partition("/api")[2]).status_code == 401
        assert api(ana).delete(f"{TOKENS}/{made['id']}").status_code == 204
        assert api(ana).get(TOKENS, {"revoked": "false"}).json()["count"] == 0
        assert api(ana).get(TOKENS, {"revoked": "true"}).json()["count"] == 1

    def test_of_a_colleague_are_the_administrator_s(self, api, ana, dora, house) -> None:
        assert self.make(api(ana), house, who=1).status_code == 403
        made = self.make(api(dora), house, who=1)
        assert made.status_code == 201
        assert api(ana).get(TOKENS).json()["count"] == 0
        assert api(ana).delete(f"{TOKENS}/{made.json()['id']}").status_code == 404
        assert api(dora).get(TOKENS).json()["count"] == 1

    def test_stay_in_their_practice(self, api, ana, cleo, house, other_house) -> None:
        made = self.make(api(ana), house).json()
        assert api(cleo).get(TOKENS).json()["count"] == 0
        assert api(cleo).delete(f"{TOKENS}/{made['id']}").status_code == 404
        assert self.make(api(ana), other_house).status_code == 400


class TestRecallTypes:
    def test_are_made_changed_and_taken_out_of_use(self, api, dora, desk: Desk) -> None:
        client = api(dora)
        made = client.post(TYPES, {"name": "Détartrage", "appointment_type": str(desk.type.pk)})
        assert made.status_code == 201, made.content
        row = made.json()
        assert (row["interval_months"], row["sends_messages"], row["lead_days"]) == (6, True, 14)
        changed = client.patch(f"{TYPES}/{row['id']}", {"interval_months": 12, "lead_days": 30}).json()
        assert (changed["interval_months"], changed["name"]) == (12, "Détartrage")
        assert client.get(f"{TYPES}/{row['id']}").json() == changed
        assert client.delete(f"{TYPES}/{row['id']}").status_code == 204
        assert client.get(TYPES).json()["count"] == 0
        assert RecallType.objects.get().deleted_at is not None

    def test_give_open_recalls_their_new_interval(self, api, dora, desk: Desk) -> None:
        made = api(dora).post(TYPES, {"name": "Contrôle"}).json()
        body = {"patient": str(desk.patients[0].pk), "type": made["id"], "previous_on": "2026-06-30"}
        recall = api(dora).post("/api/v1/recalls", body).json()
        assert recall["due_on"] == "2026-12-30"
        api(dora).patch(f"{TYPES}/{made['id']}", {"interval_months": 12})
        assert Recall.objects.get(pk=recall["id"]).computed_on == date(2027, 6, 30)

    def test_refuse_a_name_in_use_and_another_practice_s_visit(self, api, dora, desk, other_house) -> None:
        api(dora).post(TYPES, {"name": "Contrôle"})
        again = api(dora).post(TYPES, {"name": "Contrôle"})
        assert again.status_code == 400
        foreign = make_type(other_house.practice)
        body = {"name": "Prothèse", "appointment_type": str(foreign.pk)}
        assert api(dora).post(TYPES, body).status_code == 400

    def test_are_read_by_all_and_written_by_the_administrator(self, api, ana, ben, dora, cleo) -> None:
        row = api(dora).post(TYPES, {"name": "Contrôle"}).json()
        for user in (ana, ben):
            assert api(user).get(TYPES).json()["count"] == 1
            assert api(user).patch(f"{TYPES}/{row['id']}", {"name": "X"}).status_code == 403
        assert api(cleo).get(TYPES).json()["count"] == 0
        assert api(cleo).get(f"{TYPES}/{row['id']}").status_code == 404


class TestOpenHolidays:
    DAY = "2027-05-06"  # Ascension Day, a Thursday

    def test_open_the_agenda_on_that_day(self, api, dora, ben, desk: Desk) -> None:
        body = desk.body(f"{self.DAY}T10:00:00")
        refused = api(ben).post("/api/v1/appointments", body)
        assert refused.json()["error"]["code"] == "OUTSIDE_HOURS"
        made = api(dora).post(HOLIDAYS, {"day": self.DAY})
        assert made.status_code == 201, made.content
        assert made.json()["name"] == "Ascension"
        assert api(ben).post("/api/v1/appointments", body).status_code == 201
        assert api(dora).delete(f"{HOLIDAYS}/{made.json()['id']}").status_code == 204
        assert not OpenHoliday.objects.exists()

    def test_refuse_a_day_that_is_none_and_one_twice(self, api, dora) -> None:
        assert api(dora).post(HOLIDAYS, {"day": "2027-05-07"}).status_code == 400
        assert api(dora).post(HOLIDAYS, {"day": self.DAY}).status_code == 201
        assert api(dora).post(HOLIDAYS, {"day": self.DAY}).status_code == 400

    def test_are_the_administrator_s_to_set(self, api, ana, ben, cleo, dora) -> None:
        row = api(dora).post(HOLIDAYS, {"day": self.DAY}).json()
        for user in (ana, ben):
            assert api(user).get(HOLIDAYS).json()["results"][0]["day"] == self.DAY
            assert api(user).post(HOLIDAYS, {"day": "2027-07-14"}).status_code == 403
        assert api(cleo).get(HOLIDAYS).json()["count"] == 0
        assert api(cleo).delete(f"{HOLIDAYS}/{row['id']}").status_code == 403
