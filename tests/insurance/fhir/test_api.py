"""The FHIR interface over HTTP: who reads what, how it is searched, and how it refuses."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from apps.audit.models import AccessEntry
from apps.core.context import bind
from apps.insurance.models import ClaimAdjudication, ClaimItem
from tests.cast import CASTING
from tests.insurance.engine.agreements import ask
from tests.insurance.fhir.rows import claim_row
from tests.insurance.making import make_adherent, make_agreement, make_contract

ROOT = "/api/v1/fhir"


@pytest.fixture
def contract(insurer, practice):
    make_agreement(insurer, practice)
    return make_contract(insurer)


@pytest.fixture
def stored(insurer, practice, contract):
    """Makes claims of Ana's practice on contract K, as rows."""
    member = contract.members.get()

    def make(*, provider=practice, key="", **changes):
        request = ask("dental", "2026-06-30", ("HBLD634", 1, 350_000, {"tooth": "16"}))
        count = make.made = make.made + 1
        row, items = claim_row(
            request,
            contract=contract,
            member=member,
            insurer_id=insurer.pk,
            provider_id=provider.pk,
            adherent_id=contract.adherent_id,
            idempotency_key=key or f"key-{count}",
            body_sha256="0" * 64,
            **changes,
        )
        final = {"status": row.status}
        if row.status == "approved":
            final["validated_at"] = row.submitted_at
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.stored"):
            row.status = "pending"
            row.save(force_insert=True)
            for item in items:
                item.insurer_id, item.provider_id = insurer.pk, provider.pk
            ClaimItem.objects.bulk_create(items)
            for name, value in final.items():
                setattr(row, name, value)
            row.save()
        return row

    make.made = 0
    return make


def entries(answer):
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


def resource(answer):
    """The resource of an answer, once R4B's model of it has accepted it."""
    assert answer["Content-Type"] == "application/fhir+json"
    body = answer.json()
    get_fhir_model_class(body["resourceType"]).model_validate_json(answer.content)
    return body


class TestRead:
    def test_gives_a_claim_to_both_sides(self, stored, ana, ines, api):
        claim = stored()
        for reader in (ana, ines):
            body = resource(api(reader).get(f"{ROOT}/Claim/{claim.pk}"))
            assert body["id"] == str(claim.pk)
            assert body["item"][0]["bodySite"]["coding"][0]["code"] == "16"

    def test_gives_the_answer_under_the_key_of_the_claim(self, stored, ana, api):
        claim = stored()
        body = resource(api(ana).get(f"{ROOT}/ClaimResponse/{claim.pk}", headers={"Accept-Language": "fr"}))
        assert body["disposition"] == "Approuvée"
        assert "prise en charge" in body["processNote"][0]["text"].lower()

    def test_dates_the_answer_by_the_last_decision(self, stored, ana, api, at):
        claim = stored()
        ClaimAdjudication.objects.create(
            insurer=claim.insurer, claim=claim, version=1, made_at=at, engine_version="1", inputs={},
            inputs_sha256="0" * 64, result={},
        )  # fmt: skip
        body = resource(api(ana).get(f"{ROOT}/ClaimResponse/{claim.pk}"))
        assert body["created"].startswith("2026-11-23T08:00:00")

    def test_hides_a_claim_from_other_houses(self, stored, cleo, nora, api):
        claim = stored()
        for reader in (cleo, nora):
            answer = api(reader).get(f"{ROOT}/Claim/{claim.pk}")
            assert answer.status_code == 404
            assert resource(answer)["issue"][0]["code"] == "not-found"

    def test_refuses_the_platform_s_administrator(self, stored, root, api):
        answer = api(root).get(f"{ROOT}/Claim/{stored().pk}")
        assert answer.status_code == 403
        assert resource(answer)["issue"][0]["diagnostics"] == "FORBIDDEN"

    def test_refuses_the_unknown(self, stored, api):
        answer = api(None).get(f"{ROOT}/Claim/{stored().pk}")
        assert answer.status_code == 401
        assert resource(answer)["issue"][0]["code"] == "login"

    def test_of_something_that_is_no_key_is_not_found(self, ana, api):
        assert resource(api(ana).get(f"{ROOT}/Claim/x"))["issue"][0]["code"] == "not-found"

    def test_follows_the_references_of_a_claim(self, stored, ana, ines, api):
        claim = resource(api(ana).get(f"{ROOT}/Claim/{stored().pk}"))
        targets = [
            claim["patient"], claim["insurer"], claim["provider"], claim["insurance"][0]["coverage"],
        ]  # fmt: skip
        for reader in (ana, ines):
            for target in targets:
                kind = resource(api(reader).get(f"{ROOT}/{target['reference']}"))["resourceType"]
                assert kind == target["reference"].partition("/")[0]

    def test_finds_the_subscriber_s_coverage_by_the_key_of_the_contract(self, contract, ines, api):
        body = resource(api(ines).get(f"{ROOT}/Coverage/{contract.pk}"))
        assert body["id"] == str(contract.members.get().pk)

    def test_leaves_a_trace_of_who_read(self, stored, ana, api):
        claim = stored()
        api(ana).get(f"{ROOT}/Claim/{claim.pk}")
        api(ana).get(f"{ROOT}/Patient/{claim.adherent_id}")
        found = AccessEntry.objects.filter(actor_id=ana.pk, kind="read").values_list("event", "object_pk")
        assert ("insurance.claim.read", str(claim.pk)) in found
        assert ("insurance.adherent.resolve", str(claim.adherent_id)) in found

    def test_tells_a_practice_nothing_of_another_practice(self, contract, ana, other_practice, api):
        assert api(ana).get(f"{ROOT}/Organization/{other_practice.pk}").status_code == 404

    def test_tells_an_insurer_of_the_providers_it_agreed_with(self, contract, ines, nora, practice, api):
        assert resource(api(ines).get(f"{ROOT}/Organization/{practice.pk}"))["name"] == practice.name
        assert api(nora).get(f"{ROOT}/Organization/{practice.pk}").status_code == 404


class TestSearch:
    def test_pages_through_everything_once(self, stored, ana, api):
        made = {str(stored().pk) for _n in range(5)}
        address, seen, pages = f"{ROOT}/Claim?_count=2", [], 0
        while address:
            body = resource(api(ana).get(address))
            assert body["total"] == 5
            seen += [entry["resource"]["id"] for entry in body["entry"]]
            address = next((link["url"] for link in body["link"] if link["relation"] == "next"), "")
            pages += 1
        assert pages == 3
        assert len(seen) == 5
        assert set(seen) == made
        assert seen == sorted(seen, reverse=True)

    def test_shows_each_side_its_own(self, stored, ana, cleo, ines, nora, other_practice, api):
        own, other = stored(), stored(provider=other_practice)
        assert entries(api(ana).get(f"{ROOT}/Claim")) == [str(own.pk)]
        assert entries(api(cleo).get(f"{ROOT}/Claim")) == [str(other.pk)]
        assert set(entries(api(ines).get(f"{ROOT}/ClaimResponse"))) == {str(own.pk), str(other.pk)}
        assert entries(api(nora).get(f"{ROOT}/Claim")) == []

    @pytest.mark.parametrize("kind", ["Claim", "ClaimResponse"])
    def test_finds_claims_by_identifier_patient_and_status(self, stored, ana, api, kind):
        first, second = stored(), stored(status="rejected", reason_code="VOIDED")

        def found(query):
            return entries(api(ana).get(f"{ROOT}/{kind}?{query}"))

        assert found(f"identifier={first.pk}") == [str(first.pk)]
        assert found("identifier=key-2") == [str(second.pk)]
        system = "https://osdentaire.example/fhir/identifier/idempotency-key"
        assert found(f"identifier={system}|key-1") == [str(first.pk)]
        assert found("identifier=https://elsewhere.test|key-1") == []
        assert found(f"patient=Patient/{first.adherent_id}") == [str(second.pk), str(first.pk)]
        assert found(f"patient={first.adherent_id}&status=active") == [str(first.pk)]
        assert found("status=cancelled") == [str(second.pk)]
        assert found("status=active,cancelled") == [str(second.pk), str(first.pk)]
        assert found(f"_id={second.pk}") == [str(second.pk)]
        assert found("patient=Patient/0197f3a0-0000-7000-8000-000000000001") == []

    def test_finds_answers_by_outcome(self, stored, ana, api):
        stored()
        held = stored(status="pending_review")
        assert entries(api(ana).get(f"{ROOT}/ClaimResponse?outcome=partial")) == [str(held.pk)]

    def test_costs_the_same_for_one_and_for_fifty(self, stored, ana, api, django_assert_num_queries):
        client = api(ana)
        stored()
        client.get(f"{ROOT}/ClaimResponse")
        with django_assert_num_queries(9, exact=False) as one:
            client.get(f"{ROOT}/ClaimResponse")
        for _n in range(49):
            stored()
        with django_assert_num_queries(len(one.captured_queries)):
            assert len(entries(client.get(f"{ROOT}/ClaimResponse"))) == 50

    def test_finds_a_person_by_national_identifier_only(self, insurer, ana, ines, api):
        person = make_adherent(insurer, national_id="08 765 432")
        assert entries(api(ana).get(f"{ROOT}/Patient?identifier=08765432")) == [str(person.pk)]
        assert entries(api(ana).get(f"{ROOT}/Patient")) == []
        assert entries(api(ana).get(f"{ROOT}/Patient?birthdate=1985-04-12")) == []
        assert entries(api(ines).get(f"{ROOT}/Patient?birthdate=1985-04-12")) == [str(person.pk)]

    def test_finds_a_coverage_by_contract_number_or_person(self, contract, ana, nora, api):
        member = str(contract.members.get().pk)
        assert entries(api(ana).get(f"{ROOT}/Coverage?identifier={contract.contract_number}")) == [member]
        assert entries(api(ana).get(f"{ROOT}/Coverage?beneficiary=Patient/{contract.adherent_id}")) == [
            member
        ]
        assert entries(api(ana).get(f"{ROOT}/Coverage?status=active")) == []
        assert entries(api(nora).get(f"{ROOT}/Coverage?identifier={contract.contract_number}")) == []

    def test_counts_a_provider_s_lookups(self, contract, ana, api, settings):
        settings.LOOKUPS_PER_USER_PER_MINUTE = 1
        client = api(ana)
        assert client.get(f"{ROOT}/Patient?identifier=08765432").status_code == 200
        answer = client.get(f"{ROOT}/Patient?identifier=08765433")
        assert answer.status_code == 429
        assert resource(answer)["issue"][0]["code"] == "throttled"

    def test_lists_insurers_and_one_s_own_practice(
        self, contract, ana, practice, insurer, other_insurer, api
    ):
        first = resource(api(ana).get(f"{ROOT}/Organization?_count=2"))
        assert first["total"] == 3
        rest = resource(api(ana).get(next(x["url"] for x in first["link"] if x["relation"] == "next")))
        ids = [entry["resource"]["id"] for entry in [*first["entry"], *rest["entry"]]]
        assert set(ids) == {str(practice.pk), str(insurer.pk), str(other_insurer.pk)}

    @pytest.mark.parametrize(
        "query",
        [
            "patien=1",
            "_count=-1",
            "_count=x",
            "status=draft",
            "_cursor=x",
            "status:not=active",
            "_summary=true",
        ],
    )
    def test_refuses_what_it_does_not_know(self, ana, api, query):
        answer = api(ana).get(f"{ROOT}/Claim?{query}")
        assert answer.status_code == 400
        issue = resource(answer)["issue"][0]
        assert issue["code"] in {"value", "not-supported"}
        assert issue["location"] == [f"http.{query.partition('=')[0]}"]

    def test_refuses_a_page_of_organizations_that_is_none(self, ana, api):
        answer = api(ana).get(f"{ROOT}/Organization?_cursor=x")
        assert answer.status_code == 400
        assert resource(answer)["issue"][0]["location"] == ["http._cursor"]

    @pytest.mark.parametrize("kind", ["Claim", "Organization"])
    def test_of_no_results_a_page_says_how_many_there_are(self, stored, ana, api, kind):
        stored()
        body = resource(api(ana).get(f"{ROOT}/{kind}?_count=0"))
        assert body["total"] >= 1
        assert "entry" not in body
        assert [link["relation"] for link in body["link"]] == ["self"]

    def test_reads_an_escaped_comma_as_part_of_the_value(self, stored, ana, api):
        first, second = stored(key="a,b|c"), stored()
        assert entries(api(ana).get(rf"{ROOT}/Claim?identifier=a\,b\|c")) == [str(first.pk)]
        found = entries(api(ana).get(rf"{ROOT}/Claim?identifier=a\,b\|c,key-2"))
        assert found == [str(second.pk), str(first.pk)]
        assert entries(api(ana).get(f"{ROOT}/Claim?identifier=|key-2")) == []

    def test_answers_fhir_whatever_is_accepted(self, ana, api):
        for accept in ("application/fhir+json", "application/json", "text/html", "*/*"):
            resource(api(ana).get(f"{ROOT}/Claim?_format=json", headers={"Accept": accept}))


@pytest.mark.django_db
class TestMetadata:
    def test_is_open_to_anybody(self, api):
        body = resource(api(None).get(f"{ROOT}/metadata"))
        assert body["fhirVersion"] == "4.0.1"
        assert body["implementation"]["url"].endswith(ROOT)
        served = {each["type"]: each for each in body["rest"][0]["resource"]}
        assert set(served) == {
            "Claim", "ClaimResponse", "Coverage", "Patient", "Organization", "PaymentReconciliation", "CodeSystem",
        }  # fmt: skip

    def test_promises_no_search_that_is_refused(self, ana, ines, api):
        body = api(None).get(f"{ROOT}/metadata").json()
        values = {"token": "active", "reference": "x", "string": "x", "date": "1985-04-12", "uri": "x"}
        for each in body["rest"][0]["resource"]:
            for search in each["searchParam"]:
                value = "complete" if search["name"] == "outcome" else values[search["type"]]
                answer = api(ines).get(f"{ROOT}/{each['type']}?{search['name']}={value}")
                assert answer.status_code == 200, (each["type"], search["name"], answer.content)

    def test_publishes_our_vocabularies(self, api):
        body = resource(api(None).get(f"{ROOT}/CodeSystem"))
        urls = {entry["resource"]["url"] for entry in body["entry"]}
        assert "https://osdentaire.example/fhir/CodeSystem/adjudication-reason" in urls
        one = resource(api(None).get(f"{ROOT}/CodeSystem?url={min(urls)}"))
        assert one["total"] == 1
