"""The ceiling: what a bare WSGI function makes of the same worker, the same SQL and a JWT.

No framework, no validation, no filters, no errors in words: nobody can be faster in Python
without doing less for the client. `gunicorn benchmarks.service.ceiling:application`.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import django
import jwt
import orjson
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

# The service's gunicorn settings, which the ceiling shares, count on it; no request uses it.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ultrai.settings")
django.setup()

from documents.insertion import INSERT  # noqa: E402
from documents.search import passages  # noqa: E402

COLUMNS = (
    "id, filename, file_type, size_bytes, sha256, version, status, error_code, error, page_count,"
    " word_count, metadata, extraction_requested_at, delete_after, legal_hold_at, created_at,"
    " updated_at"
)
SESSION = (
    "SELECT s.id, s.user_id, s.refresh_jti, s.client, s.created_at, s.last_used_at, s.expires_at,"
    " u.id AS uid, u.last_login, u.email, u.username, u.hashed_password, u.is_active, u.is_staff,"
    " u.is_superuser, u.monthly_budget_usd, u.created_at AS since, u.updated_at"
    " FROM user_sessions s JOIN users u ON u.id = s.user_id"
    " WHERE (s.expires_at > %s OR s.expires_at IS NULL) AND u.is_active"
    " AND s.id = %s AND s.user_id = %s"
)
LIST = f"SELECT {COLUMNS} FROM documents WHERE user_id = %s ORDER BY id DESC LIMIT 21"
DETAIL = f"SELECT {COLUMNS}, content FROM documents WHERE user_id = %s AND id = %s LIMIT 21"

pool: ConnectionPool[Connection[dict[str, Any]]] | None = None


def database() -> ConnectionPool[Connection[dict[str, Any]]]:
    """Opened by the first request: after the fork."""
    global pool
    if pool is None:
        url = urlsplit(os.environ["DATABASE_URL"])
        pool = ConnectionPool(
            kwargs={
                "dbname": url.path.lstrip("/"),
                "user": url.username,
                "password": unquote(url.password or "") or None,
                "host": unquote(url.netloc.rpartition("@")[2].rpartition(":")[0] or url.netloc),
                "port": url.port,
                "autocommit": True,
                "row_factory": dict_row,
            },
            min_size=1,
            max_size=int(os.environ.get("WEB_THREADS", "8")),
            open=True,
        )
    return pool


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if "HTTP_AUTHORIZATION" not in environ:
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return [b""]
    claims = jwt.decode(
        environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "),
        os.environ["JWT_SECRET"],
        algorithms=["HS256"],
        audience="ultrai-api",
        issuer="ultrai",
    )
    user, path = int(claims["user_id"]), environ["PATH_INFO"]
    with database().connection() as connection:
        now = datetime.now(UTC)
        session = connection.execute(SESSION, [now, claims["session_id"], user]).fetchone()
        if session is None:
            start_response("401 Unauthorized", [("Content-Length", "0")])
            return [b""]
        status, body = "200 OK", {}
        if environ["REQUEST_METHOD"] == "POST":
            status, body = "201 Created", create(connection, user, environ)
        elif path == "/documents":
            rows = connection.execute(LIST, [user]).fetchall()
            body = {"next": f"/documents?cursor={rows[-1]['id']}", "results": rows[:20]}
        else:
            pk = int(path.rpartition("/")[2])
            body = connection.execute(DETAIL, [user, pk]).fetchone() or {}
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(status, headers)
    return [content]


def create(connection: Connection[dict[str, Any]], user: int, environ: Any) -> dict[str, Any]:
    sent = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    text = sent["content"]
    data = text.encode()
    texts = [passage for _, passage in passages(text, has_pages=False)]
    document = {
        "user_id": user,
        "filename": sent["filename"],
        "file_type": "txt",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "status": "ready",
        "word_count": len(text.split()),
    }
    values = {
        "content": text,
        "language": "english",
        "numbers": list(range(len(texts))),
        "pages": [None] * len(texts),
        "texts": texts,
        "keeps_duplicate": False,
        "most_documents": 10**9,
        "most_bytes": 10**15,
    }
    while True:
        stored = connection.execute(INSERT, document | values).fetchone() or {}
        if stored.get("id"):  # or another request of this user's came in between
            return document | stored
