"""Reading search parameters as FHIR writes them: lists, tokens, references, codes of a closed list, formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput
from apps.insurance.api.fhir.refusals import PATH
from apps.insurance.fhir.codes import HOUSE
from apps.insurance.fhir.envelopes import FHIR_VERSION, MEDIA_TYPE

FORMATS: Final = frozenset({"json", "text/json", "application/json", MEDIA_TYPE})
# Formats of FHIR that are not spoken here. A browser that would like HTML best takes JSON as well.
OTHER_FORMATS: Final = frozenset(
    {"application/fhir+xml", "application/xml", "text/xml", "application/fhir+turtle", "text/turtle"}
)
SPOKEN_VERSIONS: Final = frozenset({FHIR_VERSION, FHIR_VERSION.rpartition(".")[0]})
_ALTERNATIVE: Final = re.compile(r"(?:\\.|[^\\,])+|\\")
_TOKEN: Final = re.compile(r"(?:((?:\\.|[^\\|])*)(\|))?(.*)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([\\,|$])")


def alternatives(text: str) -> list[str]:
    r"""Return the values a comma separates; `\,` is a comma of the value (R4, search.html#escaping)."""
    return _ALTERNATIVE.findall(text)


def unescaped(text: str) -> str:
    """Return a value without its escapes."""
    return _ESCAPED.sub(r"\1", text).strip()


def keys(values: Iterable[str]) -> list[UUID]:
    """Return the keys among texts; what is none finds nothing."""
    found = []
    for value in values:
        try:
            found.append(UUID(value.strip()))
        except ValueError:
            continue
    return found


def referred(kind: str, values: Iterable[str]) -> list[UUID]:
    """Return the keys of references: `Patient/…`, a bare key, or the absolute address here."""
    prefixes = (f"{settings.PUBLIC_URL}{PATH}/{kind}/", f"{kind}/", "")
    return keys([value.removeprefix(next(p for p in prefixes if value.startswith(p))) for value in values])


def tokens(name: str, values: Iterable[str]) -> list[str]:
    """Return the values of tokens in our system of that name, or in any; those of others or of none find nothing."""
    found = []
    for value in values:
        system, bar, code = _TOKEN.fullmatch(value).groups()  # type: ignore[union-attr]  # it matches any text
        if not bar or unescaped(system) == f"{HOUSE}/identifier/{name}":
            found.append(unescaped(code))
    return found


def coded(name: str, values: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return codes of a closed list, whatever system is named; refuse one that is not in it."""
    found = [value.rpartition("|")[2].strip() for value in values]
    if set(found) - set(known):
        raise InvalidInput(**{name: [_("This is not one of: %(known)s.") % {"known": ", ".join(known)}]})
    return found


def is_spoken(accept: str) -> bool:
    """Say whether some media range of an Accept header can be answered; no header accepts anything."""
    ranges = [part for part in accept.split(",") if part.strip()]
    return not ranges or any(is_range_spoken(part) for part in ranges)


def is_range_spoken(media_range: str) -> bool:
    """Say whether one media range can be answered: no format of FHIR's that is not here, no version but R4."""
    name, *parameters = (part.strip() for part in media_range.split(";"))
    values = dict(each.partition("=")[::2] for each in parameters)
    version = values.get("fhirVersion", "").strip('"')
    return name.lower() not in OTHER_FORMATS and (not version or version in SPOKEN_VERSIONS)
