"""Settings shared by all environments; what differs stands in development.py, test.py and production.py."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from apps.core.logging import dict_config
from config.settings.admin import *
from config.settings.api import *
from config.settings.api import SPECTACULAR_SETTINGS
from config.settings.env import BASE_DIR, env, flag, one_of, secret, whole_number
from config.settings.schedule import *

# Django's generic classes take type parameters only with this (`ModelForm[Any]`, `ModelAdmin[Patient]`).
django_stubs_ext.monkeypatch()

# --- who and where ------------------------------------------------------------------------------------------------
ENVIRONMENT = one_of("ENVIRONMENT", "development", ("development", "test", "staging", "production"))
API_VERSION = one_of("API_VERSION", "v1", ("v1",))
VERSION = env.str("OSDENTAIRE_VERSION", default="0.1.0")
SPECTACULAR_SETTINGS["VERSION"] = VERSION
DATA_DIR = Path(env.str("OSDENTAIRE_DATA", default=str(BASE_DIR / ".data")))
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")

# --- secrets ------------------------------------------------------------------------------------------------------
SECRET_KEY = secret("SECRET_KEY")
APP_KMS_KEY = secret("APP_KMS_KEY")
APP_INDEX_KEY = secret("APP_INDEX_KEY")
JWT_SIGNING_KEY = secret("JWT_SIGNING_KEY")
LINK_SIGNING_KEY = secret("LINK_SIGNING_KEY")
DISPATCH_KEY = env.str("DISPATCH_KEY", default=LINK_SIGNING_KEY)
LEDGER_SIGNING_KEY = env.str("LEDGER_SIGNING_KEY", default="")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# How many proxies of ours stand in front; the client's address is read that many entries from the right.
TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", 0, 0, 5)

# --- applications -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "apps.core.admin_config.HouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "auditlog",
    "import_export",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "anymail",
    "apps.core",
    "apps.audit",
    "apps.directory",
    "apps.catalog",
    "apps.notifications",
    "apps.accounts",
    "apps.patients",
    "apps.agenda",
    "apps.clinical",
    "apps.insurance",
    "apps.billing",
    "apps.compliance",
    "apps.demo",
]

MIDDLEWARE = [
    "apps.core.metrics.MetricsMiddleware",
    "apps.core.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.core.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.core.middleware.SessionActorMiddleware",
    "apps.accounts.middleware.HouseClockMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
# The API's canonical URLs have no trailing slash; apps.core.middleware strips it under /api/.
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# --- database: psycopg's pool, no session state, so that PgBouncer in transaction mode works ---------------------
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": 1,
    "max_size": whole_number("DATABASE_POOL_SIZE", 12, 1, 200),
    "timeout": 10,
}
# A connection that died with a restarted server is replaced before a request gets it (Django hands this to the pool).
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# auditlog's own tables are not wanted: the entry model is ours.
MIGRATION_MODULES = {"auditlog": None}

# --- Redis or Valkey: broker, cache, limits, channel layer --------------------------------------------------------
REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "osd",
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "osd-ws"},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "events"
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_connect_timeout": 3,
    "socket_timeout": 10,
    "max_retries": 2,
}

# --- people and sessions ------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.backends.RoleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "admin:login"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

JWT_ISSUER = env.str("JWT_ISSUER", default="osdentaire")
JWT_EXPIRES_IN = whole_number("JWT_EXPIRES_IN", 900, 60, 3600)
REFRESH_EXPIRES_IN = whole_number("REFRESH_EXPIRES_IN", 86400, 900, 30 * 86400)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=JWT_EXPIRES_IN),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ISSUER": JWT_ISSUER,
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
    "AUTH_HEADER_TYPES": ("Bearer",),
    "UPDATE_LAST_LOGIN": False,
}

# --- limits (api.md) ----------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
LOGIN_PER_ADDRESS_PER_MINUTE = whole_number("LOGIN_PER_ADDRESS_PER_MINUTE", 10, 1, 10_000)
LOGIN_FAILURES_PER_ACCOUNT = whole_number("LOGIN_FAILURES_PER_ACCOUNT", 5, 1, 100)
LOGIN_COOL_OFF_SECONDS = whole_number("LOGIN_COOL_OFF_SECONDS", 900, 1, 86400)
OTP_TRIES = whole_number("OTP_TRIES", 5, 1, 100)
OTP_COOL_OFF_SECONDS = whole_number("OTP_COOL_OFF_SECONDS", 900, 1, 86400)
# Roles that may do nothing but enrol a second factor until they have one, comma-separated.
MFA_REQUIRED_ROLES = env.list("MFA_REQUIRED_ROLES", default=[])
MFA_SMS_ENABLED = flag("MFA_SMS_ENABLED", default=False)
PASSWORD_RESET_SECONDS = whole_number("PASSWORD_RESET_SECONDS", 1800, 60, 86400)
INVITATION_SECONDS = whole_number("INVITATION_SECONDS", 72 * 3600, 3600, 30 * 86400)
# Where the links of account messages lead; the token follows after `#`, which no server ever sees.
PASSWORD_LINK = env.str("PASSWORD_LINK", default=f"{PUBLIC_URL}/account/password")
API_PER_USER_PER_MINUTE = whole_number("API_PER_USER_PER_MINUTE", 600, 10, 1_000_000)
# Insured people and contracts a provider looks up by number, found or not.
LOOKUPS_PER_USER_PER_MINUTE = whole_number("LOOKUPS_PER_USER_PER_MINUTE", 60, 1, 1_000_000)

# --- audit --------------------------------------------------------------------------------------------------------
# 32 bytes in base64; without it the seals' key is derived from APP_INDEX_KEY.
AUDIT_SEAL_KEY = env.str("AUDIT_SEAL_KEY", default="")
AUDITLOG_LOGENTRY_MODEL = "audit.AuditEntry"
AUDITLOG_DISABLE_REMOTE_ADDR = True

# --- files, mail, messages ----------------------------------------------------------------------------------------
PRIVATE_FILES_ROOT = Path(env.str("PRIVATE_FILES_ROOT", default=str(DATA_DIR / "files")))
S3_BUCKET = env.str("S3_BUCKET", default="")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="")
S3_REGION = env.str("S3_REGION", default="")
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", default="")
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", default="")

POSTMARK_SERVER_TOKEN = env.str("POSTMARK_SERVER_TOKEN", default="")
# `user:password` that Postmark sends with its webhooks; without it every call is refused.
POSTMARK_WEBHOOK_CREDENTIALS = env.str("POSTMARK_WEBHOOK_CREDENTIALS", default="")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_FROM = env.str("TWILIO_FROM", default="")
TWILIO_API_BASE = env.str("TWILIO_API_BASE", default="")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="OSdentaire <ne-pas-repondre@osdentaire.test>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
OUTBOX_DIR = Path(env.str("OUTBOX_DIR", default=str(DATA_DIR / "outbox")))
if POSTMARK_SERVER_TOKEN:
    EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    ANYMAIL = {"POSTMARK_SERVER_TOKEN": POSTMARK_SERVER_TOKEN, "REQUESTS_TIMEOUT": (5, 20)}
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = OUTBOX_DIR / "email"

# --- language and time --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
PHONENUMBER_DEFAULT_REGION = "FR"

# --- static files -------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- headers ------------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# No inline script anywhere but in the admin, whose theme needs a nonce and Alpine's `unsafe-eval`
# (docs/adr: admin content security policy); ApiMiddleware adds those there only.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

SENTRY_DSN = env.str("SENTRY_DSN", default="")
LOG_LEVEL = one_of("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = dict_config(LOG_LEVEL)
EXPOSE_DOCS = flag("EXPOSE_DOCS", default=True)
