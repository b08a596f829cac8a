"""Filing claims: the worked cases against a database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.idempotency import KeyReused
from apps.insurance.engine.canonical import to_json, to_plain
from apps.insurance.models import BalanceEntry, Claim, Convention
from apps.insurance.services.conventions import change_convention
from apps.insurance.services.decisions import Inputs
from tests.figures import figure
from tests.insurance.claims.asking import FILED, amounts, change_terms, file, lines, used
from tests.insurance.making import (
    ACTS,
    Clerk,
    make_adherent,
    make_bareme,
    make_contract,
    make_member,
)

pytestmark = pytest.mark.django_db


class TestSubmitClaim:
    def test_stores_what_the_engine_decides(self, doctor, network):
        claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        assert (claim.status, *amounts(claim)) == ("approved", 49_000, 31_000, 0)
        assert used(network) == {"*": 49_000, "consultation": 49_000}
        assert sorted(BalanceEntry.objects.values_list("delta", "kind")) == [(49_000, "reserve")] * 2
        item = claim.items.get()
        assert item.rule_applied == "PRICE_CEILING>RATE"
        assert claim.adjudications.get().inputs_sha256 == claim.inputs_sha256

    @pytest.mark.parametrize(("lines", "flagged"), [(1, False), (50, False), (50, True)])
    def test_takes_as_many_statements_for_one_line_as_for_fifty(self, pharmacist, network, lines, flagged):
        if flagged:
            # The second is a near repeat already: the kinds of audited rows are known after it.
            file(pharmacist, network, "pharmacy", "2026-06-28", ("MED-B", 1, 8_000))
            file(pharmacist, network, "pharmacy", "2026-06-29", ("MED-B", 1, 8_000))
        codes = ["MED-B", "MED-A-GEN", *(f"X{i}" for i in range(48))][:lines]
        with CaptureQueriesContext(connection) as seen:
            claim = file(pharmacist, network, "pharmacy", "2026-06-30", *((code, 1, 8_000) for code in codes))
        control = ("SAVEPOINT", "RELEASE SAVEPOINT", "BEGIN", "COMMIT")
        statements = [query["sql"] for query in seen if not query["sql"].startswith(control)]
        assert claim.flags.exists() is flagged
        figure(f"claim_statements_{lines}_lines{'_flagged' * flagged}", len(statements), "<=12")
        assert len(statements) == (12 if flagged else 11)

    def test_answers_a_key_again(self, doctor, network):
        first = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000), key="the-same-key")
        again = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000), key="the-same-key")
        assert again.pk == first.pk
        assert Claim.objects.count() == 1
        with pytest.raises(KeyReused):
            file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_001), key="the-same-key")

    def test_blocks_a_repeat_under_another_key(self, doctor, network):
        file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        repeat = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        assert (repeat.status, repeat.reason_code, *amounts(repeat)) == ("blocked", "DUPLICATE", 0, 0, 80_000)
        assert used(network) == {"*": 49_000, "consultation": 49_000}

    def test_prices_by_the_list_of_the_service_date(self, doctor, network):
        convention = Convention.objects.get(practice=network.providers["medical"])
        acts = {**ACTS, "C2": {"price": 75_000, "category": "consultation"}}
        make_bareme(convention, version="2026-07", effective_from=date(2026, 7, 1), acts=acts)
        june = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        july = file(doctor, network, "consultation", "2026-07-01", ("C2", 1, 80_000))
        assert (june.covered_amount, july.covered_amount) == (49_000, 52_500)
        assert (june.bareme.version, july.bareme.version) == ("2026-01", "2026-07")

    def test_rejects_without_a_convention(self, doctor, network):
        change_convention(
            actor=Clerk(network.insurer),
            convention=Convention.objects.get(practice=network.providers["medical"]),
            at=FILED,
            is_active=False,
        )
        claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        assert (claim.status, claim.reason_code) == ("rejected", "NO_CONVENTION")
        assert amounts(claim) == (0, 80_000, 0)
        assert not BalanceEntry.objects.exists()

    def test_rejects_somebody_the_contract_does_not_know(self, doctor, network, insurer):
        stranger = make_adherent(insurer)
        claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000), adherent=stranger)
        assert (claim.reason_code, *amounts(claim)) == ("IDENTITY_UNKNOWN", 0, 0, 80_000)

    def test_keeps_another_insurers_contract_out(self, doctor, network, other_insurer):
        foreign = make_contract(other_insurer, currency="TND")
        claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000), contract=foreign)
        assert (claim.contract_id, claim.insurer_id) == (None, network.insurer.pk)
        assert claim.reason_code == "IDENTITY_UNKNOWN"

    def test_goes_by_the_contract_as_it_stood_on_the_day(self, doctor, network):
        change_terms(network, status="suspended", status_from=date(2026, 6, 30))
        before = file(doctor, network, "consultation", "2026-06-29", ("C2", 1, 70_000))
        after = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 70_000))
        assert (before.status, after.reason_code) == ("approved", "SUSPENDED")

    def test_lets_a_renewal_wait_no_second_time(self, doctor, network):
        renewal = make_contract(
            network.insurer, network.adherent, start_date=date(2027, 1, 1), end_date=date(2027, 12, 31)
        )
        at = datetime(2027, 1, 3, 9, tzinfo=UTC)
        claim = file(
            doctor, network, "consultation", "2027-01-02", ("C1", 1, 50_000), contract=renewal, at=at
        )
        assert claim.covered_amount == 35_000

    def test_lets_a_late_joiner_wait(self, doctor, network):
        child = make_member(network.contract, joined_on=date(2026, 6, 10)).adherent
        early = file(doctor, network, "consultation", "2026-07-02", ("C1", 1, 50_000), adherent=child)
        assert early.reason_code == "WAITING"

    def test_counts_a_frequency_over_other_providers(self, clinic, doctor, network):
        coverage = {"consultation": {"rate_bp": 7000, "acts": {"C1": {"max_qty": 1, "per_days": 30}}}}
        change_terms(network, coverage=coverage)
        file(doctor, network, "consultation", "2026-06-20", ("C1", 1, 50_000))
        again = file(
            clinic,
            network,
            "consultation",
            "2026-06-02",
            ("C1", 1, 50_000),
            provider=network.providers["clinic"],
        )
        assert (again.reason_code, *amounts(again)) == ("FREQUENCY", 0, 0, 50_000)

    def test_gives_each_year_of_the_contract_its_own_limit(self, doctor, network):
        change_terms(network, end_date=date(2027, 12, 31), annual_limit=60_000)
        late = datetime(2027, 1, 15, 9, tzinfo=UTC)
        covered = [
            file(doctor, network, "consultation", day, ("C2", 1, 70_000), at=late).covered_amount
            for day in ("2026-12-30", "2026-12-31", "2027-01-01")
        ]
        assert covered == [49_000, 11_000, 49_000]

    def test_holds_the_answer_to_a_question(self, doctor, network):
        claim = file(
            doctor, network, "consultation", "2026-06-30", ("C2", 1, 70_000), is_predetermination=True
        )
        assert (claim.status, claim.validated_at) == ("eligible", None)
        assert used(network)["*"] == 49_000

    @pytest.mark.parametrize(
        "wrong",
        [
            {"lines": ()},
            {"lines": lines(("C1", 0, 100))},
            {"lines": lines(("C1", 1, -1))},
            {"lines": lines(("C1", 1, 100, {"prior_paid": 101}))},
            {"lines": lines(*[("C1", 1, 1)] * 201)},
            {"service_end_date": date(2026, 6, 29)},
        ],
    )
    def test_refuses_what_is_no_claim(self, doctor, network, wrong):
        with pytest.raises(InvalidInput):
            file(doctor, network, "consultation", "2026-06-30", **wrong)
        assert not Claim.objects.exists()

    def test_refuses_to_file_for_somebody_else(self, doctor, pharmacist, network):
        with pytest.raises(PermissionRefused):
            file(pharmacist, network, "consultation", "2026-06-30", ("C1", 1, 50_000))
        with pytest.raises(PermissionRefused):
            file(
                doctor,
                network,
                "pharmacy",
                "2026-06-30",
                ("MED-B", 1, 8_000),
                provider=network.providers["medical"],
            )

    def test_seals_notes_and_diagnosis_and_keeps_them_out_of_the_inputs(self, doctor, network):
        claim = file(
            doctor,
            network,
            "consultation",
            "2026-06-30",
            ("C1", 1, 50_000, {"diagnosis": "Z00"}),
            notes="Patiente inquiète",
        )
        assert claim.notes == "Patiente inquiète"
        assert claim.items.get().diagnosis == "Z00"
        stored = str(claim.adjudications.get().inputs)
        assert network.adherent.last_name not in stored
        assert "inquiète" not in stored
        assert "Z00" not in stored

    def test_keeps_of_a_diagnosis_what_an_exclusion_goes_by_and_decides_the_same_again(self, doctor, network):
        change_terms(network, exclusions=[{"diagnosis_prefix": "Z0"}, {"diagnosis_prefix": "Z"}])
        claim = file(doctor, network, "consultation", "2026-06-30", ("C1", 1, 50_000, {"diagnosis": "Z00.1"}))
        assert (claim.status, claim.reason_code) == ("rejected", "EXCLUDED")
        stored = claim.adjudications.get()
        inputs = Inputs.from_stored(stored.inputs)
        assert [line.diagnosis for line in inputs.request.lines] == ["Z0"]
        assert to_plain(inputs.decide()) == stored.result

    def test_lets_a_corrected_claim_replace_a_rejected_one_three_times(self, doctor, network):
        claim = file(doctor, network, "consultation", "2026-06-30", ("C9", 1, 50_000))
        for _number in range(3):
            claim = file(doctor, network, "consultation", "2026-06-30", ("C9", 1, 50_000), replaces=claim)
            assert claim.status == "rejected"
        with pytest.raises(InvalidInput):
            file(doctor, network, "consultation", "2026-06-30", ("C1", 1, 50_000), replaces=claim)

    def test_counts_the_corrections_of_one_claim_however_they_follow(self, doctor, network):
        first = file(doctor, network, "consultation", "2026-06-30", ("C9", 1, 50_000))
        for price in (50_001, 50_002, 50_003):
            file(doctor, network, "consultation", "2026-06-30", ("C9", 1, price), replaces=first)
        with pytest.raises(InvalidInput):
            file(doctor, network, "consultation", "2026-06-30", ("C1", 1, 50_000), replaces=first)

    def test_pays_a_correction_and_its_like_once(self, pharmacist, network):
        """A product that may be had again the same day, refused, then asked for with and without its history."""
        convention = Convention.objects.get(practice=network.providers["pharmacy"])
        change_terms(network, coverage={"dental": {"rate_bp": 6000}})
        acts = {"MED-B": {"price": 8_333, "category": "pharmacy", "repeatable": True}}
        make_bareme(convention, version="again", effective_from=date(2026, 6, 1), acts=acts)
        refused = file(pharmacist, network, "pharmacy", "2026-06-30", ("MED-B", 1, 8_333))
        assert refused.reason_code == "NOT_COVERED"
        change_terms(network, coverage={"pharmacy": {"rate_bp": 8000}})
        again = file(pharmacist, network, "pharmacy", "2026-06-30", ("MED-B", 1, 8_333))
        corrected = file(pharmacist, network, "pharmacy", "2026-06-30", ("MED-B", 1, 8_333), replaces=refused)
        assert (again.status, corrected.status, corrected.reason_code) == ("approved", "blocked", "DUPLICATE")

    def test_decides_the_same_from_its_stored_inputs(self, pharmacist, network):
        claim = file(
            pharmacist, network, "pharmacy", "2026-06-30", ("MED-A-BRAND", 2, 24_750), ("MED-B", 3, 8_333)
        )
        stored = claim.adjudications.get()
        inputs = Inputs.from_stored(stored.inputs)
        assert to_plain(inputs.decide()) == stored.result
        assert sha256(to_json(inputs).encode()).hexdigest() == stored.inputs_sha256
