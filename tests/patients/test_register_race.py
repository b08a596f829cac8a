"""Sixteen desks register one person, or sixteen people, at the same moment."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection

from apps.patients.models import Patient
from apps.patients.services import PossibleDuplicate, register_patient, registration

DESKS = 16


def race(actor, practice, at, last_names: list[str]) -> Counter[str]:
    barrier = Barrier(DESKS)

    def desk(last_name: str) -> str:
        try:
            barrier.wait(20)
            register_patient(actor=actor, practice=practice, at=at, first_name="Zoé", last_name=last_name)
        except PossibleDuplicate:
            return "duplicate"
        except IntegrityError:
            return "collision"
        finally:
            connection.close()
        return "registered"

    with ThreadPoolExecutor(DESKS) as pool:
        return Counter(pool.map(desk, last_names))


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestRegisterRace:
    def test_registers_one_person_once(self, ben, practice, at):
        assert race(ben, practice, at, ["Lefèvre"] * DESKS) == {"registered": 1, "duplicate": DESKS - 1}
        assert Patient.objects.count() == 1

    def test_gives_each_file_its_own_number(self, ben, practice, at):
        names = [f"{letter}{letter}ardois" for letter in "abcdefghijklmnop"]
        assert race(ben, practice, at, names) == {"registered": DESKS}
        assert sorted(Patient.objects.values_list("file_number", flat=True)) == list(range(1, DESKS + 1))

    def test_fails_without_the_lock(self, ben, practice, at, monkeypatch):
        monkeypatch.setattr(registration, "lock_files", lambda practice: None)
        outcome = race(ben, practice, at, ["Lefèvre"] * DESKS)
        assert outcome != {"registered": 1, "duplicate": DESKS - 1}
