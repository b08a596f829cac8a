"""Staging and production: HTTPS only, hashed static files, secrets from the environment or no start."""

from __future__ import annotations

from config.settings.base import *
from config.settings.env import flag, required, secret, whole_number

DEBUG = False
ALLOWED_HOSTS = required("ALLOWED_HOSTS").split(",")
PUBLIC_URL = required("PUBLIC_URL").rstrip("/")
# Empty addresses would be taken for services on this machine.
required("DATABASE_URL")
required("REDIS_URL")
METRICS_TOKEN = secret("METRICS_TOKEN", least=16)
DISPATCH_KEY = secret("DISPATCH_KEY")
LEDGER_SIGNING_KEY = secret("LEDGER_SIGNING_KEY")

SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", default=True)
# Health probes come over plain HTTP from inside the platform.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^_health$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = whole_number("SECURE_HSTS_SECONDS", 31_536_000, 0, 63_072_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
