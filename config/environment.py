"""Choose the settings by ENVIRONMENT, before Django is imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SETTINGS = {
    "development": "config.settings.development",
    "test": "config.settings.test",
    "staging": "config.settings.production",
    "production": "config.settings.production",
}


def choose_settings() -> str:
    """Read `.env`, set DJANGO_SETTINGS_MODULE, and return the environment's name."""
    from config.embedded.secret_store import parse  # the image has no embedded services, but it has this file

    dotenv = REPOSITORY / ".env"
    if dotenv.is_file():
        for name, value in parse(dotenv.read_text()).items():
            if value:
                os.environ.setdefault(name, value)
    environment = os.environ.setdefault("ENVIRONMENT", "development")
    if environment not in SETTINGS:
        sys.exit(f"ENVIRONMENT must be one of {', '.join(SETTINGS)}, not {environment!r}.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS[environment])
    return environment
