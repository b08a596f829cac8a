"""Finding a patient."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.text import fold
from apps.patients.models import NameWord, Patient
from apps.patients.search import find_patients, search_fields, slip_count, understand
from tests.patients.conftest import NIR, URL


@pytest.fixture
def people(register, elsewhere) -> dict[str, Patient]:
    """A card index with names that are hard to type."""
    return {
        "zoe": register("Zoé", "Lefèvre", birth_date=date(1991, 3, 8), phone="0612345678", national_id=NIR),
        "jp": register("Jean-Pierre", "O'Connor", birth_name="Müller", phone="+44 20 7946 0958"),
        "martin": register("Paul", "Martin", email="paul.martin@example.test"),
        "martine": register("Martine", "Bernard", phone_secondary="04 72 00 00 00"),
        "martinez": register("Ines", "Martinez", birth_date=date(1984, 5, 12)),
        "kowalski": register("Bartłomiej", "Kowalski-Nowak"),
        "oeuvrard": register("Chloé", "Œuvrard"),
    }


def found(practice, text: str) -> list[Patient]:
    rows = Patient.objects.filter(practice=practice)
    keys = find_patients(rows, text, practice=practice)
    known = {row.pk: row for row in rows}
    return [known[key] for key in keys]


@pytest.mark.django_db
class TestFindPatients:
    @pytest.mark.parametrize(
        ("text", "who"),
        [
            ("lefevre", "zoe"),
            ("LEFÈVRE zoe", "zoe"),
            ("zoe lef", "zoe"),
            ("lefevre zoé", "zoe"),
            ("lefevr", "zoe"),
            ("lefebvre", "zoe"),
            ("lefvere", "zoe"),
            ("zoe lefebre", "zoe"),
            ("pual martin", "martin"),
            ("jean pierre", "jp"),
            ("jean-pierre oconnor", "jp"),
            ("o'connor", "jp"),
            ("muller", "jp"),
            ("jeanpierre", "jp"),
            ("kowalsky", "kowalski"),
            ("bartlomiej nowak", "kowalski"),
            ("oeuvrard", "oeuvrard"),
            ("œuvrard chloe", "oeuvrard"),
            ("06 12 34 56 78", "zoe"),
            ("06.12.34.56.78", "zoe"),
            ("+33612345678", "zoe"),
            ("0033 6 12 34 56 78", "zoe"),
            ("(06)12345678", "zoe"),
            ("0472000000", "martine"),
            ("+442079460958", "jp"),
            ("08/03/1991", "zoe"),
            ("8.3.1991", "zoe"),
            ("1991-03-08", "zoe"),
            ("08031991", "zoe"),
            ("zoe 08/03/1991", "zoe"),
            ("184051305510219", "zoe"),
            ("1 84 05 13 055 102 19", "zoe"),
            ("paul.martin@example.test", "martin"),
            ("Paul.Martin@EXAMPLE.test", "martin"),
        ],
    )
    def test_finds_whoever_is_meant_first(self, people, practice, text, who):
        assert found(practice, text)[0] == people[who]

    def test_finds_a_file_number(self, people, practice):
        for text in (
            str(people["jp"].file_number),
            f"#{people['jp'].file_number}",
            f"n°{people['jp'].file_number}",
        ):
            assert found(practice, text) == [people["jp"]]

    def test_ranks_the_whole_word_before_its_beginning_before_a_slip(self, people, practice):
        assert found(practice, "martin")[:3] == [people["martin"], people["martinez"], people["martine"]]
        assert found(practice, "martine")[0] == people["martine"]

    @pytest.mark.parametrize(
        "text",
        ["", "   ", "!!", "nobody", "zoe martin", "31/02/1991", "zoe 09/03/1991", "%", "_", "' OR 1=1"],
    )
    def test_finds_nobody_where_nobody_is_meant(self, people, practice, text):
        assert found(practice, text) == []

    def test_never_looks_into_another_practice(self, people, practice, other_practice, elsewhere):
        assert elsewhere not in found(practice, "martin")
        assert found(other_practice, NIR) == [elsewhere]

    def test_does_not_forget_a_name_that_was_changed(self, people, practice, ben, at):
        from apps.patients.services import update_patient

        update_patient(actor=ben, patient=people["martin"], at=at, last_name="Vandenberghe")
        assert found(practice, "vandenberge") == [people["martin"]]
        assert NameWord.objects.filter(practice=practice, word="vandenberghe").exists()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(st.text(max_size=60))
    def test_never_fails(self, practice, text):
        find_patients(Patient.objects.filter(practice=practice), text.replace("\0", ""), practice=practice)


class TestOverHttp:
    def test_ranks_and_counts(self, api, ben, people):
        body = api(ben).get(URL, {"search": "martin"}).json()
        assert body["count"] == 3
        assert [row["last_name"] for row in body["results"]] == ["Martin", "Martinez", "Bernard"]
        second = api(ben).get(URL, {"search": "martin", "page_size": 1, "page": 2}).json()
        assert [row["last_name"] for row in second["results"]] == ["Martinez"]

    def test_shows_nothing_of_another_practice(self, api, cleo, people):
        assert api(cleo).get(URL, {"search": "lefevre"}).json()["count"] == 0
        assert api(cleo).get(URL, {"search": "0612345678"}).json()["count"] == 1


class TestSearchFields:
    @given(st.text(max_size=40), st.text(max_size=40))
    def test_are_plain_words_that_are_found_again(self, first, last):
        made = search_fields(Patient(first_name=first, last_name=last))
        assert made["search_text"] == "" or made["search_text"].startswith(" ")
        assert made["sort_name"] == fold(made["sort_name"])
        for word in fold(f"{first} {last}").split():
            assert f" {word}" in made["search_text"]

    @given(st.text(max_size=80))
    def test_folding_twice_changes_nothing(self, text):
        assert fold(fold(text)) == fold(text)

    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Éléonore", "eleonore"),
            ("O'Connor-Smith", "o connor smith"),
            ("ŒUVRARD", "oeuvrard"),
            ("Straße", "strasse"),
            ("  a__b ", "a b"),
        ],
    )
    def test_fold(self, text, folded):
        assert fold(text) == folded


class TestSlipCount:
    @pytest.mark.parametrize(
        ("one", "other", "slips"),
        [
            ("martin", "martin", 0),
            ("martin", "matrin", 1),
            ("martin", "marti", 1),
            ("martin", "martyn", 1),
            ("martin", "matin", 1),
            ("lefevre", "lefebvre", 1),
            ("abc", "xyz", 3),
        ],
    )
    def test_counts(self, one, other, slips):
        assert slip_count(one, other, 3) == slips

    @given(st.text("abc", max_size=8), st.text("abc", max_size=8))
    def test_is_the_same_both_ways(self, one, other):
        assert min(slip_count(one, other, 2), 3) == min(slip_count(other, one, 2), 3)


class TestUnderstand:
    def test_takes_a_question_apart(self):
        question = understand("Zoé Lefèvre 08/03/1991 06 12 34 56 78", "FR")
        assert question.words == ["zoe", "lefevre"]
        assert question.birth_dates == [date(1991, 3, 8)]
        assert question.phone == "+33612345678"

    def test_reads_a_phone_as_dialled_in_the_practice_s_country(self):
        assert understand("20 123 456", "TN").phone == "+21620123456"
