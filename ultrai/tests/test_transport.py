"""Headers, cookies and CORS, with production's settings."""

import json
import subprocess
import sys

import pytest
from django.urls import reverse

from ultrai.tests.test_settings import COMPLETE, ROOT

PRODUCTION = """
import django; django.setup()
from django.test import Client
import json
client = Client()
secure = client.get("/health/live", headers={"X-Forwarded-Proto": "https"})
plain = client.get("/")
from django.conf import settings
print(json.dumps({
    "headers": {k: v for k, v in secure.headers.items()},
    "plain": [plain.status_code, plain.headers.get("Location")],
    "secure": [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE],
}))
"""


@pytest.fixture(scope="module")
def production():
    """What a process with production's settings answers."""
    env = COMPLETE | {"DJANGO_SETTINGS_MODULE": "ultrai.settings", "ALLOWED_HOSTS": "testserver"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRODUCTION],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
    ],
)
def test_production_sends_the_headers(production, name, value):
    assert production["headers"][name] == value


def test_production_redirects_plain_http_and_secures_cookies(production):
    assert production["plain"] == [301, "https://testserver/"]
    assert production["secure"] == [True, True]


def test_the_content_security_policy_allows_nothing_inline(anonymous, db):
    policy = anonymous.get(reverse("admin:login"))["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://app.example.com", "https://app.example.com"), ("https://evil.example.com", None)],
)
def test_cors_is_for_the_named_origins_only(anonymous, settings, origin, allowed):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]

    response = anonymous.get(reverse("health-live"), headers={"Origin": origin})

    assert response.headers.get("Access-Control-Allow-Origin") == allowed
