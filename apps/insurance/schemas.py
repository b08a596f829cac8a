"""The JSON documents of the payer network and what they must look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from apps.core.schemas import Schema

FOLDER: Final = Path(__file__).parent / "schemas"
COVERAGE: Final = Schema(FOLDER / "coverage.json")
EXCLUSIONS: Final = Schema(FOLDER / "exclusions.json")
LIMITS: Final = Schema(FOLDER / "limit_by_dependants.json")
BAREME: Final = Schema(FOLDER / "bareme.json")


def default_bareme_problems(config: dict[str, Any]) -> list[str]:
    """Answer the insurer's rules: the default price list in them must be one."""
    default = config.get("default_bareme")
    return BAREME.problems(default, "config.default_bareme") if default is not None else []
