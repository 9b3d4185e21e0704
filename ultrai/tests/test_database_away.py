"""gunicorn as in production, and a database that goes away and comes back."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from django.conf import settings
from rest_framework_simplejwt.tokens import AccessToken

from ultrai import embedded_postgres
from ultrai.tests.processes import fetch, wait_until, web

METRICS_TOKEN = "a token for metrics, long enough"


@pytest.fixture
def postgres():
    """A server of this test's own, so that it may stop it.

    Not in `tmp_path`: pytest closes its parent to the user whom root's server runs as.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "postgres"
        embedded_postgres.stop(Path(folder) / "postgres")


def test_requests_are_503_while_the_database_is_away_and_recover_by_themselves(postgres):
    url = embedded_postgres.start(postgres)
    with web(DATABASE_URL=url, WEB_THREADS="2", METRICS_TOKEN=METRICS_TOKEN) as address:
        status, _, body = fetch(f"{address}/health/ready")
        assert (status, json.loads(body)["database"]) == (503, "migrations_pending")
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(
            migrate, cwd=settings.BASE_DIR, env=os.environ | {"DATABASE_URL": url}, check=True
        )
        status, _, body = fetch(f"{address}/health/ready")
        assert (status, json.loads(body)["status"]) == (200, "degraded")  # no worker
        assert fetch(f"{address}/health/database")[0] == 200

        embedded_postgres.stop(postgres)
        started = time.monotonic()
        status, headers, body = fetch(f"{address}/health/database")
        assert time.monotonic() - started < 3
        assert (status, headers["Retry-After"]) == (503, "5")
        assert json.loads(body) == {"status": "error", "database": "connection_failed"}
        assert fetch(f"{address}/health/live")[0] == 200
        status, _, body = fetch(f"{address}/health/ready")
        assert (status, json.loads(body)["reasons"]) == (503, ["The database cannot be reached."])
        # Without it, metrics say so and still tell of the requests.
        token = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        text = fetch(f"{address}/metrics", **token)[2].decode()
        assert "ultrai_database_up 0.0" in text
        assert 'route="/health/live",status="200"' in text
        assert json.loads(fetch(f"{address}/health")[2])["status"] == "error"

        status, headers, body = fetch(f"{address}/auth/me", Authorization=a_valid_looking_token())
        assert (status, headers["Retry-After"]) == (503, "5")
        assert json.loads(body)["code"] == "database_unavailable"
        assert fetch(f"{address}/admin/login/?next=/admin/")[0] == 200  # asks no database

        assert embedded_postgres.start(postgres) == url
        wait_until(lambda: fetch(f"{address}/health/database")[0] == 200, seconds=10)
        assert fetch(f"{address}/auth/me", Authorization=a_valid_looking_token())[0] == 401


def a_valid_looking_token() -> str:
    """Signed with our key, so that only the database can tell that nobody has it."""
    token = AccessToken()
    token["user_id"], token["session_id"] = "1", 1
    return f"Bearer {token}"
