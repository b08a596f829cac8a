"""Make a fresh machine ready: virtual environment, hashed requirements, system libraries.

    python3 config/setup.py run|test

Standard library only, run by the machine's own Python. Does nothing, fast, when nothing has changed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"run": ROOT / "requirements-local.txt", "test": ROOT / "requirements-dev.txt"}
LEAST = (3, 11)
# Debian package -> what shows that it is there.
LIBRARIES = {
    "libpango-1.0-0": "libpango-1.0.so.0",
    "libpangoft2-1.0-0": "libpangoft2-1.0.so.0",
    "libharfbuzz-subset0": "libharfbuzz-subset.so.0",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
}
# What the tests look with: a browser, and what reads the words of a PDF.
INSTRUMENTS = {"chromium": "/usr/bin/chromium", "poppler-utils": "/usr/bin/pdftotext"}


def main() -> None:
    """Set up for running, or for testing as well."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if purpose not in LOCKS:
        sys.exit(__doc__)
    use_a_python_that_is_new_enough()
    install_requirements(purpose)
    install_system_packages(purpose)


def use_a_python_that_is_new_enough() -> None:
    """Go on under python3.11 or newer when `python3` is older."""
    if sys.version_info >= LEAST:
        return
    for minor in range(14, LEAST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # A pyenv shim is found even where its version is not chosen.
        if found and run([found, "-c", ""], check=False, quiet=True) == 0:
            sys.exit(run([found, *sys.argv], check=False))
    sys.exit("OSdentaire needs Python 3.11 or newer; this is {}.{}.".format(*sys.version_info[:2]))


def install_requirements(purpose: str) -> None:
    """Create the virtual environment and install the lock into it, unless that has been done."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not venv_works():
        create_venv()
    stamps = {name: stamp_text(lock) for name, lock in LOCKS.items()}
    # What tests need includes what running needs.
    if any(read(VENV / f"stamp-{name}") == stamps[name] for name in {purpose, "test"}):
        return
    print(f"Installing the requirements ({LOCKS[purpose].name}, Python {version})", flush=True)
    install_uv()
    command: list[str | Path] = [PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON]
    if run([*command, "--require-hashes", "-r", LOCKS[purpose]], check=False, env=uv_environment()):
        # pip knows mirrors and proxies from its own configuration, which uv does not read.
        print("uv could not install them; trying pip", flush=True)
        run([PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", LOCKS[purpose]])
    (VENV / f"stamp-{purpose}").write_text(stamps[purpose])


def venv_works() -> bool:
    """Say whether the environment is there, whole, not moved, and of a Python that is new enough."""
    probe = "import sys; print(sys.prefix, *sys.version_info[:2], sep='\\n')"
    try:
        done = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    prefix, major, minor = done.stdout.split("\n")[:3]
    moved = str(VENV) not in read(VENV / "bin" / "activate")
    return Path(prefix) == VENV and (int(major), int(minor)) >= LEAST and not moved


def create_venv() -> None:
    """Create .venv; Debian splits the module it needs into a package of its own."""
    print("Creating the virtual environment .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    attempts: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", VENV],
        [sys.executable, "-m", "virtualenv", "-q", VENV],
    ]
    if shutil.which("uv"):
        attempts.append(["uv", "venv", "--quiet", "--seed", "--python", sys.executable, VENV])
    for command in attempts:
        if run(command, check=False, quiet=True) == 0 and (VENV / "bin" / "pip").exists():
            return
        shutil.rmtree(VENV, ignore_errors=True)
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not apt_install([package]):
        sys.exit(f"Python cannot make virtual environments here. Run: apt-get install -y {package}")
    run([sys.executable, "-m", "venv", VENV])


def install_uv() -> None:
    """Install the locked uv, by its hash."""
    if run([PYTHON, "-m", "uv", "--version"], check=False, quiet=True) == 0:
        return
    lock = LOCKS["run"].read_text()
    stanza = re.search(r"^uv==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
    if stanza is None:
        sys.exit("requirements-local.txt does not name uv.")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.txt"
        wanted.write_text(stanza.group())
        run(
            [
                PYTHON,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
                wanted,
            ]
        )


def uv_environment() -> dict[str, str]:
    """Tell uv what the environment tells pip."""
    environment = dict(os.environ)
    for ours, theirs in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE")):
        if ours in environment:
            environment.setdefault(theirs, environment[ours])
    # Behind a company's proxy its certificate is the system's, not uv's.
    environment.setdefault("UV_SYSTEM_CERTS", "1")
    return environment


def install_system_packages(purpose: str) -> None:
    """Install what WeasyPrint draws with, and the instruments of the tests, or say how."""
    wanted = LIBRARIES | (INSTRUMENTS if purpose == "test" else {})
    missing = [package for package, sign in wanted.items() if not is_there(sign)]
    if missing and not apt_install(missing):
        print(
            "\nSome system packages are missing, and documents or browser tests will fail without them. Run:"
        )
        print(f"    sudo apt-get install -y --no-install-recommends {' '.join(missing)}\n", flush=True)


def is_there(sign: str) -> bool:
    """Say whether a library can be loaded, or a file exists."""
    if sign.startswith("/"):
        return Path(sign).exists()
    try:
        ctypes.CDLL(sign)
    except OSError:
        return False
    return True


def apt_install(packages: list[str]) -> bool:
    """Install Debian packages when this user may; say whether it worked."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    print(f"Installing system packages: {' '.join(packages)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    if run(install, check=False, quiet=True, env=environment) == 0:
        return True
    run(["apt-get", "update", "-qq"], check=False, quiet=True, env=environment)
    return run(install, check=False, quiet=True, env=environment) == 0


def run(
    command: Sequence[str | Path],
    *,
    check: bool = True,
    quiet: bool = False,
    env: dict[str, str] | None = None,
) -> int:
    """Run a command in the repository and return its exit code; by default a failure ends the set-up."""
    output = subprocess.DEVNULL if quiet else None
    try:
        code = subprocess.run(
            command, cwd=ROOT, check=False, stdout=output, stderr=output, env=env
        ).returncode
    except OSError:
        code = 127
    if check and code:
        sys.exit(f"The set-up failed: {' '.join(map(str, command))}")
    return code


def stamp_text(lock: Path) -> str:
    """Return what identifies a lock."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def read(path: Path) -> str:
    """Return a file's text, or nothing."""
    try:
        return path.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
