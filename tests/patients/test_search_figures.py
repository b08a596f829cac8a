"""What a search costs over HTTP in a big practice, held against reading one file."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from random import Random
from typing import Any

import pytest
import requests
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection, connections
from django.utils import timezone

from apps.accounts.sessions import open_session
from apps.core.text import fold
from apps.demo.large import PatientLoader, copy_rows
from apps.patients.identifiers import national_id_index
from apps.patients.models import Patient
from apps.patients.services import update_patient
from tests.figures import FULL, figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.figures]
PATIENTS = 1_000_000 if FULL else 20_000
ROUNDS = 60 if FULL else 25
EXACT, TYPO = 1.5, 4.0
PAGE = {"page_size": 10}


@pytest.fixture
def crowd(practice, ben, at) -> list[Patient]:
    """Fill the practice, and return some of its patients, who have a national identifier and a phone of their own."""
    loader = PatientLoader(seed=7, today=date(2026, 11, 23))
    copy_rows(
        Patient._meta.db_table,
        loader.columns,
        loader.rows(practice, PATIENTS),
        lambda _n: None,
        every=100_000,
    )
    random = Random(11)
    some = list(Patient.objects.filter(pk__in=random.sample(loader.ids, ROUNDS)))
    for number, patient in enumerate(some):
        update_patient(
            actor=ben,
            patient=patient,
            at=at,
            national_id=nir(number),
            phone=f"+3326191{number:04d}",
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE patients_patient")
        cursor.execute("ANALYZE patients_nameword")
    return list(Patient.objects.filter(pk__in=[patient.pk for patient in some]).order_by("pk"))


@pytest.fixture
def ask(live_server, ben, monkeypatch) -> Iterator[Callable[..., Any]]:
    """Call the API over one kept connection, whose thread keeps its connection to the database as a worker does."""
    # The test server writes head and body apart; with Nagle's algorithm each answer would wait 40 ms for its second half,
    # which would make everything look alike.
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    kept = connections.settings["default"]["CONN_MAX_AGE"]
    connections.settings["default"]["CONN_MAX_AGE"] = None
    session = requests.Session()
    token = open_session(actor=ben, user=ben, at=timezone.now()).access_token
    session.headers["Authorization"] = f"Bearer {token}"

    def call(path: str, **params: Any) -> dict[str, Any]:
        answer = session.get(f"{live_server.url}/api/v1{path}", params=params, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    yield call
    session.close()
    connections.settings["default"]["CONN_MAX_AGE"] = kept


def nir(number: int) -> str:
    """Return a valid number of the French system."""
    bare = f"1800575056{number:03d}"
    return f"{bare}{97 - int(bare) % 97:02d}"


def misspelt(patient: Patient) -> str:
    """Return the name with two neighbouring letters of the family name in the wrong order."""
    last = fold(patient.last_name)
    middle = len(last) // 2
    return (
        f"{last[: middle - 1]}{last[middle]}{last[middle - 1]}{last[middle + 1 :]} {fold(patient.first_name)}"
    )


def test_costs_little_more_than_reading_one_file(crowd, ask) -> None:
    def one(patient: Patient) -> None:
        assert ask(f"/patients/{patient.pk}")["id"] == str(patient.pk)

    def found_by(text: Callable[[Patient], Any]) -> Callable[[Patient], None]:
        def look(patient: Patient) -> None:
            results = ask("/patients", search=text(patient), **PAGE)["results"]
            assert str(patient.pk) in [row["id"] for row in results]

        return look

    def near(patient: Patient) -> None:
        # Many bear the name in a big practice: the first page need not hold this one.
        results = ask("/patients", search=misspelt(patient), **PAGE)["results"]
        assert patient.first_name in {row["first_name"] for row in results}

    by_national_id = {patient.national_id_hash: patient for patient in crowd}
    assert len(by_national_id) == ROUNDS
    assert national_id_index(nir(0)) in by_national_id
    kinds = {
        "get": (one, 0.0),
        "phone": (found_by(lambda patient: patient.phone), EXACT),
        "file_number": (found_by(lambda patient: patient.file_number), EXACT),
        "national_id": (found_by(lambda patient: patient.national_id), EXACT),
        "typo": (near, TYPO),
    }
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for patient in crowd[:5]:
        for act, _most in kinds.values():
            act(patient)
    gc.collect()
    # In turn rather than one kind after the other: what else the machine does then slows all of them alike.
    for patient in crowd:
        for name, (act, _most) in kinds.items():
            began = time.perf_counter()
            act(patient)
            took[name].append(time.perf_counter() - began)
    base = statistics.median(took.pop("get"))
    figure("patient_get_ms", f"{base * 1000:.1f}", "the measure")
    ratios = {name: statistics.median(times) / base for name, times in took.items()}
    for name, ratio in ratios.items():
        figure(f"patient_search_{name}_ratio", f"{ratio:.2f}", f"<={kinds[name][1]}")
    assert {name: round(ratio, 2) for name, ratio in ratios.items() if ratio > kinds[name][1]} == {}
