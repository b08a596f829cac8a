"""JSON documents people write, held to a JSON Schema; what is wrong is told with its path, in the reader's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from apps.core.errors import InvalidInput

# Enough to mend a document by; a list of thousands helps nobody.
MOST_PROBLEMS = 20


def whole_number(checker: Any, value: Any) -> bool:
    """Take integers only: JSON Schema would let 7000.0 pass, and no float ever touches an amount."""
    return isinstance(value, int) and not isinstance(value, bool)


Strict: Any = extend(  # type: ignore[no-untyped-call]  # jsonschema leaves it so
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", whole_number),
)


class Schema:
    """One schema file; it is read and checked at its first use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def validator(self) -> Validator:
        """Return the compiled schema; a broken file raises when it is first used."""
        schema = json.loads(self.path.read_text(encoding="utf-8"))
        Strict.check_schema(schema)
        validator: Validator = Strict(schema, format_checker=FormatChecker())
        return validator

    def problems(self, value: Any, name: str) -> list[str]:
        """Return what is wrong with a document, each as `path: sentence`, in the order of the paths."""
        if "\\u0000" in json.dumps(value):
            # PostgreSQL stores no NUL in a document.
            return [f"{name}: {OTHERWISE}"]
        found = sorted(
            (path_of(error, name), sentence)
            for error in leaves(self.validator.iter_errors(value))
            for sentence in sentences(error)
        )
        return [f"{path}: {sentence}" for path, sentence in dict.fromkeys(found)][:MOST_PROBLEMS]

    def check(self, value: Any, name: str) -> None:
        """Raise InvalidInput for the field `name` unless the document fits."""
        problems = self.problems(value, name)
        if problems:
            raise InvalidInput(**{name: problems})


def leaves(errors: Any) -> Iterator[ValidationError]:
    """Yield the errors themselves, or those of the alternative that came nearest."""
    for error in errors:
        if error.validator in {"anyOf", "oneOf"} and error.context:
            nearest = max(error.context, key=lambda inner: len(inner.absolute_path))
            if len(nearest.absolute_path) > len(error.absolute_path):
                yield from leaves([nearest])
                continue
        yield error


def path_of(error: ValidationError, name: str) -> str:
    """Write where an error stands, as `coverage.dental.acts.HBLD634.cap` or `exclusions[2].code`."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path]
    return name + "".join(parts)


def sentences(error: ValidationError) -> Iterator[str]:
    """Say what is wrong, without repeating what was sent."""
    wanted: Any = error.validator_value
    keyword = str(error.validator)
    if keyword == "required":
        for missing in wanted:
            if isinstance(error.instance, dict) and missing not in error.instance:
                yield gettext("“%(name)s” is missing.") % {"name": missing}
    elif keyword == "additionalProperties":
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        for extra in sorted(set(cast("dict[str, Any]", error.instance)) - set(known)):
            yield gettext("“%(name)s” is not known here.") % {"name": extra}
    elif keyword in {"type", "enum"}:
        choices = [wanted] if isinstance(wanted, str) else wanted
        yield str(SENTENCES[keyword]) % {"wanted": ", ".join(map(str, choices))}
    else:
        yield str(SENTENCES.get(keyword, OTHERWISE)) % {"wanted": wanted}


OTHERWISE: Final = _("This is not allowed here.")
TOO_LONG: Final = _("This is too long.")
EMPTY: Final = _("This should not be empty.")
NO_FORM: Final = _("This fits none of the forms allowed here.")
SENTENCES: Final[dict[str, Any]] = {
    "type": _("This should be of type %(wanted)s."),
    "enum": _("This should be one of: %(wanted)s."),
    "minimum": _("This should be at least %(wanted)s."),
    "maximum": _("This should be at most %(wanted)s."),
    "minItems": EMPTY, "minProperties": EMPTY, "minLength": EMPTY,
    "maxItems": TOO_LONG, "maxProperties": TOO_LONG, "maxLength": TOO_LONG,
    "format": _("This should be a date such as 2026-01-31."),
    "anyOf": NO_FORM, "oneOf": NO_FORM,
}  # fmt: skip
