"""A developer's machine: embedded services, mail and messages into files, plain HTTP."""

from __future__ import annotations

from config.settings.base import *
from config.settings.base import DATA_DIR, STORAGES

DEBUG = False
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# WhiteNoise serves from the sources here; it only wants its folder to exist.
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
