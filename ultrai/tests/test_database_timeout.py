"""Queries that take too long, on a real gunicorn: here they wait for somebody's lock."""

import json
import threading
from io import BytesIO
from zipfile import ZipFile

import psycopg
import pytest

from accounts.tokens import start_session
from ultrai.tests.processes import database_url, fetch, web


@pytest.fixture
def locked():
    """Nobody reads a document before this is rolled back."""
    with psycopg.connect(database_url()) as connection:
        connection.execute("LOCK TABLE documents")
        yield connection


def test_a_request_ends_when_a_query_takes_too_long(transactional_db, alice, locked):
    token = {"Authorization": f"Bearer {start_session(alice).access_token}"}
    with web(DATABASE_URL=database_url(), DATABASE_STATEMENT_TIMEOUT="1") as address:
        status, headers, body = fetch(f"{address}/documents", **token)
        assert (status, headers["Retry-After"]) == (503, "5")
        assert json.loads(body)["code"] == "database_timeout"

        # A stream has begun when it waits, and is not cut.
        threading.Timer(2, locked.rollback).start()
        status, _, body = fetch(f"{address}/auth/me/export", **token)
        assert status == 200
        assert ZipFile(BytesIO(body)).testzip() is None

        locked.execute("LOCK TABLE documents")
        assert fetch(f"{address}/documents", **token)[0] == 503
        locked.rollback()
        assert fetch(f"{address}/documents", **token)[0] == 200
