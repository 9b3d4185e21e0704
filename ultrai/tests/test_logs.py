"""What the real processes write, as in production: every line JSON, none with a secret in it."""

import json
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from django.db import connection

from analysis.models import Analysis
from analysis.tests.peers import running_peer
from ultrai.tests.processes import database_url, fetch, send, wait_until, web, worker

EMAIL, PASSWORD, KEY = "ada@private.example", "a-long-private-password", "sk-private-key-0123456789"
ADDRESS = "203.0.113.9"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.private-signature"
PRIVATE = ["private", "prompt of mine", "words of mine", "argon2", ADDRESS, *JWT.split(".")]


@pytest.fixture
def service(transactional_db, tmp_path):
    """Address of web and worker, both with LOG_LEVEL=DEBUG, and what they have written so far."""
    with running_peer() as peer, (tmp_path / "log").open("wb") as output:
        peer.answer = lambda model, text: (
            (401, f"Incorrect API key provided: {KEY}") if model == "a" else "Yes."
        )
        variables = {
            "DEBUG": "False",
            "LOG_LEVEL": "DEBUG",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": database_url(),
            "TRUSTED_PROXY_HOPS": "1",
            "EMAIL_URL": "smtp://private:private-mail@127.0.0.1:1",
            "OPENAI_COMPATIBLE": "peer",
            "PEER_BASE_URL": peer.url,
            "PEER_API_KEY": KEY,
            "PEER_MODELS": "a,b",
        }
        with web(1, output, **variables) as url, worker(output, **variables):
            yield url, lambda: (tmp_path / "log").read_text().splitlines()


@contextmanager
def refused_by_the_database():
    """Every new document is an error of ours, whose message quotes the row."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE documents ADD CONSTRAINT no_more CHECK (false) NOT VALID")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE documents DROP CONSTRAINT no_more")


def test_no_line_holds_a_secret_or_personal_data(service):
    url, lines = service
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": ADDRESS}

    def post(path, body, **headers):
        return send(f"{url}{path}", body, **https, **headers)

    account = {"email": EMAIL, "password": PASSWORD}
    assert post("/auth/register", account | {"username": "private"})[0] == 201
    assert post("/auth/register", account | {"username": "private"})[0] == 400
    assert post("/auth/login", account | {"password": "private-guess"})[0] == 401
    tokens = json.loads(post("/auth/login", account)[2])
    ada = {"Authorization": f"Bearer {tokens['access_token']}", "X-Request-ID": "ada-1"}
    for token in (JWT, "ultrai_pat_private", "private"):
        assert fetch(f"{url}/auth/me", **https, Authorization=f"Bearer {token}")[0] == 401
    assert post("/auth/refresh", {"refresh_token": JWT})[0] == 401
    assert post("/auth/password/reset", {"email": EMAIL})[0] < 300
    assert fetch(f"{url}/documents?q=private&email={EMAIL}", **https, **ada)[0] in {200, 400}
    assert fetch(f"{url}/{EMAIL}", **https)[0] == 404
    document = {"filename": "private.txt", "content": "words of mine"}
    with refused_by_the_database():
        assert post("/documents", document, **ada)[0] == 500
    with socket.create_connection(("127.0.0.1", urlsplit(url).port)) as no_http:
        no_http.sendall(b"private / nonsense\r\n\r\n")
        assert b"400" in no_http.recv(100)
    asked = {"models": ["peer:a", "peer:b"], "prompt": "prompt of mine"}
    assert post("/analyses", asked, **ada)[0] == 202
    wait_until(lambda: Analysis.objects.filter(finished_at__isnull=False).exists())
    wait_until(lambda: any("accounts.mail_reset" in line for line in lines()))

    written = [json.loads(line) for line in lines()]
    assert [line for line in lines() if any(word in line for word in PRIVATE)] == []
    assert [
        (e["method"], e["status"], e["user_id"] is not None, e["request_id"])
        for e in written
        if e.get("route") == "/analyses"
    ] == [("POST", 202, True, "ada-1")]
    assert sorted((e["outcome"], e["request_id"]) for e in written if "provider" in e) == [
        ("authentication", "ada-1"),
        ("succeeded", "ada-1"),
    ]
    failure = next(e for e in written if "Internal Server Error" in e["message"])
    assert failure["request_id"] == "ada-1"
    assert "CheckViolation" in failure["exception"]
