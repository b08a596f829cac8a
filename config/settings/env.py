"""Typed reading of the environment; a missing or malformed value stops the start with one sentence."""

from __future__ import annotations

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def whole_number(name: str, default: int, least: int, most: int) -> int:
    """Read a whole number within bounds."""
    try:
        value: int = env.int(name, default=default)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number") from error
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must lie between {least} and {most}, not {value}")
    return value


def one_of(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words."""
    value: str = env.str(name, default=default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def secret(name: str, least: int = 32) -> str:
    """Read a secret that has no default anywhere."""
    value: str = env.str(name, default="")
    if len(value) < least:
        raise ImproperlyConfigured(f"{name} must be set and hold at least {least} character(s)")
    return value


def required(name: str) -> str:
    """Read what has no default; an empty value is none."""
    return secret(name, least=1)


def flag(name: str, default: bool) -> bool:
    """Read a yes or no."""
    text: str = env.str(name, default=str(default)).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}")
