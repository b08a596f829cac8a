"""One text for one value: inputs and results as canonical JSON, read back without loss, and hashed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return a value of the engine as what JSON knows: objects, lists, texts, integers."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: to_plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value


def to_json(value: Any) -> str:
    """Return the canonical text: keys sorted, no blanks, no floats, only ASCII."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical text, as 64 hexadecimal digits."""
    return sha256(to_json(value).encode()).hexdigest()


def from_json(kind: type[T], text: str) -> T:
    """Read a value of `kind` back from its canonical text."""
    return from_plain(kind, json.loads(text))


def from_plain(kind: type[T], plain: Any) -> T:
    """Read a value of `kind` back from what JSON knows.

    A field the text lacks keeps its default, and one an earlier engine had and this one does not is left out.
    """
    value: T = _read(kind, plain)
    return value


def _read(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if plain is None:
            return None
        return _read(next(part for part in get_args(kind) if part is not type(None)), plain)
    if origin is tuple:
        return _read_tuple(get_args(kind), plain)
    if origin is not None and issubclass(origin, Mapping):
        _key, part = get_args(kind)
        return {key: _read(part, each) for key, each in plain.items()}
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = _hints(kind)
        return kind(**{name: _read(hints[name], part) for name, part in plain.items() if name in hints})
    return date.fromisoformat(plain) if kind is date else plain


def _read_tuple(kinds: tuple[Any, ...], plain: Any) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        return tuple(_read(kinds[0], part) for part in plain)
    return tuple(_read(kind, part) for kind, part in zip(kinds, plain, strict=True))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
