"""Reading and searching one kind of resource: formats, parameters, pages, refusals, the access trail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.renderers import OrjsonRenderer
from apps.core.api.schema import ContractSchema
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput
from apps.core.plain import plain
from apps.insurance.api.fhir.refusals import PATH, FormatNotSpoken, UnknownParameter, in_fhir
from apps.insurance.api.fhir.searching import FORMATS, alternatives, is_spoken, keys
from apps.insurance.fhir.envelopes import MEDIA_TYPE, searchset

MOST: Final = 200
PAGE: Final = 50
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
    ("_count", f"Results per page, {PAGE} unless said, at most {MOST}; 0 asks for the total only."),
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
    issue = ""
    known: frozenset[str] = frozenset()

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
        if size == 0:
            return Response(searchset([], total=total, links={"self": self.link()}))
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
            rows = rows.filter(pk__in=keys(alternatives(value)))
        for name, parameter in self.searches.items():
            for value in self.given(name):
                rows = parameter.apply(rows, alternatives(value))
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
        """Refuse formats other than JSON and what is not known here, modifiers included.

        A client that prefers lenient handling gets what is not known ignored, and left out of the link to this search.
        """
        self.known = known
        formats = self.given("_format")
        # A plus sign in an address is a space.
        spoken = (value.replace(" ", "+") in FORMATS for value in formats)
        if not all(spoken) or (not formats and not is_spoken(self.request.headers.get("Accept", ""))):
            raise FormatNotSpoken
        unknown = sorted(set(self.request.query_params) - known)
        if unknown and not self.is_lenient():
            raise UnknownParameter(**{name: [_("This parameter is not known here.")] for name in unknown})

    def is_lenient(self) -> bool:
        """Whether the client would rather have a search it did not quite ask for than a refusal."""
        preferences = re.split(r"[,;]", self.request.headers.get("Prefer", ""))
        return "handling=lenient" in {each.strip().lower() for each in preferences}

    def page_size(self) -> int:
        """Return how many results a page has; 0 asks for their number only."""
        texts = self.given("_count")
        if not texts:
            return PAGE
        if not (texts[-1].isascii() and texts[-1].isdecimal()) or len(texts[-1]) > 6:
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
        return f"{settings.PUBLIC_URL}{PATH}/{path}"

    def link(self, **changes: str) -> str:
        """Return the address of this search, with changes."""
        query = self.request.query_params.copy()
        for name, value in changes.items():
            query[name] = value
        used = [name for name in query if name in self.known]
        text = urlencode([(name, value) for name in used for value in query.getlist(name)])
        return self.address(self.resource + (f"?{text}" if text else ""))

    def handle_exception(self, exc: Exception) -> Response:
        """Remember the kind of issue a refusal is."""
        self.issue = getattr(exc, "issue", "")
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say every refusal as an OperationOutcome, once it was told under the house's own code."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        in_fhir(answer, self.issue)
        return answer

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Answer FHIR whatever the Accept header, refusals of other formats too: there is one format."""
        return super().perform_content_negotiation(request, force=True)
