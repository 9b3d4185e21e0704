"""Reading the environment, for the settings alone.

A missing or malformed variable stops the process with one line that names it and shows a value
that would do. Values themselves are never printed: they may be secrets.
"""

import os
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

from analysis.providers.config import ProviderConfig, ProviderKind

# PostgreSQL's text search configurations, as of version 15.
SEARCH_LANGUAGES = (
    "simple arabic armenian basque catalan danish dutch english finnish french german greek hindi"
    " hungarian indonesian irish italian lithuanian nepali norwegian portuguese romanian russian"
    " serbian spanish swedish tamil turkish yiddish"
)


def stop(name: str, problem: str, example: str) -> NoReturn:
    """End the process with one line; SystemExit prints it without a traceback."""
    raise SystemExit(f"{name} {problem}. Example: {name}={example}")


def env(name: str, default: str | None = None, *, example: str = "") -> str:
    """Return the variable, stripped; empty counts as unset. Without a default it is required."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        stop(name, "is required and not set", example)
    return default


def env_bool(name: str, default: bool) -> bool:
    value = env(name, str(default)).lower()
    if value not in {"true", "false"}:
        stop(name, "must be True or False", str(default))
    return value == "true"


def env_int(name: str, default: int, minimum: int = 0, maximum: int = 1_000_000) -> int:
    value = env(name, str(default))
    if not re.fullmatch(r"\d{1,9}", value) or not minimum <= int(value) <= maximum:
        stop(name, f"must be a whole number from {minimum} to {maximum}", str(default))
    return int(value)


def env_choice(name: str, default: str, choices: Sequence[str]) -> str:
    """Read one of a few words, in whichever case it is written."""
    value = env(name, default).lower()
    chosen = next((one for one in choices if one.lower() == value), None)
    if chosen is None:
        stop(name, f"must be {', '.join(choices[:-1])} or {choices[-1]}", default)
    return chosen


def env_decimal(name: str) -> Decimal | None:
    value = env(name, "")
    if not re.fullmatch(r"(\d{1,9}(\.\d{1,2})?)?", value):
        stop(name, "must be an amount with at most two decimals", "25.00")
    return Decimal(value) if value else None


def env_list(
    name: str, default: str = "", *, valid: Callable[[str], bool] = bool, example: str = ""
) -> list[str]:
    """Return the comma-separated items of a variable, each checked by `valid`."""
    items = [item.strip() for item in env(name, default).split(",") if item.strip()]
    if not all(valid(item) for item in items):
        stop(name, "has an item that is not of the expected form", example)
    return items


def env_secret(name: str, default: str | None = None) -> str:
    value = env(name, default, example="$(openssl rand -base64 48)")
    if len(value) < 32 and value != default:
        stop(name, "must be at least 32 characters of randomness", "$(openssl rand -base64 48)")
    return value


def is_origin(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not parts.path


def is_host(value: str) -> bool:
    name, address = r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", r"\[[0-9a-fA-F:]+\]"
    return re.fullmatch(rf"\*|{name}|{address}", value) is not None


def is_network(value: str) -> bool:
    try:
        ip_network(value)
    except ValueError:
        return False
    return True


def env_url(name: str, schemes: set[str], example: str, default: str | None = None) -> str:
    value = env(name, default, example=example)
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError when it is not a number
    except ValueError:
        stop(name, "is not a URL", example)
    if value and parts.scheme not in schemes:
        stop(name, f"must start with {' or '.join(f'{s}://' for s in sorted(schemes))}", example)
    return value


class Rate(NamedTuple):
    requests: int
    seconds: int


def env_rate(name: str, default: str) -> Rate | None:
    """Read "100/15m": so many in so many seconds, minutes, hours or days; "off" is no limit."""
    value = env(name, default)
    if value == "off":
        return None
    match = re.fullmatch(r"([1-9]\d{0,8})/(\d{0,4})([smhd])", value)
    if not match:
        stop(name, "must be a number, a slash and a period (s, m, h, d), or off", default)
    unit = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[match[3]]
    return Rate(int(match[1]), max(1, int(match[2] or 1)) * unit)


def env_provider(
    name: str, kind: ProviderKind, models: str, key: str, base_url: str = ""
) -> ProviderConfig:
    """Read NAME_BASE_URL, NAME_MODELS and so on, of a provider whose key is at hand."""
    prefix = name.upper().replace("-", "_")

    def limit(what: str, default: int, minimum: int = 0, maximum: int = 1_000_000) -> int:
        """Read NAME_..., or PROVIDER_... where the provider has none of its own."""
        general = env_int(f"PROVIDER_{what}", default, minimum, maximum)
        return env_int(f"{prefix}_{what}", general, minimum, maximum)

    return ProviderConfig(
        name=name,
        kind=kind,
        api_key=key,
        base_url=base_url
        or env_url(f"{prefix}_BASE_URL", {"http", "https"}, "https://api.example.com/v1", "")
        or None,
        models=tuple(env_list(f"{prefix}_MODELS", models, example="model-a,model-b")),
        context_window=env_int(f"{prefix}_CONTEXT_WINDOW", 0, maximum=100_000_000) or None,
        concurrency=limit("CONCURRENCY", 100, minimum=1, maximum=2_000),
        requests_per_minute=limit("REQUESTS_PER_MINUTE", 0) or None,
        tokens_per_minute=limit("TOKENS_PER_MINUTE", 0, maximum=100_000_000) or None,
    )


def mailers(url: str) -> dict[str, dict[str, Any]]:
    """Return Django's MAILERS for the mail server at this URL; none where it is empty."""
    if not url:
        return {}
    if url.startswith("console:"):
        return {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
    server = urlsplit(url)
    options = {
        "host": server.hostname or "localhost",
        "port": server.port or (465 if server.scheme == "smtps" else 587),
        "username": unquote(server.username or ""),
        "password": unquote(server.password or ""),
        "use_ssl": server.scheme == "smtps",
        # STARTTLS whenever there is a password to protect.
        "use_tls": server.scheme == "smtp" and bool(server.password),
        "timeout": 20,
    }
    return {
        "default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}
    }


def caches(redis_url: str) -> dict[str, dict[str, Any]]:
    """Return Django's CACHES: shared by all processes where there is a Redis."""
    if not redis_url:
        backend = "django.core.cache.backends.locmem.LocMemCache"
        return {"default": {"BACKEND": backend, "OPTIONS": {"MAX_ENTRIES": 100_000}}}
    options = {"socket_connect_timeout": 1, "socket_timeout": 1}
    return {
        alias: {"BACKEND": f"ultrai.cache.{backend}", "LOCATION": redis_url, "OPTIONS": options}
        for alias, backend in {"default": "FallbackRedisCache", "sessions": "SessionCache"}.items()
    }
