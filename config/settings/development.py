"""A developer's machine: embedded services, mail and messages into files, plain HTTP."""

from __future__ import annotations

from config.settings.base import *  # noqa: F403 - settings are composed
from config.settings.base import STORAGES

DEBUG = False
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
