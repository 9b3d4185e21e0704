"""A wrong variable stops the process with one line that names it, and shows no secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cr3t-" * 8
COMPLETE = {
    "PATH": os.environ["PATH"],
    "SECRET_KEY": SECRET,
    "JWT_SECRET": SECRET[::-1],
    "DATABASE_URL": "postgresql://me:hunter2@db.example.com/ultrai",
    "ALLOWED_HOSTS": "api.example.com",
}


def run(code, **variables):
    env = {name: value for name, value in (COMPLETE | variables).items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def read(expression, **variables):
    """The value of an expression over the settings, in a process with these variables."""
    done = run(f"from ultrai import settings; print({expression})", **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DATABASE_URL", None, "is required and not set. Example: DATABASE_URL=postgresql://"),
        ("DATABASE_URL", "mysql://a:hunter2@b/c", "must start with postgres:// or postgresql://"),
        ("DATABASE_URL", "postgres://a:hunter2@b:port/c", "is not a URL"),
        ("DATABASE_URL", "postgres://a:hunter2@b", "does not name a database"),
        ("SECRET_KEY", None, "is required and not set"),
        ("SECRET_KEY", "hunter2", "must be at least 32 characters"),
        ("JWT_SECRET", " ", "is required and not set"),
        ("JWT_SECRET", SECRET, "must be another than SECRET_KEY"),
        ("MONTHLY_BUDGET_USD", "ten", "must be an amount"),
        ("THROTTLE_USER", "many", "must be a number, a slash and a period"),
        ("EMAIL_URL", "mail://hunter2@x", "must start with console:// or smtp://"),
        ("DEBUG", "yes", "must be True or False. Example: DEBUG=False"),
        ("ALLOWED_HOSTS", None, "is required and not set"),
        ("ALLOWED_HOSTS", "https://api.example.com/", "not of the expected form"),
        ("CORS_ALLOWED_ORIGINS", "app.example.com", "Example: CORS_ALLOWED_ORIGINS=https://"),
        ("CORS_ALLOWED_ORIGINS", "https://app.example.com/", "not of the expected form"),
        ("CSRF_TRUSTED_ORIGINS", "*", "Example: CSRF_TRUSTED_ORIGINS=https://"),
        ("REDIS_URL", "http://hunter2@x", "must start with redis:// or rediss://"),
        ("LOG_LEVEL", "loud", "must be DEBUG, INFO"),
        ("WEB_CONCURRENCY", "0", "must be a whole number from 1"),
        ("WEB_CONCURRENCY", "two", "must be a whole number"),
        ("DATABASE_POOL_MAX", "-1", "must be a whole number"),
        ("MAX_UPLOAD_MB", "1000000000000", "must be a whole number"),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.0.0.1/8", "Example: WEBHOOK_ALLOWED_NETWORKS=10."),
        ("OPENAI_COMPATIBLE", "Mistral!", "Example: OPENAI_COMPATIBLE=mistral,ollama"),
        ("OPENAI_COMPATIBLE", "openai", "Example: OPENAI_COMPATIBLE=mistral,ollama"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(name, value, complaint):
    done = run("import ultrai.settings", **{name: value})

    assert done.returncode == 1
    assert done.stderr.startswith(name)
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_a_compatible_provider_needs_its_url():
    done = run("import ultrai.settings", OPENAI_COMPATIBLE="mistral", MISTRAL_MODELS="small")

    assert done.stderr.startswith("MISTRAL_BASE_URL is required and not set")


@pytest.mark.parametrize(
    "command", ["manage.py check", "-m gunicorn -c python:ultrai.gunicorn_conf x"]
)
def test_production_without_a_database_stops_and_starts_none(command):
    env = {name: value for name, value in COMPLETE.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "DATABASE_URL is required and not set. "
        "Example: DATABASE_URL=postgresql://user:password@host:5432/ultrai\n"
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_schemes_and_tls_options_reach_the_driver(scheme):
    url = f"{scheme}://u:p%40ss@db.example.com:6432/ultrai?sslmode=verify-full&sslrootcert=/ca.pem"

    default = "settings.DATABASES['default']"
    names = ["HOST", "PORT", "PASSWORD"]
    assert read(f"[{default}[name] for name in {names}]", DATABASE_URL=url) == (
        "['db.example.com', 6432, 'p@ss']"
    )
    options = ["sslmode", "sslrootcert"]
    assert read(f"[{default}['OPTIONS'][name] for name in {options}]", DATABASE_URL=url) == (
        "['verify-full', '/ca.pem']"
    )


def test_the_platform_names_its_host_itself():
    host = {"ALLOWED_HOSTS": None, "RENDER_EXTERNAL_HOSTNAME": "x.onrender.com"}

    assert read("settings.ALLOWED_HOSTS", **host) == "['x.onrender.com']"
    assert read("settings.CSRF_TRUSTED_ORIGINS", **host) == "['https://x.onrender.com']"


def test_providers_exist_when_their_key_or_url_is_set():
    providers = read(
        "{p.name: (p.kind, p.base_url, p.models) for p in settings.LLM_PROVIDERS.values()}",
        ANTHROPIC_API_KEY="k",
        ANTHROPIC_MODELS="claude-x",
        OPENAI_COMPATIBLE="my-llm",
        MY_LLM_BASE_URL="http://10.0.0.5:8080/v1",
        MY_LLM_MODELS="a:7b, b",
    )

    assert providers == str(
        {
            "anthropic": ("anthropic", None, ("claude-x",)),
            "my-llm": ("openai_compatible", "http://10.0.0.5:8080/v1", ("a:7b", "b")),
        }
    )


def test_keys_are_not_in_the_representation_of_a_provider():
    assert "hunter2" not in read("settings.LLM_PROVIDERS", OPENAI_API_KEY="hunter2")


def test_a_providers_own_limits_come_before_those_of_all():
    limits = read(
        "[(p.concurrency, p.requests_per_minute, p.tokens_per_minute)"
        " for p in settings.LLM_PROVIDERS.values()]",
        OPENAI_API_KEY="k",
        ANTHROPIC_API_KEY="k",
        PROVIDER_REQUESTS_PER_MINUTE="60",
        ANTHROPIC_REQUESTS_PER_MINUTE="0",
        ANTHROPIC_TOKENS_PER_MINUTE="30000",
        ANTHROPIC_CONCURRENCY="4",
    )

    assert limits == "[(100, 60, None), (4, None, 30000)]"
