"""What is measured: one kind of request each, sent for many users in turn."""

import json
import random
from collections.abc import Callable
from itertools import cycle
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.middleware.csrf import CSRF_SECRET_LENGTH
from django.utils.crypto import get_random_string

from accounts.models import User
from accounts.tokens import start_session
from benchmarks.service.seeding import MEASURED_USERS
from benchmarks.service.texts import Texts
from documents.models import Document
from ultrai.pages import CursorPages

PASSWORD = "a password of the benchmark's"
UNIQUE = "UNIQUE"  # in a body: becomes something else in each request


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str | None = None
    status: int = 200


class Operation(NamedTuple):
    name: str
    requests: list[Request]
    has_ceiling: bool = False  # whether the bare application knows it


class Client(NamedTuple):
    """One of the users who send requests, with what they have."""

    user: User
    token: str
    documents: list[int]  # some of their ids

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, status: int = 200
    ) -> Request:
        headers = {"Authorization": f"Bearer {self.token}", "X-Forwarded-Proto": "https"}
        if body is None:
            return Request(method, path, headers, None, status)
        headers["Content-Type"] = "application/json"
        return Request(method, path, headers, json.dumps(body), status)


def clients() -> list[Client]:
    """Log the measured users in."""
    chance = random.Random(1)
    found = []
    for user in User.objects.filter(pk__lte=MEASURED_USERS).order_by("pk"):
        if not user.has_usable_password():
            user.set_password(PASSWORD)
            user.save()
        of = Document.objects.filter(user=user).order_by("pk")
        some = list(of.values_list("pk", flat=True)[:20_000])
        token = start_session(user, client="benchmark").access_token
        found.append(Client(user, token, chance.sample(some, 20)))
    return found


def operations() -> list[Operation]:
    texts = Texts()
    words = texts.searched_words(20)
    users = clients()
    contents = cycle([texts.document(number) for number in range(200)])

    def for_each(make: Callable[[Client, int], Request]) -> list[Request]:
        return [make(client, place) for place in range(4) for client in users]

    def question(client: Client, place: int) -> dict[str, Any]:
        document = client.documents[place]
        return {"document_id": document, "models": ["builtin:summary"], "prompt": "What is it?"}

    return [
        Operation("list", for_each(lambda c, _: c.request("GET", "/documents")), True),
        Operation("list deep", for_each(lambda c, _: c.request("GET", deep_page(c)))),
        Operation(
            "detail", for_each(lambda c, n: c.request("GET", f"/documents/{c.documents[n]}")), True
        ),
        Operation(
            "search",
            for_each(
                lambda c, n: c.request("GET", f"/documents?search={words[(c.user.pk + n) % 20]}")
            ),
        ),
        Operation(
            "create",
            for_each(
                lambda c, _: c.request(
                    "POST",
                    "/documents",
                    {"filename": "benchmark.txt", "content": f"{UNIQUE} {next(contents)}"},
                    201,
                )
            ),
            True,
        ),
        Operation(
            "analysis create",
            for_each(lambda c, n: c.request("POST", "/analyses", question(c, n), 202)),
        ),
        Operation(
            "analysis detail",
            for_each(lambda c, n: c.request("GET", f"/analyses/{c.documents[n]}")),
        ),
        Operation(
            "results filtered",
            for_each(lambda c, _: c.request("GET", "/results?status=succeeded&provider=google")),
        ),
        Operation("admin front page", [admin_page(users[0], "/admin/?period=90d")]),
        Operation("admin results", [admin_page(users[0], "/admin/analysis/analysisresult/")]),
        Operation("login", for_each(log_in)),  # last: hashes go on after their clients have gone
    ]


def log_in(client: Client, _: int) -> Request:
    body = json.dumps({"email": client.user.email, "password": PASSWORD})
    headers = {"Content-Type": "application/json", "X-Forwarded-Proto": "https"}
    return Request("POST", "/auth/login", headers, body)


def deep_page(client: Client) -> str:
    """The page in the middle of what the user has: `next` as the service would have written it."""
    ids = Document.objects.filter(user=client.user).order_by("-id").values_list("id", flat=True)
    pages = CursorPages()
    pages.order, pages.first_url = "-id", "/documents"
    return pages.link([ids[ids.count() // 2]], is_backward=False) or ""


def admin_page(client: Client, path: str) -> Request:
    user = client.user
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    cookies = {  # a browser that has been here before has both
        settings.SESSION_COOKIE_NAME: session.session_key,
        settings.CSRF_COOKIE_NAME: get_random_string(CSRF_SECRET_LENGTH),
    }
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = {"Cookie": cookie, "X-Forwarded-Proto": "https"}
    return Request("GET", path, headers)


class Seeded(NamedTuple):
    """The seed's documents and analyses have these ids: 1 to so many."""

    last: int

    def restore(self) -> None:
        """Delete what was made since, and what is left of it in tables and indexes."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
            cursor.execute("DELETE FROM user_sessions WHERE client NOT IN ('benchmark')")
            cursor.execute("DELETE FROM analyses WHERE id > %s", [self.last])
            analyses = cursor.rowcount
            cursor.execute("DELETE FROM documents WHERE id > %s", [self.last])
            if analyses or cursor.rowcount:
                cursor.execute("VACUUM documents, document_passages, analyses, analysis_results")
