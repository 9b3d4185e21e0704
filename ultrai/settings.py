"""All settings. What a machine decides comes from the environment, read by `ultrai.environment`."""

import logging
import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import dj_database_url
from corsheaders.defaults import default_headers

from analysis.providers.config import ProviderConfig, ProviderKind
from ultrai import pool
from ultrai.cursors import PlainCursor
from ultrai.environment import (
    SEARCH_LANGUAGES,
    caches,
    env,
    env_bool,
    env_choice,
    env_decimal,
    env_int,
    env_list,
    env_provider,
    env_rate,
    env_secret,
    env_url,
    is_host,
    is_network,
    is_origin,
    mailers,
    stop,
)
from ultrai.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "1.0.0"

# The process

DEBUG = env_bool("DEBUG", default=False)
if DEBUG and env("RENDER", ""):
    stop("DEBUG", "must not be True on a server that others reach", "False")
# Shown in the admin, so that nobody takes one for another.
ENVIRONMENT = env("ENVIRONMENT", "development" if DEBUG else "production").lower()
if ENVIRONMENT not in {"development", "staging", "production"}:
    stop("ENVIRONMENT", "must be development, staging or production", "staging")
SECRET_KEY = env_secret("SECRET_KEY")
JWT_SECRET = env_secret("JWT_SECRET")
if JWT_SECRET == SECRET_KEY:
    stop("JWT_SECRET", "must be another than SECRET_KEY", "$(openssl rand -base64 48)")
LOG_LEVEL = env_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))

ALLOWED_HOSTS = env_list(
    "ALLOWED_HOSTS",
    "localhost,127.0.0.1,[::1]" if DEBUG else "",
    valid=is_host,
    example="api.example.com,.example.org",
)
CSRF_TRUSTED_ORIGINS = env_list(
    "CSRF_TRUSTED_ORIGINS", valid=is_origin, example="https://admin.example.com"
)
if RENDER_HOST := env("RENDER_EXTERNAL_HOSTNAME", ""):
    ALLOWED_HOSTS.append(RENDER_HOST)
    CSRF_TRUSTED_ORIGINS.append(f"https://{RENDER_HOST}")
if not ALLOWED_HOSTS:
    stop("ALLOWED_HOSTS", "is required and not set", "api.example.com")
CORS_ALLOWED_ORIGINS = env_list(
    "CORS_ALLOWED_ORIGINS", valid=is_origin, example="https://app.example.com"
)
CORS_EXPOSE_HEADERS = [
    "Content-Disposition",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Server-Timing",
    "X-Request-ID",
]
CORS_ALLOW_HEADERS = [
    *default_headers,
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-request-id",
]

WEB_CONCURRENCY = env_int("WEB_CONCURRENCY", 2, minimum=1, maximum=256)  # gunicorn processes
WEB_THREADS = env_int("WEB_THREADS", 8, minimum=1, maximum=256)  # threads in each of them
# Of those so many use the database at once, by turns (ultrai.postgres.turns).
WEB_DATABASE_CONCURRENCY = env_int("WEB_DATABASE_CONCURRENCY", 3, minimum=1, maximum=256)
WORKER_CONCURRENCY = env_int("WORKER_CONCURRENCY", 200, minimum=1, maximum=2_000)  # jobs at once
# Files read at once by a worker; each may take a core and so much memory.
EXTRACTION_CONCURRENCY = env_int("EXTRACTION_CONCURRENCY", 2, minimum=1, maximum=64)
EXTRACTION_BYTES = env_int("EXTRACTION_MB", 400, minimum=100, maximum=100_000) * 1024 * 1024
# How long a stopping worker lets its jobs finish; the rest is queued again. The platform kills
# 30 s after SIGTERM.
WORKER_GRACE_SECONDS = env_int("WORKER_GRACE_SECONDS", 20, maximum=3_600)

# Applications

INSTALLED_APPS = [
    "ultrai",  # before the admin: its templates are looked for first
    "ultrai.admin_config.UltraiAdminConfig",  # django.contrib.admin, with a site of our own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "accounts",
    "documents",
    "analysis",
]

MIDDLEWARE = [
    "ultrai.observation.observe",  # outermost: it sees every answer
    "ultrai.problems.ProblemMiddleware",  # all but outermost: it sees every error
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ultrai.browsers.ContentSecurityPolicy",
    "ultrai.browsers.CrossOrigin",
    "ultrai.throttling.rate_limit_headers",
    "ultrai.browsers.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "ultrai.urls"
WSGI_APPLICATION = "ultrai.wsgi.application"
APPEND_SLASH = False  # the API's paths have no trailing slash; a redirect would lose a POST body
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False  # there is one language: nothing asks which

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database, cache, queue

DATABASE_EXAMPLE = "postgresql://user:password@host:5432/ultrai"
# dj-database-url reads %2F-escaped and ?host= socket folders as well as hosts, and TLS options.
DATABASES = {
    "default": dj_database_url.parse(
        env_url("DATABASE_URL", {"postgres", "postgresql"}, DATABASE_EXAMPLE),
        engine="ultrai.postgres",
        conn_health_checks=True,
    )
}
if not DATABASES["default"]["NAME"]:
    stop("DATABASE_URL", "does not name a database", DATABASE_EXAMPLE)
DATABASES["default"]["OPTIONS"] = {
    # A server that cannot be reached must not hold a request: the health check answers within 3 s.
    "connect_timeout": 2,
    # A connection whose other end has vanished is given up after this, not after hours.
    "tcp_user_timeout": 10_000,  # ms
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "cursor_factory": PlainCursor,
    # Prepared are only statements that ask for it (ultrai.compiled); None would forbid it.
    "prepare_threshold": 1_000_000_000 if env_bool("DATABASE_PREPARE", default=True) else None,
    **DATABASES["default"].get("OPTIONS", {}),
    "pool": {
        "min_size": env_int("DATABASE_POOL_MIN", 1),
        # One connection a thread is enough: a request uses one at a time.
        "max_size": max(env_int("DATABASE_POOL_MAX", WEB_THREADS, 1), 1),
        "timeout": 2,
        "check": pool.check,
    },
}

# Only web processes have it (ultrai.gunicorn_conf); 0: as long as it takes.
DATABASE_STATEMENT_TIMEOUT = env_int("DATABASE_STATEMENT_TIMEOUT", 10, maximum=3_600)  # seconds

REDIS_URL = env_url("REDIS_URL", {"redis", "rediss"}, "redis://host:6379/0", default="")
CACHES = caches(REDIS_URL)
SESSION_ENGINE = "ultrai.sessions"
SESSION_CACHE_ALIAS = "sessions"

# Health says `degraded` when a job has waited for longer.
QUEUE_MAX_WAIT_SECONDS = env_int("QUEUE_MAX_WAIT_SECONDS", 300, minimum=1)
# What /metrics wants to see as a bearer token; without one it does not exist.
METRICS_TOKEN = env_secret("METRICS_TOKEN", default="")

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"  # documents/jobs.py, analysis/jobs.py ...
PROCRASTINATE_WORKER_DEFAULTS = {
    "delete_jobs": "successful",  # our own rows tell the history; a long table slows start-up
    "update_heartbeat_interval": 5.0,
    "stalled_worker_timeout": 60.0,
}

# Accounts

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.guard.GuardedBackend"]
PASSWORD_HASHERS = ["accounts.hashers.Argon2PasswordHasher"]
PASSWORD_MIN_LENGTH = 12
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {"user_attributes": ("email", "username")},
        "MinimumLengthValidator": {"min_length": PASSWORD_MIN_LENGTH},
        "CommonPasswordValidator": {},
    }.items()
] + [{"NAME": "accounts.validators.ContextWordsValidator"}]
PASSWORD_RESET_TIMEOUT = 3600  # seconds
PASSWORD_RESET_URL = env("PASSWORD_RESET_URL", "")
if PASSWORD_RESET_URL and "{token}" not in PASSWORD_RESET_URL:
    stop("PASSWORD_RESET_URL", "has no {token}", "https://app.example.com/reset?token={token}")
# However often it is refreshed, a session ends at this age.
SESSION_LIFETIME = timedelta(days=env_int("SESSION_DAYS", 90, minimum=1, maximum=3_650))
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SECRET,
    "ISSUER": "ultrai",
    "AUDIENCE": "ultrai-api",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env_int("ACCESS_TOKEN_MINUTES", 60, minimum=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env_int("REFRESH_TOKEN_DAYS", 30, minimum=1)),
}

# Rates

# How many proxies of our own add to X-Forwarded-For; 0: there is none, and the header is ignored.
TRUSTED_PROXY_HOPS = env_int("TRUSTED_PROXY_HOPS", 0, maximum=10)
THROTTLES = {
    "login": env_rate("THROTTLE_LOGIN", "10/15m"),  # free failures, by account and address
    "login_address": env_rate("THROTTLE_LOGIN_ADDRESS", "100/15m"),  # free failures, by address
    "register": env_rate("THROTTLE_REGISTER", "100/h"),
    "password_reset": env_rate("THROTTLE_PASSWORD_RESET", "20/h"),
    "user": env_rate("THROTTLE_USER", "6000/m"),
    "address": env_rate("THROTTLE_ADDRESS", "3000/m"),
}

# Mail: to a server, or in development to the console

DEFAULT_FROM_EMAIL = env("MAIL_FROM", "UltrAI Core <ultrai@localhost>")
EMAIL_URL = env_url(
    "EMAIL_URL",
    {"smtp", "smtps", "console"},
    "smtp://user:password@mail.example.com:587",
    default="console://" if DEBUG else "",
)
MAILERS = mailers(EMAIL_URL)  # none: mail is not sent, and its jobs say so

# Requests and uploads

MAX_UPLOAD_BYTES = env_int("MAX_UPLOAD_MB", 20, minimum=1, maximum=200) * 1024 * 1024
# One request with several files.
MAX_REQUEST_BYTES = env_int("MAX_REQUEST_MB", 100, minimum=1, maximum=10_000) * 1024 * 1024
MAX_REQUEST_BYTES = max(MAX_REQUEST_BYTES, MAX_UPLOAD_BYTES)
# What a process may keep on disk of the requests that are coming in.
WEB_SPOOL_BYTES = env_int("WEB_SPOOL_MB", 1_024, minimum=1, maximum=100_000) * 1024 * 1024
WEB_SPOOL_BYTES = max(WEB_SPOOL_BYTES, 2 * MAX_REQUEST_BYTES)
# What one user may keep; versions count as bytes.
QUOTA_DOCUMENTS = env_int("QUOTA_DOCUMENTS", 2_000_000, maximum=100_000_000)
QUOTA_BYTES = env_int("QUOTA_MB", 10_240, maximum=100_000_000) * 1024 * 1024
# How long documents and analyses are kept; 0: for ever.
DOCUMENT_RETENTION_DAYS = env_int("DOCUMENT_RETENTION_DAYS", 0, maximum=36_500)
ANALYSIS_RETENTION_DAYS = env_int("ANALYSIS_RETENTION_DAYS", 0, maximum=36_500)
SEARCH_LANGUAGE = env("SEARCH_LANGUAGE", "english").lower()
if SEARCH_LANGUAGE not in SEARCH_LANGUAGES.split():
    stop("SEARCH_LANGUAGE", "is not one that PostgreSQL knows", "english")
# As tesseract names them, for scanned pages.
OCR_LANGUAGES = env("OCR_LANGUAGES", "eng")
if not re.fullmatch(r"[A-Za-z_]{3,20}(\+[A-Za-z_]{3,20})*", OCR_LANGUAGES):
    stop("OCR_LANGUAGES", "must be languages as tesseract names them, joined by +", "deu+eng")
# Bodies that are read whole (JSON, forms); files are streamed and have the limit above.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.permissions.HasScope",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["ultrai.throttling.GeneralThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["ultrai.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ultrai.parsing.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "ultrai.parsing.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": "ultrai.pages.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["ultrai.filters.FilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "ultrai.openapi.Schema",
    "EXCEPTION_HANDLER": "ultrai.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# What answers a POST with an Idempotency-Key.
DO_ONCE = "accounts.idempotency.do_once"
SPECTACULAR_SETTINGS = {
    "TITLE": "UltrAI Core",
    "VERSION": VERSION,
    "DESCRIPTION": "Ask several language models the same question about a document; "
    "trust, compare and keep what comes back.",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ultrai.operations.arrange",
        "ultrai.openapi.describe_problems",
        "ultrai.openapi_examples.add_examples",
        "ultrai.openapi.describe_conditions",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AnalysisStatus": "analysis.models.Analysis.Status",
        "DocumentStatus": "documents.models.Document.Status",
        "ResultStatus": "analysis.models.AnalysisResult.Status",
        "AnalysisMode": "analysis.models.Analysis.Mode",
        "AnalysisStrategy": "analysis.models.Analysis.Strategy",
        "ResultStage": "analysis.models.AnalysisResult.Stage",
        "TokenScope": "accounts.models.PersonalAccessToken.Scope",
        "ModelKind": ["extractive", "generative"],
        "ProviderHealthStatus": ["ok", "degraded", "down", "unknown"],
        "DatabaseState": ["connected", "migrations_pending", "connection_failed"],
        "OnDuplicate": ["return", "keep"],
        "HealthStatus": ["ok", "degraded", "error"],
        "DatabaseHealthStatus": ["ok", "error"],
    },
}

# Static files: the admin's and the docs page's own assets, served by whitenoise

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing uses files
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Transport

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # set by the platform's proxy
SECURE_SSL_REDIRECT = not DEBUG
# The platform probes over plain HTTP, and Prometheus asks within the private network.
SECURE_REDIRECT_EXEMPT = [r"^health(/|$)", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
if not DEBUG:  # browsers then refuse these cookies from other hosts and over plain HTTP
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}

# Language models: a provider exists when its key (or, for compatible servers, its URL) is set

DEFAULT_MODELS: dict[ProviderKind, str] = {
    "openai": "gpt-5-mini,gpt-5",
    "anthropic": "claude-sonnet-5,claude-haiku-5-5",
    "google": "gemini-2.5-flash,gemini-2.5-pro",
}
LLM_PROVIDERS: dict[str, ProviderConfig] = {}
for _kind, _models in DEFAULT_MODELS.items():
    if _key := env(f"{_kind.upper()}_API_KEY", ""):
        LLM_PROVIDERS[_kind] = env_provider(_kind, _kind, _models, _key)
for _name in env_list(
    "OPENAI_COMPATIBLE",
    valid=lambda item: (
        re.fullmatch(r"[a-z][a-z0-9-]{0,29}", item) is not None
        and item not in {"openai", "anthropic", "google", "builtin"}
    ),
    example="mistral,ollama",
):
    _prefix = _name.upper().replace("-", "_")
    LLM_PROVIDERS[_name] = env_provider(
        _name,
        "openai_compatible",
        env(f"{_prefix}_MODELS", example="model-a,model-b"),
        env(f"{_prefix}_API_KEY", ""),
        env_url(f"{_prefix}_BASE_URL", {"http", "https"}, "https://api.example.com/v1"),
    )

# What the models may cost a user a month, in US dollars, unless the admin says otherwise for one.
MONTHLY_BUDGET_USD = env_decimal("MONTHLY_BUDGET_USD")

# Webhooks

WEBHOOK_CONCURRENCY = env_int("WEBHOOK_CONCURRENCY", 50, minimum=1, maximum=1_000)
WEBHOOK_TIMEOUT_SECONDS = env_int("WEBHOOK_TIMEOUT_SECONDS", 15, minimum=1, maximum=30)
# They go to public addresses only, and to these networks all the same.
WEBHOOK_ALLOWED_NETWORKS = [
    ip_network(one)
    for one in env_list(
        "WEBHOOK_ALLOWED_NETWORKS", valid=is_network, example="10.20.0.0/16,192.168.7.9/32"
    )
]
WEBHOOK_SCHEMES = {"https", "http"} if DEBUG else {"https"}

# Logging: one line an event, to standard error, which the platform collects

LOG_FORMAT = env_choice("LOG_FORMAT", "text" if DEBUG else "json", ("json", "text"))
LOGGING = logging_settings(LOG_LEVEL, LOG_FORMAT)
logging.captureWarnings(LOG_FORMAT == "json")  # they would be lines that are none
