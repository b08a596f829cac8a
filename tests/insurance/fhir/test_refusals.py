"""Everything below the FHIR base refuses in FHIR: an OperationOutcome, whoever says no."""

from __future__ import annotations

import pytest
from django.test import Client
from fhir.resources.R4B import get_fhir_model_class
from rest_framework.test import APIClient

from apps.audit.models import AccessEntry
from apps.core.errors import DependencyDown
from apps.insurance.api.fhir.metadata import SERVED
from apps.insurance.fhir.envelopes import SERVED_TYPES

ROOT = "/api/v1/fhir"


def issue(answer, status):
    """The one issue of a refusal, once R4B's model has accepted it."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/fhir+json"
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    get_fhir_model_class("OperationOutcome").model_validate_json(answer.content)
    (found,) = body["issue"]
    assert found["details"]["text"]
    return found


class TestAnAddressThatDoesNotExist:
    @pytest.mark.parametrize(
        "path",
        ["/Observation", "/Observation/1", "/Observation/_search", "", "/", "//Claim", "/$export", "/claim"],
    )
    def test_of_an_unknown_type_or_operation_is_not_supported(self, path):
        found = issue(Client().get(f"{ROOT}{path}"), 404)
        assert (found["severity"], found["code"], found["diagnostics"]) == (
            "error",
            "not-supported",
            "NOT_FOUND",
        )

    @pytest.mark.parametrize("path", ["/Claim/1/_history", "/Claim/a.b/c", "/CodeSystem/x", "/Claim/a.b"])
    def test_below_a_known_type_is_not_found(self, path):
        assert issue(Client().get(f"{ROOT}{path}"), 404)["code"] == "not-found"

    def test_says_in_the_reader_s_language_that_the_type_is_unknown(self):
        english, french = (
            Client().get(f"{ROOT}/Observation", headers={"Accept-Language": language}).json()["issue"][0]
            for language in ("en", "fr")
        )
        assert english["details"]["text"] == "This server has no resource of this type."
        assert french["details"]["text"] == "Ce serveur n’a pas de ressource de ce type."

    def test_keeps_the_house_s_words_elsewhere(self):
        for path in ("/api/v1/fhirs", "/api/v1/nothing"):
            answer = Client().get(path)
            assert answer["Content-Type"] == "application/json"
            assert answer.json()["error"]["code"] == "NOT_FOUND"

    def test_names_every_type_that_is_served(self):
        assert {view.resource for view in SERVED} == SERVED_TYPES


class TestAKnownAddress:
    def test_of_an_unknown_key(self, ana, api):
        found = issue(api(ana).get(f"{ROOT}/Claim/0197f3a0-0000-7000-8000-000000000001"), 404)
        assert (found["severity"], found["code"]) == ("error", "not-found")

    @pytest.mark.django_db
    def test_without_credentials(self, api):
        assert issue(api(None).get(f"{ROOT}/Claim"), 401)["code"] == "login"

    @pytest.mark.django_db
    def test_with_a_token_that_is_not_valid(self):
        answer = APIClient(headers={"Authorization": "Bearer x"}).get(f"{ROOT}/Patient")
        found = issue(answer, 401)
        assert (found["code"], found["diagnostics"]) == ("login", "UNAUTHENTICATED")

    def test_of_a_role_that_may_not(self, root, api):
        found = issue(api(root).get(f"{ROOT}/Claim"), 403)
        assert (found["code"], found["diagnostics"]) == ("forbidden", "FORBIDDEN")

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_by_a_method_it_does_not_have(self, method, ana, api):
        answer = getattr(api(ana), method)(f"{ROOT}/Claim", {}, format="json")
        assert issue(answer, 405)["code"] == "not-supported"
        assert "GET" in answer["Allow"]

    def test_with_an_unknown_parameter(self, ana, api):
        found = issue(api(ana).get(f"{ROOT}/Claim?patien=1"), 400)
        assert (found["code"], found["location"]) == ("not-supported", ["http.patien"])

    def test_with_a_value_that_is_none(self, ana, api):
        found = issue(api(ana).get(f"{ROOT}/Claim?_count=x"), 400)
        assert (found["code"], found["location"], found["diagnostics"]) == (
            "value",
            ["http._count"],
            "VALIDATION_ERROR",
        )

    def test_too_often(self, ana, api, settings):
        settings.API_PER_USER_PER_MINUTE = 1
        client = api(ana)
        client.get(f"{ROOT}/Claim")
        answer = client.get(f"{ROOT}/Claim")
        assert issue(answer, 429)["code"] == "throttled"
        assert int(answer["Retry-After"]) > 0

    @pytest.mark.django_db
    def test_with_a_body_beyond_two_megabytes(self):
        answer = Client().post(f"{ROOT}/Claim", "x" * (2 * 1024**2 + 1), content_type="text/plain")
        assert issue(answer, 413)["code"] == "too-long"

    def test_while_something_it_needs_is_down(self, ana, api, monkeypatch):
        def down(**_):
            raise DependencyDown

        monkeypatch.setattr("apps.insurance.fhir_selectors.claims_with_lines", down)
        found = issue(api(ana).get(f"{ROOT}/Claim"), 503)
        assert (found["severity"], found["code"]) == ("fatal", "transient")

    def test_that_fails(self, ana, api, monkeypatch):
        def explode(**_):
            raise RuntimeError("boom")

        monkeypatch.setattr("apps.insurance.fhir_selectors.claims_with_lines", explode)
        client = api(ana)
        client.raise_request_exception = False
        found = issue(client.get(f"{ROOT}/Claim"), 500)
        assert (found["severity"], found["code"]) == ("fatal", "exception")
        assert "boom" not in str(found)

    def test_tells_the_trail_under_the_house_s_own_code(self, root, api):
        api(root).get(f"{ROOT}/Claim")
        assert AccessEntry.objects.filter(actor_id=root.pk, kind="denied").exists()


class TestFormats:
    @pytest.mark.parametrize(
        "accept",
        [
            "application/fhir+json", "application/fhir+json; fhirVersion=4.0", "application/json", "text/html",
            "*/*", "", "application/fhir+xml;q=0.5, application/fhir+json",
        ],
    )  # fmt: skip
    def test_spoken(self, accept, ana, api):
        assert api(ana).get(f"{ROOT}/Claim", headers={"Accept": accept}).status_code == 200

    @pytest.mark.parametrize(
        "accept",
        ["application/fhir+xml", "text/turtle, application/xml", "application/fhir+json; fhirVersion=5.0"],
    )
    def test_not_spoken(self, accept, ana, api):
        assert (
            issue(api(ana).get(f"{ROOT}/Claim", headers={"Accept": accept}), 406)["code"] == "not-supported"
        )

    @pytest.mark.parametrize("name", ["json", "application/json", "application/fhir%2Bjson", "text/json"])
    def test_asked_for_in_the_address_win(self, name, ana, api):
        answer = api(ana).get(f"{ROOT}/Claim?_format={name}", headers={"Accept": "application/fhir+xml"})
        assert answer.status_code == 200

    @pytest.mark.parametrize("name", ["xml", "ttl", "html"])
    def test_asked_for_in_the_address_may_be_unknown(self, name, api):
        assert issue(api(None).get(f"{ROOT}/metadata?_format={name}"), 406)["code"] == "not-supported"


class TestPrefer:
    def test_lenient_handling_ignores_what_is_unknown(self, ana, api):
        answer = api(ana).get(f"{ROOT}/Claim?patien=1&_count=3", headers={"Prefer": "handling=lenient"})
        assert answer.status_code == 200
        (own,) = answer.json()["link"]
        assert own["url"].endswith(f"{ROOT}/Claim?_count=3")

    def test_lenient_handling_still_refuses_values_that_are_none(self, ana, api):
        answer = api(ana).get(
            f"{ROOT}/Claim?_count=x", headers={"Prefer": "return=minimal; handling=lenient"}
        )
        assert issue(answer, 400)["code"] == "value"

    def test_strict_handling_is_what_happens_anyway(self, ana, api):
        answer = api(ana).get(f"{ROOT}/Claim?patien=1", headers={"Prefer": "handling=strict"})
        assert issue(answer, 400)["code"] == "not-supported"
