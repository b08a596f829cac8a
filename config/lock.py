"""Compile the three requirement files with hashes, each constrained by the one below it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("requirements", "requirements-local", "requirements-dev")
COMPILE = (
    *("-m", "uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url"),
)


def main(words: list[str]) -> int:
    """Compile all layers; further words (`--upgrade`) go to uv."""
    below: list[str] = []
    for layer in LAYERS:
        command = [sys.executable, *COMPILE, *below, *words, f"{layer}.in", "-o", f"{layer}.txt"]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
        below = ["-c", f"{layer}.txt"]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
