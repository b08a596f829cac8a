"""The progress bar of the demo's commands."""

from __future__ import annotations

from apps.core.progress import Progress

__all__ = ["Progress"]
