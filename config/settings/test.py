"""The test suite: real PostgreSQL and Redis, fast passwords, files in a throw-away folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# A suite needs no secrets of anybody's; these open nothing outside it.
os.environ.setdefault("ENVIRONMENT", "test")
os.environ.setdefault("SECRET_KEY", "test-secret-key-test-secret-key-test-secret")
os.environ.setdefault("APP_KMS_KEY", "t1:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktMTIzNDU=")
os.environ.setdefault("APP_INDEX_KEY", "dGVzdC1pbmRleC1rZXktdGVzdC1pbmRleC1rZXktMTI=")
os.environ.setdefault("JWT_SIGNING_KEY", "test-jwt-key-test-jwt-key-test-jwt-key-test")
os.environ.setdefault("LINK_SIGNING_KEY", "test-link-key-test-link-key-test-link-key")
os.environ.setdefault("LEDGER_SIGNING_KEY", "t1:dGVzdC1sZWRnZXIta2V5LXRlc3QtbGVkZ2VyLTEyMzQ=")
os.environ.setdefault("DATABASE_URL", "postgres://unset:unset@127.0.0.1:1/unset")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")

from config.settings.base import *
from config.settings.base import DATABASES, INSTALLED_APPS, STORAGES

# Made by whoever writes there first; tests/conftest.py takes it away.
TEST_DIR = Path(tempfile.gettempdir()) / f"osdentaire-test-{os.getpid()}"
INSTALLED_APPS = [*INSTALLED_APPS, "tests.core.lab"]
DATABASES["default"]["OPTIONS"].pop("pool", None)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PRIVATE_FILES_ROOT = TEST_DIR / "files"
STATIC_ROOT = TEST_DIR / "static"
OUTBOX_DIR = TEST_DIR / "outbox"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
CELERY_TASK_ALWAYS_EAGER = False
API_PER_USER_PER_MINUTE = 1_000_000
