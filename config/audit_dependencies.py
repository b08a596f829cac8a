"""Look the locked requirements up among known vulnerabilities; an unreachable source warns and does not fail.

python -m config.audit_dependencies requirements.txt ...
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_SECONDS = 180


def main(files: list[str]) -> int:
    """Return 1 when a known vulnerability is found."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner",
            "off",
        ]
        command += ["--timeout", "15", "--format", "json", "--output", str(report)]
        command += [word for file in files for word in ("-r", file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return _warn("the advisory source did not answer in time")
        if not report.exists():
            return _warn((done.stderr.strip().splitlines() or ["no answer"])[-1])
        found = [
            f"{package['name']} {package['version']}: {finding['id']}, fixed in {finding['fix_versions']}"
            for package in json.loads(report.read_text())["dependencies"]
            for finding in package.get("vulns", [])
        ]
    print("\n".join([*found, f"{len(found)} known vulnerabilities in {', '.join(files)}"]))
    return 1 if found else 0


def _warn(reason: str) -> int:
    print(f"WARNING: the dependencies were not audited: {reason}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
