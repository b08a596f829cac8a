"""Each resource is valid R4 for every kind of worked case, and says what the specification's table says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from apps.directory.models import Insurer, Practice
from apps.insurance.api.fhir.base import exact
from apps.insurance.engine.reasons import REASONS
from apps.insurance.fhir.claims import claim
from apps.insurance.fhir.codes import CARC, CATEGORY, GROUP, REASON, code_systems
from apps.insurance.fhir.payments import payment_reconciliation
from apps.insurance.fhir.people import coverage, insurer, patient, practice
from apps.insurance.fhir.responses import claim_response
from apps.insurance.models import (
    Adherent,
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)
from tests.insurance.engine.agreements import ask, bareme, past
from tests.insurance.fhir.rows import (
    ADHERENT,
    CHILD,
    INSURER,
    PROVIDER,
    claim_row,
    contract_row,
    member_row,
)

NOW = datetime(2026, 7, 3, 9, 30, tzinfo=UTC)
PROVIDER_BEARS = {"prices": bareme(liability="provider")}
CASES = {
    "1": (ask("consultation", "2026-06-30", ("C2", 1, 80_000), filed="2026-07-03"), {}),
    "1b": (ask("consultation", "2026-06-30", ("C2", 1, 80_000)), {"priced": PROVIDER_BEARS}),
    "2": (ask("pharmacy", "2026-06-30", ("MED-A-GEN", 2, 15_300)), {}),
    "3": (ask("pharmacy", "2026-06-30", ("MED-A-BRAND", 2, 24_750)), {}),
    "4": (ask("pharmacy", "2026-06-30", ("MED-B", 3, 8_333)), {}),
    "5": (ask("hospitalization", "2026-06-01", ("HOSP-DAY", 3, 180_000), ("SURG-1", 1, 900_000),
              filed="2026-06-04", service_end_date=date(2026, 6, 3), is_urgent=True), {}),
    "6": (ask("consultation", "2026-06-30", ("C1", 1, 50_000), ("COSM-001", 1, 80_000)), {}),
    "7": (ask("dental", "2026-06-30", ("HBLD634", 1, 350_000, {"tooth": "16", "diagnosis": "K02.1"})), {}),
    "8": (ask("consultation", "2026-06-30", ("C2", 1, 70_000)), {"priced": {"used": {"*": 1_989_000}}}),
    "10": (ask("consultation", "2027-01-02", ("C1", 1, 50_000)), {}),
    "11": (ask("consultation", "2026-06-30", ("C2", 1, 80_000)), {"priced": {"duplicate_of": "earlier"}}),
    "duplicate line": (ask("dental", "2026-06-30", ("HBLD634", 1, 350_000, {"tooth": "16"})),
                       {"priced": {"history": [past("HBLD634", "2026-06-30", tooth="16")]}}),
    "laboratory": (ask("laboratory", "2026-06-30", ("GLY", 1, 9_000)), {}),
}  # fmt: skip


def as_sent(resource):
    """The resource as it leaves over HTTP."""
    return orjson.dumps(resource, default=exact)


def check(resource):
    """Build R4B's model of a resource from its JSON; it refuses unknown elements, wrong types and missing ones."""
    model = get_fhir_model_class(resource["resourceType"])
    return model.model_validate_json(as_sent(resource))


def amounts(line):
    """Our categories of one answered line, and HL7's: code to amount."""
    return {
        part["category"]["coding"][0]["code"]: part["amount"]["value"]
        for part in line["adjudication"]
        if "amount" in part and part["category"]["coding"][0]["code"] != "adjustment"
    }


def adjustments(line):
    """(group, CARC, amount) of one answered line."""
    found = []
    for part in line["adjudication"]:
        first, *more = part["category"]["coding"]
        if first["code"] == "adjustment":
            carc = next(each["code"] for each in part["reason"]["coding"] if each["system"] == CARC)
            assert more[0]["system"] == GROUP
            found.append((more[0]["code"], carc, part["amount"]["value"]))
    return found


class TestEveryCase:
    @pytest.mark.parametrize("name", CASES)
    def test_is_a_valid_claim(self, name):
        request, given = CASES[name]
        resource = claim(*claim_row(request, **given))
        assert check(resource).use == "claim"
        assert sum(item["net"]["value"] for item in resource["item"]) == resource["total"]["value"]

    @pytest.mark.parametrize("name", CASES)
    def test_is_a_valid_answer(self, name):
        request, given = CASES[name]
        row, items = claim_row(request, **given)
        resource = claim_response(row, items)
        assert check(resource).request.reference == f"Claim/{row.pk}"

    @pytest.mark.parametrize("name", [name for name in CASES if name != "11"])
    def test_explains_every_line_to_the_last_unit(self, name):
        request, given = CASES[name]
        for line in claim_response(*claim_row(request, **given))["item"]:
            said = amounts(line)
            rest = sum(amount for _group, _carc, amount in adjustments(line))
            assert said["submitted"] == said["benefit"] + rest
            assert said["submitted"] == said["benefit"] + said["copay"] + said.get("writeoff", 0)


class TestClaim:
    def test_names_both_sides_and_the_coverage(self):
        row, items = claim_row(CASES["1"][0])
        found = claim(row, items)
        assert found["patient"] == {"reference": f"Patient/{ADHERENT}"}
        assert found["insurer"] == {"reference": f"Organization/{INSURER}"}
        assert found["provider"] == found["payee"]["party"] == {"reference": f"Organization/{PROVIDER}"}
        assert found["insurance"][0]["coverage"] == {"reference": f"Coverage/{row.member_id}"}
        assert [each["value"] for each in found["identifier"]] == [str(row.pk), "caisse-17"]
        assert found["billablePeriod"] == {"start": "2026-06-30", "end": "2026-06-30"}

    @pytest.mark.parametrize(
        ("kind", "code"),
        [("2", "pharmacy"), ("1", "professional"), ("5", "institutional"), ("laboratory", "professional"),
         ("7", "oral")],
    )  # fmt: skip
    def test_tells_the_kind_of_care(self, kind, code):
        row, items = claim_row(CASES[kind][0])
        found = claim(row, items)
        assert found["type"]["coding"][0]["code"] == code
        assert found["subType"]["coding"][0]["code"] == row.type

    def test_keeps_the_millimes_of_an_amount(self):
        sent = as_sent(claim(*claim_row(CASES["4"][0])))
        assert b'"unitPrice":{"value":8.333,"currency":"TND"}' in sent
        assert b'"total":{"value":24.999,"currency":"TND"}' in sent
        assert b'"unitPrice":{"value":80.000,' in as_sent(claim(*claim_row(CASES["1"][0])))

    def test_writes_euros_with_two_decimals(self):
        request = ask("dental", "2026-06-30", ("HBLD634", 1, 70_000), currency="EUR")
        assert b'"total":{"value":700.00,"currency":"EUR"}' in as_sent(claim(*claim_row(request)))

    def test_puts_tooth_and_diagnosis_where_fhir_has_them(self):
        found = claim(*claim_row(CASES["7"][0], item={"surfaces": "MP"}))
        line = found["item"][0]
        assert line["bodySite"]["coding"] == [{"system": "urn:iso:std:iso:3950", "code": "16"}]
        assert [each["text"] for each in line["subSite"]] == ["M", "P"]
        assert line["productOrService"]["coding"][0]["system"] == "urn:oid:1.2.250.1.213.2.5"
        assert line["diagnosisSequence"] == [1]
        assert found["diagnosis"][0]["diagnosisCodeableConcept"]["coding"][0]["code"] == "K02.1"
        check(found)

    def test_gives_a_stay_its_days(self):
        found = claim(*claim_row(CASES["5"][0]))
        assert found["item"][0]["servicedPeriod"] == {"start": "2026-06-01", "end": "2026-06-03"}
        assert found["priority"]["coding"][0]["code"] == "stat"

    def test_names_the_prescriber_and_why_a_brand_was_needed(self):
        asked = {"prescriber": "Dr Ayari", "is_substitutable": False, "non_substitutable_reason": "Allergy"}
        request = ask("pharmacy", "2026-06-30", ("MED-A-BRAND", 1, 24_750, asked))
        found = claim(*claim_row(request, practitioner_ref="P-7"))
        assert [each["provider"]["display"] for each in found["careTeam"]] == ["P-7", "Dr Ayari"]
        assert found["item"][0]["careTeamSequence"] == [2]
        assert found["item"][0]["modifier"][0]["text"] == "Allergy"
        check(found)

    @pytest.mark.parametrize(
        ("status", "use"),
        [("eligible", "predetermination"), ("pending_review", "predetermination"), ("approved", "claim")],
    )
    def test_of_a_question_is_a_predetermination_until_the_care_is_confirmed(self, status, use):
        row, items = claim_row(CASES["1"][0], status=status, use="predetermination")
        assert claim(row, items)["use"] == claim_response(row, items)["use"] == use

    def test_of_a_question_that_was_agreed_to_says_until_when(self):
        row, items = claim_row(CASES["1"][0], status="eligible", use="predetermination")
        row.agreed_until = date(2026, 9, 30)
        answer = claim_response(row, items)
        assert answer["preAuthRef"] == str(row.pk)
        assert answer["preAuthPeriod"] == {"start": "2026-06-30", "end": "2026-09-30"}
        check(answer)

    def test_after_an_accident_says_so(self):
        request = ask("consultation", "2026-01-10", ("C1", 1, 50_000, {"is_accident": True}))
        row, items = claim_row(request, item={"is_trauma": True})
        assert claim(row, items)["item"][0]["modifier"][0]["coding"][0]["code"] == "trauma"
        note = claim_response(row, items)["processNote"][0]["text"]
        assert note.startswith("Suite d’accident, sans délai de carence; prise en charge")

    def test_of_somebody_unknown_says_that_there_is_no_coverage(self):
        row, items = claim_row(CASES["1"][0])
        row.member = row.contract = None
        found = claim(row, items)
        assert found["insurance"][0]["coverage"]["extension"][0]["valueCode"] == "unknown"
        check(found)

    def test_taken_back_by_its_provider_is_cancelled(self):
        row, items = claim_row(CASES["1"][0], status="rejected", reason_code="VOIDED")
        assert claim(row, items)["status"] == claim_response(row, items)["status"] == "cancelled"

    def test_of_a_reversal_is_negative_and_names_what_it_takes_back(self):
        row, _items = claim_row(CASES["1"][0])
        back, lines = claim_row(CASES["1"][0], reversal_of=row)
        for each in (back, *lines):
            for name in ("total_amount", "line_total", "covered_amount", "copay_amount"):
                if hasattr(each, name):
                    setattr(each, name, -getattr(each, name))
        found = claim(back, lines)
        assert found["related"][0]["claim"] == {"reference": f"Claim/{row.pk}"}
        line = found["item"][0]
        asked = line["quantity"]["value"] * line["unitPrice"]["value"] * line["factor"]
        assert asked == line["net"]["value"] == Decimal("-80.000")
        check(found)
        check(claim_response(back, lines))


class TestClaimResponse:
    def test_says_the_amounts_of_case_1(self):
        line = claim_response(*claim_row(CASES["1"][0]))["item"][0]
        assert amounts(line) == {
            "submitted": Decimal("80.000"), "eligible": Decimal("70.000"), "benefit": Decimal("49.000"),
            "copay": Decimal("31.000"),
        }  # fmt: skip
        assert adjustments(line) == [("PR", "45", Decimal("10.000")), ("PR", "2", Decimal("21.000"))]
        rates = [part["value"] for part in line["adjudication"] if "value" in part]
        assert rates == [Decimal("70.00")]

    def test_says_what_the_provider_bears_of_case_1b(self):
        request, given = CASES["1b"]
        line = claim_response(*claim_row(request, **given))["item"][0]
        assert amounts(line)["writeoff"] == Decimal("10.000")
        assert adjustments(line)[0] == ("CO", "45", Decimal("10.000"))
        own = [
            part["category"]["coding"][0]["system"]
            for part in line["adjudication"]
            if part["category"]["coding"][0]["code"] == "writeoff"
        ]
        assert own == [CATEGORY]

    def test_says_the_deductible_of_a_stay(self):
        found = claim_response(*claim_row(CASES["5"][0]))
        assert sum(amounts(line).get("deductible", 0) for line in found["item"]) == Decimal("50.000")

    def test_explains_each_line_in_a_note_of_the_reader_s_language(self):
        row, items = claim_row(CASES["6"][0])
        for language, word in (("fr", "Exclu"), ("en", "Excluded"), ("ar", "مستثنى")):
            found = claim_response(row, items, language=language)
            notes = {note["number"]: note["text"] for note in found["processNote"]}
            assert word in notes[found["item"][1]["noteNumber"][0]]

    def test_gives_the_reason_in_our_words_and_in_x12_s(self):
        found = claim_response(*claim_row(CASES["6"][0]))
        benefit = next(
            part
            for part in found["item"][1]["adjudication"]
            if part["category"]["coding"][0]["code"] == "benefit"
        )
        codes = {each["system"]: each["code"] for each in benefit["reason"]["coding"]}
        assert codes[REASON] == "EXCLUDED"
        assert codes[CARC] == "96"
        assert codes["https://x12.org/codes/remittance-advice-remark-codes"] == "N130"

    @pytest.mark.parametrize(
        ("case", "status", "outcome", "decision"),
        [
            ("1", "pending", "queued", None),
            ("1", "eligible", "complete", None),
            ("1", "approved", "complete", "approved"),
            ("6", "approved", "complete", "partial"),
            ("8", "approved", "complete", "partial"),
            ("10", "rejected", "complete", "denied"),
            ("1", "pending_review", "partial", "pending"),
            ("1", "blocked", "partial", "pending"),
            ("1", "paid", "complete", "approved"),
        ],
    )
    def test_says_where_the_claim_stands(self, case, status, outcome, decision):
        request, given = CASES[case]
        found = claim_response(*claim_row(request, **given, status=status))
        assert found["outcome"] == outcome
        words = [
            each["valueCodeableConcept"]["coding"][0]["code"]
            for each in found.get("extension", [])
            if each["url"].endswith("extension-ClaimResponse.decision")
        ]
        assert words == ([decision] if decision else [])
        check(found)

    @pytest.mark.parametrize("status", ["blocked", "pending_review"])
    def test_never_tells_what_screening_saw(self, status):
        row, items = claim_row(CASES["1"][0], status=status)
        plain = as_sent(claim_response(row, items)) + as_sent(claim(row, items))
        row.fraud_score, row.rules_version = 80, "r-secret"
        assert as_sent(claim_response(row, items)) + as_sent(claim(row, items)) == plain

    def test_of_a_blocked_claim_has_one_generic_note_and_no_line(self):
        request, given = CASES["11"]
        row, items = claim_row(request, **given)
        assert row.status == "blocked"
        found = claim_response(row, items)
        assert "item" not in found
        assert "total" not in found
        assert len(found["processNote"]) == 1
        assert b"DUPLICATE" not in as_sent(found)

    def test_of_a_paid_claim_says_the_payment_and_what_was_kept_back(self):
        row, items = claim_row(CASES["1"][0], status="paid")
        total = ReconciliationProvider()
        total._prefetched_objects_cache = {"retention_rows": Retention.objects.none()}
        paid_by = ReconciliationLine(
            reconciliation=Reconciliation(payment_date=date(2026, 8, 1)),
            provider_row=total,
            covered=49_000,
            retention=1_470,
            net=47_530,
        )
        found = claim_response(row, items, paid_by=[paid_by])
        assert found["payment"]["amount"]["value"] == Decimal("47.530")
        assert found["payment"]["adjustment"]["value"] == Decimal("-1.470")
        assert found["payment"]["date"] == "2026-08-01"
        check(found)


class TestPatient:
    def test_is_an_identity_and_nothing_more(self):
        row = Adherent(
            insurer_id=INSURER, first_name="Salma", last_name="Trabelsi", date_of_birth=date(1980, 5, 31),
            gender="F", national_id="08123456", phone="+21622111222", email="salma@test.test",
            address="3 rue des Oliviers", city="Sfax", lat=34, lng=10, updated_at=NOW,
        )  # fmt: skip
        found = patient(row)
        assert check(found).birthDate == date(1980, 5, 31)
        sent = as_sent(found).decode()
        assert "Trabelsi" in sent
        for secret in ("08123456", "21622111222", "salma@", "Oliviers", "Sfax"):
            assert secret not in sent


class TestOrganization:
    def test_of_an_insurer(self):
        row = Insurer(name="STAR", code="STAR", tax_id="1234567A", phone="+21671000000", updated_at=NOW)
        found = insurer(row)
        assert check(found).active is True
        assert found["type"][0]["coding"][0]["code"] == "ins"
        assert {"1234567A", "STAR"} <= {each["value"] for each in found["identifier"]}

    def test_of_a_provider(self):
        row = Practice(name="Pharmacie du Lac", kind="pharmacy", license_no="PH-9", city="Tunis", country="TN",
                       updated_at=NOW)  # fmt: skip
        found = practice(row)
        assert check(found).type[1].text == "pharmacy"
        assert found["address"] == [{"city": "Tunis", "country": "TN"}]


class TestCoverage:
    def test_is_one_person_s_part_of_a_contract(self):
        row = member_row(contract_row())
        found = coverage(row)
        assert check(found).relationship.coding[0].code == "child"
        assert found["beneficiary"] == {"reference": f"Patient/{CHILD}"}
        assert found["subscriber"] == {"reference": f"Patient/{ADHERENT}"}
        assert found["period"] == {"start": "2026-03-01", "end": "2026-12-31"}
        assert [each["value"] for each in found["class"]] == ["family", "K-2026"]

    def test_says_what_the_person_bears(self):
        found = coverage(member_row(contract_row()))["costToBeneficiary"]
        said = [
            (cost["type"]["coding"][0]["code"], cost["type"]["coding"][1]["code"],
             cost.get("valueQuantity", cost.get("valueMoney"))["value"])
            for cost in found
        ]  # fmt: skip
        assert said == [
            ("copaypct", "dental", Decimal("40.00")),
            ("copay", "dental", Decimal("1.500")),
            ("copaypct", "hospitalization", Decimal("15.00")),
            ("deductible", "hospitalization", Decimal("50.000")),
            ("copaypct", "pharmacy", Decimal("20.00")),
        ]

    def test_ends_the_day_before_a_cancellation(self):
        found = coverage(member_row(contract_row(status="cancelled", status_from=date(2026, 6, 1))))
        assert found["status"] == "cancelled"
        assert found["period"]["end"] == "2026-05-31"
        check(found)


def reconciliation(**changes):
    """The case of the specification: a doctor with 3 % kept back, a pharmacy without."""
    return Reconciliation(
        **{
            "insurer_id": INSURER, "number": "BRD-STAR-202606-0001", "period_start": date(2026, 6, 1),
            "period_end": date(2026, 6, 30), "currency": "TND", "total_covered": 5_555_682,
            "total_retentions": 129_633, "total_net_payable": 5_426_049, "status": "generated",
            "generated_at": NOW, "updated_at": NOW,
        }
        | changes
    )  # fmt: skip


class TestPaymentReconciliation:
    def seen(self, row):
        doctor = ReconciliationProvider(
            reconciliation=row, provider_id=PROVIDER, covered=4_321_115, retentions=129_633, credits=20_000,
            carried_in=20_000, releases=5_000, net=4_176_482,
        )  # fmt: skip
        pharmacy = ReconciliationProvider(
            reconciliation=row, provider_id=ADHERENT, covered=1_234_567, net=1_234_567
        )
        lines = [
            ReconciliationLine(
                reconciliation=row, provider_row=doctor, provider_id=PROVIDER, claim_id=CHILD,
                covered=4_321_115, retention=129_633, net=4_191_482,
            )
        ]  # fmt: skip
        row.total_net_payable = doctor.net + pharmacy.net
        return [doctor, pharmacy], lines

    @pytest.mark.parametrize("status", ["generated", "sent", "paid", "cancelled"])
    def test_is_valid_and_its_details_add_up(self, status):
        paid = {"payment_date": date(2026, 8, 1), "payment_reference": "VIR-1"} if status == "paid" else {}
        row = reconciliation(status=status, **paid)
        found = payment_reconciliation(row, *self.seen(row))
        check(found)
        assert sum(each["amount"]["value"] for each in found["detail"]) == found["paymentAmount"]["value"]
        assert found["paymentAmount"]["value"] == Decimal("5411.049")

    def test_names_claim_and_answer_of_each_line(self):
        row = reconciliation()
        found = payment_reconciliation(row, *self.seen(row))["detail"][0]
        assert found["request"] == {"reference": f"Claim/{CHILD}"}
        assert found["response"] == {"reference": f"ClaimResponse/{CHILD}"}
        assert found["submitter"] == found["payee"] == {"reference": f"Organization/{PROVIDER}"}

    def test_shows_a_provider_its_own_part(self):
        row = reconciliation()
        providers, lines = self.seen(row)
        found = payment_reconciliation(row, providers[:1], lines, whole=False)
        assert found["paymentAmount"]["value"] == Decimal("4176.482")
        assert str(ADHERENT) not in as_sent(found).decode()

    def test_of_too_many_lines_tells_the_net_per_provider(self):
        row = reconciliation()
        providers, _lines = self.seen(row)
        found = payment_reconciliation(row, providers, [])
        assert [each["amount"]["value"] for each in found["detail"]] == [
            Decimal("4176.482"),
            Decimal("1234.567"),
        ]
        check(found)


class TestVocabularies:
    def test_are_valid_and_hold_every_reason(self):
        systems = code_systems()
        for system in systems:
            check(system)
        reasons = next(each for each in systems if each["url"] == REASON)
        assert {each["code"] for each in reasons["concept"]} == set(REASONS)
