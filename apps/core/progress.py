"""A progress bar for commands that take a while; a plain line when nobody watches."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Counts towards a total and draws it on stderr, at most five times a second."""

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self.label, self.total, self.done = label, total, 0
        self.stream = stream or sys.stderr
        self.began = self.drawn = time.monotonic()

    def __call__(self, step: int = 1) -> None:
        """Advance by `step`."""
        self.done += step
        now = time.monotonic()
        if self.stream.isatty() and now - self.drawn > 0.2:
            self.drawn = now
            share = min(1.0, self.done / self.total) if self.total else 1.0
            bar = "#" * int(share * 30)
            self.stream.write(f"\r{self.label:<22} [{bar:<30}] {self.done:>9,}/{self.total:,}")
            self.stream.flush()

    def finish(self) -> None:
        """Draw the end."""
        seconds = time.monotonic() - self.began
        start = "\r" if self.stream.isatty() else ""
        self.stream.write(f"{start}{self.label:<22} {self.done:,} in {seconds:.1f} s{' ' * 30}\n")
        self.stream.flush()
