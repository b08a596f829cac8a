"""Claims and reconciliations as the services write them, read over HTTP: each is valid R4 and says what it must."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from apps.accounts.roles import Role
from apps.insurance.services.deciding import block_claim
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.services.withdrawing import reverse_claim, void_claim
from tests.cast import make_user
from tests.insurance.claims.asking import FILED, file
from tests.insurance.claims.conftest import doctor, network, set_config

__all__ = ["doctor", "network"]
pytestmark = pytest.mark.django_db
ROOT = "/api/v1/fhir"
AFTER = FILED + timedelta(days=40)
SEPTEMBER = datetime(2026, 9, 20, 9, tzinfo=UTC)
VISIT = ("C2", 1, 80_000)
STATUSES = (
    "approved", "partial", "rejected", "blocked", "pending_review", "eligible", "voided", "paid", "reversal",
)  # fmt: skip
TAX = {
    "code": "RS3",
    "kind": "withholding_tax",
    "rate_bp": 300,
    "base": "covered",
    "provider_types": ["medical"],
}


@pytest.fixture
def read(api):
    """Reads an address as somebody; the answer is a valid resource."""

    def get(reader, path):
        answer = api(reader).get(path if path.startswith("http") else f"{ROOT}/{path}")
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/fhir+json"
        body = orjson.loads(answer.content)
        get_fhir_model_class(body["resourceType"]).model_validate_json(answer.content)
        return body

    return get


@pytest.fixture
def settle(ines, insurer):
    """Pays what waits at a moment; the second head marks it as paid."""
    payer = make_user("treasury@test.test", Role.INSURER_ADMIN, "Tarek", insurer=insurer)

    def pay(first, last, at, *, disputed=None):
        row = generate_reconciliation(actor=ines, insurer=insurer, period_start=first, period_end=last, at=at)
        send_reconciliation(actor=ines, reconciliation=row, at=at)
        if disputed is not None:
            open_dispute(actor=payer, line=row.lines.get(claim=disputed), reason="Contesté", at=at)
        return pay_reconciliation(
            actor=payer, reconciliation=row, payment_date=at.date(), reference=f"VIR-{row.number}", at=at
        )

    return pay


def july(settle, **more):
    return settle(date(2026, 7, 1), date(2026, 7, 31), AFTER, **more)


@pytest.fixture
def claims(network, doctor, ines, insurer, settle):
    """One claim in each state a claim can be in."""
    set_config(insurer, reconciliation={"cycle": "monthly", "retentions": [TAX]})
    found = {
        "paid": file(doctor, network, "consultation", "2026-06-30", VISIT, ("C1", 1, 50_000)),
    }
    july(settle)
    found["reversal"] = reverse_claim(actor=ines, claim=found["paid"], reason="Patient absent", at=AFTER)
    late = {"at": AFTER}
    found["approved"] = file(doctor, network, "consultation", "2026-07-20", VISIT, **late)
    found["partial"] = file(
        doctor, network, "consultation", "2026-07-21", ("C1", 1, 50_000), ("COSM-001", 1, 80_000), **late
    )
    found["rejected"] = file(doctor, network, "consultation", "2026-07-22", ("COSM-001", 1, 80_000), **late)
    found["voided"] = file(doctor, network, "consultation", "2026-07-23", VISIT, **late)
    void_claim(actor=doctor, claim=found["voided"], expected_status="approved", at=AFTER)
    found["eligible"] = file(
        doctor, network, "consultation", "2026-07-24", VISIT, is_predetermination=True, **late
    )
    set_config(insurer, fraud={"review_at": 30, "block_at": 70}, review_above=60_000)
    found["pending_review"] = file(
        doctor, network, "consultation", "2026-07-27", VISIT, ("C1", 1, 50_000), **late
    )
    found["blocked"] = file(doctor, network, "consultation", "2026-07-28", VISIT, ("C1", 1, 50_000), **late)
    block_claim(
        actor=ines,
        claim=found["blocked"],
        expected_status="pending_review",
        reason="Ordonnance douteuse",
        at=AFTER,
    )
    for claim in found.values():
        claim.refresh_from_db()
    return found


def decision(body):
    return [each["valueCodeableConcept"]["coding"][0]["code"] for each in body.get("extension", [])]


class TestEveryState:
    def test_is_valid_one_by_one_and_in_a_bundle(self, claims, read, doctor, ines):
        wanted = {
            "approved": ("claim", "active", "complete", ["approved"]),
            "partial": ("claim", "active", "complete", ["partial"]),
            "rejected": ("claim", "active", "complete", ["denied"]),
            "blocked": ("claim", "active", "partial", ["pending"]),
            "pending_review": ("claim", "active", "partial", ["pending"]),
            "eligible": ("predetermination", "active", "complete", []),
            "voided": ("claim", "cancelled", "complete", ["denied"]),
            "paid": ("claim", "active", "complete", ["approved"]),
            "reversal": ("claim", "active", "complete", ["approved"]),
        }
        assert set(wanted) == set(STATUSES) == set(claims)
        for reader in (doctor, ines):
            said = {}
            for name, claim in claims.items():
                asked, answered = read(reader, f"Claim/{claim.pk}"), read(reader, f"ClaimResponse/{claim.pk}")
                assert asked["use"] == answered["use"]
                assert asked["status"] == answered["status"]
                said[name] = (answered["use"], answered["status"], answered["outcome"], decision(answered))
            assert said == wanted
            for kind in ("Claim", "ClaimResponse"):
                bundle = read(reader, f"{kind}?_count=200")
                assert bundle["total"] == len(bundle["entry"]) == len(claims)
                for entry in bundle["entry"]:
                    assert entry["fullUrl"].endswith(f"{ROOT}/{kind}/{entry['resource']['id']}")
                    assert read(reader, entry["fullUrl"].partition(ROOT + "/")[2]) == entry["resource"]

    def test_adds_up_on_every_line(self, claims, read, doctor):
        for name, claim in claims.items():
            body = read(doctor, f"ClaimResponse/{claim.pk}")
            for line in body.get("item", []):
                said = {
                    part["category"]["coding"][0]["code"]: Decimal(str(part["amount"]["value"]))
                    for part in line["adjudication"]
                    if "amount" in part and part["category"]["coding"][0]["code"] != "adjustment"
                }
                assert said["submitted"] == said["benefit"] + said["copay"] + said.get("writeoff", 0), name
                notes = {note["number"]: note["text"] for note in body["processNote"]}
                assert all(notes[number].strip() for number in line["noteNumber"])

    def test_of_a_blocked_claim_tells_a_provider_nothing_of_screening(self, claims, read, doctor):
        claim = claims["blocked"]
        for path in (f"Claim/{claim.pk}", f"ClaimResponse/{claim.pk}"):
            text = orjson.dumps(read(doctor, path)).decode().lower()
            for word in (
                "fraud",
                "flag",
                "score",
                "rules",
                "blocked",
                "douteuse",
                "dup_",
                "near_dup",
                "carc",
            ):
                assert word not in text, (path, word)
        body = read(doctor, f"ClaimResponse/{claim.pk}")
        assert {"item", "total", "adjudication", "payment", "error"} & set(body) == set()
        assert len(body["processNote"]) == 1

    def test_of_a_rejected_claim_gives_our_reason_and_x12_s(self, claims, read, doctor):
        body = read(doctor, f"ClaimResponse/{claims['rejected'].pk}")
        (line,) = body["item"]
        benefit = next(
            part for part in line["adjudication"] if part["category"]["coding"][0]["code"] == "benefit"
        )
        codes = [each["code"] for each in benefit["reason"]["coding"]]
        assert codes == ["EXCLUDED", "96", "N130"]


class TestPayment:
    def test_says_what_was_kept_back_of_a_paid_claim_and_nothing_of_others(self, claims, read, doctor):
        found = {
            name: read(doctor, f"ClaimResponse/{claim.pk}").get("payment") for name, claim in claims.items()
        }
        paid = found.pop("paid")
        assert set(found.values()) == {None}
        assert (paid["amount"]["value"], paid["adjustment"]["value"]) == (81.48, -2.52)
        assert paid["date"] == AFTER.date().isoformat()
        assert [each["code"] for each in paid["adjustmentReason"]["coding"]] == ["withholding_tax"]

    def test_waits_for_the_reconciliation_to_be_paid(self, network, doctor, ines, insurer, read):
        claim = file(doctor, network, "consultation", "2026-06-30", VISIT)
        row = generate_reconciliation(
            actor=ines, insurer=insurer, period_start=date(2026, 7, 1), period_end=date(2026, 7, 31), at=AFTER
        )
        send_reconciliation(actor=ines, reconciliation=row, at=AFTER)
        assert "payment" not in read(doctor, f"ClaimResponse/{claim.pk}")

    def test_of_a_disputed_line_comes_with_the_one_that_carries_it(self, network, doctor, ines, settle, read):
        claim = file(doctor, network, "consultation", "2026-06-30", VISIT)
        row = july(settle, disputed=claim)
        assert "payment" not in read(doctor, f"ClaimResponse/{claim.pk}")
        decide_dispute(
            actor=ines,
            line=row.lines.get(),
            verb="accept",
            reason="Vu",
            outcome_amount=9_000,
            at=AFTER,
        )
        settle(date(2026, 8, 1), date(2026, 8, 31), SEPTEMBER)
        payment = read(doctor, f"ClaimResponse/{claim.pk}")["payment"]
        assert (payment["amount"]["value"], payment["adjustment"]["value"]) == (40.0, -9.0)
        assert payment["date"] == "2026-09-20"
        assert [each["code"] for each in payment["adjustmentReason"]["coding"]] == ["dispute"]


def adds_up(body):
    """The details of a reconciliation make what was paid, to the last unit."""
    details = sum(Decimal(str(each["amount"]["value"])) for each in body["detail"])
    assert details == Decimal(str(body["paymentAmount"]["value"]))
    return details


class TestPaymentReconciliation:
    def test_adds_up_for_both_sides_with_disputes_and_what_they_carry(
        self, network, doctor, ines, settle, read
    ):
        disputed = file(doctor, network, "consultation", "2026-06-30", VISIT)
        file(doctor, network, "consultation", "2026-06-29", ("C1", 1, 50_000))
        first = july(settle, disputed=disputed)
        for reader in (doctor, ines):
            body = read(reader, f"PaymentReconciliation/{first.pk}")
            assert adds_up(body) == Decimal("35.000")
            assert body["outcome"] == "complete"
            assert "processNote" in body
            (entry,) = read(reader, "PaymentReconciliation")["entry"]
            assert adds_up(entry["resource"]) == Decimal("35.000")
        decide_dispute(actor=ines, line=first.lines.get(claim=disputed), verb="reject", reason="Vu", at=AFTER)
        second = settle(date(2026, 8, 1), date(2026, 8, 31), SEPTEMBER)
        for reader in (doctor, ines):
            body = read(reader, f"PaymentReconciliation/{second.pk}")
            assert adds_up(body) == Decimal("49.000")
            assert [each["type"]["coding"][0]["code"] for each in body["detail"]] == ["adjustment"]

    def test_adds_up_when_a_reversal_leaves_a_debt(self, claims, settle, read, doctor, ines):
        row = settle(date(2026, 8, 1), date(2026, 8, 31), SEPTEMBER)
        for reader in (doctor, ines):
            body = read(reader, f"PaymentReconciliation/{row.pk}")
            adds_up(body)
            taken_back = {"reference": f"Claim/{claims['reversal'].pk}"}
            reversal = [each for each in body["detail"] if each.get("request") == taken_back]
            assert [each["amount"]["value"] for each in reversal] == [-84.0]


class TestTheRest:
    def test_is_valid_in_its_bundles(self, claims, network, read, ines, doctor):
        for reader in (ines, doctor):
            for path in (
                "Patient", "Coverage", "Organization", "PaymentReconciliation", "CodeSystem", "metadata",
                f"Coverage?identifier={network.contract.contract_number}",
                f"Patient?_id={network.adherent.pk}",
            ):  # fmt: skip
                read(reader, path)

    def test_follows_every_reference_of_every_claim(self, claims, read, doctor, ines):
        for reader in (doctor, ines):
            seen = set()
            for claim in claims.values():
                for kind in ("Claim", "ClaimResponse"):
                    seen |= references(read(reader, f"{kind}/{claim.pk}"))
            for target in seen:
                assert read(reader, target)["id"] == target.partition("/")[2]


def references(value):
    """Every reference somewhere in a resource."""
    if isinstance(value, dict):
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(references(each) for each in value))
    return set()
