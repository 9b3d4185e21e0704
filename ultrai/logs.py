"""Log lines: one for each event, JSON in production, made for the eye in development.

Our own lines hold ids and figures only. What another library's message or a traceback may hold of
secrets and addresses is taken out here, at the last moment, for all of them.
"""

import functools
import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from ultrai.tracing import current_request_id

# What no line of ours says need not be found out for each (the logging HOWTO, "Optimization").
logging._srcfile = None  # noqa: SLF001
logging.logThreads = False
logging.logProcesses = False
logging.logMultiprocessing = False
logging.logAsyncioTasks = False  # type: ignore[attr-defined]  # the stubs lack it

REMOVED = "[removed]"
SHORTEST_SECRET = 8  # a shorter one is a placeholder such as "none", and a word in messages
LONGEST_TEXT = 20_000
_NO_WORD = r"\s@\"'<>(),;:=\[\]"
SECRETS_BY_FORM = (
    r"(?<=://)[^\s/@]+(?=@)",  # user and password in a URL
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+",  # JWTs
    r"ultrai_pat_[\w-]+",
    r"whsec_[\w+/=-]+",
    r"\b(?i:bearer)\s+[^\s\"',;]+",
    r"\bsk-[\w-]{8,}",
    rf"[^{_NO_WORD}]{{1,64}}@[^{_NO_WORD}]{{1,255}}",  # email addresses
)
# The row that PostgreSQL did not like, in the middle of a traceback.
ROW = re.compile(r"\nDETAIL:.*?(?=\n\n|\nHINT:|\nCONTEXT:|\Z)", re.DOTALL)


@functools.cache
def secrets_pattern() -> re.Pattern[str]:
    """Everything that must not be read in a log: our own secrets, word for word, and their like."""
    from ultrai import settings

    urls = (settings.REDIS_URL, settings.EMAIL_URL)
    own = {
        settings.SECRET_KEY,
        settings.JWT_SECRET,
        settings.METRICS_TOKEN,
        str(settings.DATABASES["default"]["PASSWORD"] or ""),
        *(unquote(urlsplit(url).password or "") for url in urls),
        *(provider.api_key for provider in settings.LLM_PROVIDERS.values()),
    }
    longest_first = sorted((one for one in own if len(one) >= SHORTEST_SECRET), key=len)[::-1]
    return re.compile("|".join([*map(re.escape, longest_first), *SECRETS_BY_FORM]))


def redacted(text: str) -> str:
    return secrets_pattern().sub(REMOVED, text[:LONGEST_TEXT])


def traceback_of(record: logging.LogRecord) -> str | None:
    """Return the record's traceback without secrets and without the rows it is about."""
    if not record.exc_info or record.exc_info[1] is None:
        return None
    text = "".join(traceback.format_exception(record.exc_info[1]))
    return redacted(ROW.sub("", text).rstrip())


def encode(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line, str).decode()
    except orjson.JSONEncodeError:  # half of a character, an integer of more than 64 bits
        return json.dumps(line, default=str)


class JSONFormatter(logging.Formatter):
    """One JSON object a line; `extra={"fields": {...}}` joins it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if request_id := current_request_id.get():
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if text := traceback_of(record):
            line["exception"] = text
        return encode(line)


class TextFormatter(logging.Formatter):
    """The same for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "milliseconds")
        parts = [time[11:23], record.levelname, f"{record.name}:", redacted(record.getMessage())]
        fields = getattr(record, "fields", {})
        parts += [f"{name}={value}" for name, value in fields.items() if value is not None]
        if request_id := current_request_id.get():
            parts.append(f"request_id={request_id}")
        text = traceback_of(record)
        return " ".join(parts) + (f"\n{text}" if text else "")


def logging_settings(level: str, form: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to standard error, which the platform collects."""
    # What these say below WARNING is noise, and some of it holds prompts.
    quiet = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "anthropic", "google_genai")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "ultrai.logs.JSONFormatter"},
            "text": {"()": "ultrai.logs.TextFormatter"},
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # The access line tells of every 4xx already.
            "django.request": {"level": "ERROR"},
            # With DEBUG it would print every query, its values included.
            "django.db.backends": {"level": "INFO"},
            "procrastinate": {"level": "DEBUG" if level == "DEBUG" else "WARNING"},
            **{name: {"level": "WARNING"} for name in quiet},
        },
    }
