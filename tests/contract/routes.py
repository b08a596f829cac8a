"""The API's routes as Django resolves them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

PREFIX = "api/v1/"
NOT_CONTRACT = {"/schema", "/docs"}


def routes() -> list[tuple[str, str, str]]:
    """Return (METHOD, path with {}, path pattern with names) of every operation under /api/v1."""
    found = []
    for pattern, callback in walk(get_resolver().url_patterns, ""):
        if not pattern.startswith(PREFIX):
            continue
        named = "/" + pattern.removeprefix(PREFIX)
        path = re.sub(r"<[^>]+>|\{[^}]+\}", "{}", named)
        if path in NOT_CONTRACT:
            continue
        methods = getattr(callback, "actions", None) or {"get": "get"}
        found += [
            (method.upper(), path, named)
            for method in methods
            if method in {"get", "post", "put", "patch", "delete"}
        ]
    return sorted(set(found))


def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, object]]:
    """Yield each pattern as a readable path with its view."""
    for entry in patterns:
        text = prefix + readable(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from walk(entry.url_patterns, text)
        else:
            yield text, entry.callback


def readable(pattern: str) -> str:
    """Turn a path or regular-expression route into a path with {name} parts."""
    text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"{\1}", pattern)
    text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)
    return text.removeprefix("^").removesuffix("$").removesuffix(r"\Z").replace("\\", "")
