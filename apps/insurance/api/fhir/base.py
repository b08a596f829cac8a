"""Reading and searching one kind of resource: negotiation, parameters, pages, refusals, the access trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.filters import refuse_unknown_parameters
from apps.core.api.renderers import OrjsonRenderer
from apps.core.api.schema import ContractSchema
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput
from apps.core.plain import plain
from apps.insurance.fhir.codes import HOUSE
from apps.insurance.fhir.envelopes import MEDIA_TYPE, outcome, searchset

BASE: Final = "/api/v1/fhir"
MOST: Final = 200
PAGE: Final = 50
FORMATS: Final = frozenset({"json", "application/json", MEDIA_TYPE})
ALWAYS: Final = frozenset({"_id", "_count", "_cursor", "_format"})
Filter = Callable[[QuerySet[Any], list[str]], QuerySet[Any]]


class Parameter(NamedTuple):
    """A search parameter: FHIR's type of it, what it does in words, and in rows."""

    type: str
    documentation: str
    apply: Filter
    is_exact: bool = False


class FhirRenderer(OrjsonRenderer):
    """JSON in which an amount is a number exactly as written: 49.000 keeps its millimes."""

    media_type = MEDIA_TYPE
    format = "fhir"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Return the body's bytes."""
        return b"" if data is None else orjson.dumps(data, default=exact)


def exact(value: Any) -> Any:
    """Return a decimal as the digits it is written in."""
    return orjson.Fragment(format(value, "f")) if isinstance(value, Decimal) else plain(value)


class FhirSchema(ContractSchema):
    """Describes reads and searches: the shapes are FHIR's own, and errors are OperationOutcomes."""

    view: Any

    def get_operation_id(self) -> str:
        """Name the operation after its resource."""
        return f"fhir_{self.view.resource}_{'search' if self.view.action == 'list' else 'read'}"

    def get_response_serializers(self) -> Any:
        """Answer FHIR, whatever the status."""
        return {("200", MEDIA_TYPE): OpenApiTypes.OBJECT, ("4XX", MEDIA_TYPE): OpenApiTypes.OBJECT}

    def get_override_parameters(self) -> Any:
        """Name the search parameters."""
        if self.view.action != "list":
            return []
        known = [(name, each.documentation) for name, each in self.view.searches.items()]
        return [OpenApiParameter(name, str, description=text) for name, text in [*COMMON, *known]]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False


COMMON: Final = (
    ("_id", "Keys, separated by commas."),
    ("_count", f"Results per page, {PAGE} unless said, at most {MOST}."),
    ("_cursor", "Where the next page begins; only from a `next` link."),
    ("_format", "json"),
)


class FhirViewSet(BaseViewSet):
    """One kind of resource. Subclasses give the rows, the search parameters and the mapping."""

    schema = FhirSchema()
    renderer_classes = (FhirRenderer,)
    filter_backends: Sequence[Any] = ()
    resource: ClassVar[str]
    searches: ClassVar[Mapping[str, Parameter]] = {}
    interactions: ClassVar[tuple[str, ...]] = ("read", "search-type")

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows the caller may read, loaded for the mapping."""
        raise NotImplementedError

    def mapped(self, row: Any) -> dict[str, Any]:
        """Return the resource of a row."""
        raise NotImplementedError

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Read one resource."""
        self.check_parameters(frozenset({"_format"}))
        row = self.get_object()
        self.record_read([row])
        return Response(self.mapped(row))

    def list(self, request: Request) -> Response:
        """Search: the newest first, a page at a time."""
        self.check_parameters(ALWAYS | set(self.searches))
        rows = self.searched(self.get_queryset())
        size = self.page_size()
        total = rows.count()
        page = list(self.after_cursor(rows).order_by("-pk")[: size + 1])
        more, page = len(page) > size, page[:size]
        self.record_read(page)
        links = {"self": self.link()}
        if more:
            links["next"] = self.link(_cursor=str(page[-1].pk))
        entries = [(self.address(f"{self.resource}/{row.pk}"), self.mapped(row)) for row in page]
        return Response(searchset(entries, total=total, links=links))

    def searched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Apply the search parameters; one given twice must hold twice."""
        for value in self.given("_id"):
            rows = rows.filter(pk__in=keys(value.split(",")))
        for name, parameter in self.searches.items():
            for value in self.given(name):
                rows = parameter.apply(rows, value.split(","))
        return rows

    def given(self, name: str) -> Sequence[str]:
        """Return the values of a parameter; PostgreSQL knows no NUL in a text."""
        values = [value for value in self.request.query_params.getlist(name) if value.strip()]
        if any("\0" in value for value in values):
            raise InvalidInput(**{name: [_("This contains a character that cannot be searched.")]})
        return values

    def has_exact_key(self) -> bool:
        """Whether the search names somebody by an exact key."""
        exact_names = ["_id", *(name for name, each in self.searches.items() if each.is_exact)]
        return any(self.given(name) for name in exact_names)

    def check_parameters(self, known: frozenset[str]) -> None:
        """Refuse what is not known here, modifiers included, and formats other than JSON."""
        refuse_unknown_parameters(self.request, known)
        for value in self.given("_format"):
            if value not in FORMATS:
                raise InvalidInput(_format=[_("This server answers JSON only.")])

    def page_size(self) -> int:
        """Return how many results a page has."""
        texts = self.given("_count")
        if not texts:
            return PAGE
        if not (texts[-1].isascii() and texts[-1].isdecimal()) or len(texts[-1]) > 6 or int(texts[-1]) < 1:
            raise InvalidInput(_count=[_("This is not a number of results.")])
        return min(int(texts[-1]), MOST)

    def after_cursor(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return what comes after the last result of the page before."""
        found = keys(self.given("_cursor")[-1:])
        if self.given("_cursor") and not found:
            raise InvalidInput(_cursor=[_("This is not a page of this search.")])
        return rows.filter(pk__lt=found[0]) if found else rows

    def address(self, path: str) -> str:
        """Return the absolute address of a resource."""
        return f"{settings.PUBLIC_URL}{BASE}/{path}"

    def link(self, **changes: str) -> str:
        """Return the address of this search, with changes."""
        query = self.request.query_params.copy()
        for name, value in changes.items():
            query[name] = value
        text = urlencode([(name, value) for name in query for value in query.getlist(name)])
        return self.address(self.resource + (f"?{text}" if text else ""))

    def handle_exception(self, exc: Exception) -> Response:
        """Say every refusal as an OperationOutcome."""
        answer = super().handle_exception(exc)
        error = (answer.data or {}).get("error", {})
        answer.data = outcome(
            answer.status_code, error.get("code", ""), error.get("message", ""), error.get("details")
        )
        return answer

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Answer FHIR whatever the Accept header: there is one format."""
        return super().perform_content_negotiation(request, force=True)


def keys(values: Sequence[str]) -> list[UUID]:
    """Return the keys among texts; what is none finds nothing."""
    found = []
    for value in values:
        try:
            found.append(UUID(value.strip()))
        except ValueError:
            continue
    return found


def referred(kind: str, values: Sequence[str]) -> list[UUID]:
    """Return the keys of references: `Patient/…`, a bare key, or the absolute address here."""
    prefixes = (f"{settings.PUBLIC_URL}{BASE}/{kind}/", f"{kind}/", "")
    return keys([value.removeprefix(next(p for p in prefixes if value.startswith(p))) for value in values])


def tokens(name: str, values: Sequence[str]) -> list[str]:
    """Return the values of tokens in one of our systems, or in none; those of other systems find nothing."""
    found = []
    for value in values:
        system, bar, code = value.rpartition("|")
        if not bar or system in {"", f"{HOUSE}/identifier/{name}"}:
            found.append(code.strip())
    return found


def coded(name: str, values: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return codes of a closed list, whatever system is named; refuse one that is not in it."""
    found = [value.rpartition("|")[2].strip() for value in values]
    if set(found) - set(known):
        raise InvalidInput(**{name: [_("This is not one of: %(known)s.") % {"known": ", ".join(known)}]})
    return found
