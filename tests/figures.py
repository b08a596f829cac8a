"""Measured figures, printed where `make figures` collects them."""

from __future__ import annotations

import os
import sys

FULL = os.environ.get("FIGURES") == "full"


def figure(name: str, value: object, target: str) -> None:
    """Print one figure with what it is held against."""
    sys.stdout.write(f"FIGURE {name} {value} {target}\n")
