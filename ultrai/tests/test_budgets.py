"""What a hot request may cost in queries and in Python's calls: counted, because times lie.

A budget in budgets.json that is passed was passed by a change: find out which and why before it is
raised. Somewhat more than was counted is allowed, for what differs between machines.
"""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from analysis.tests.factories import make_analysis
from documents.tests.factories import make_document

BUDGETS = json.loads(Path(__file__).with_name("budgets.json").read_text())
WARM_UP = 10
COUNTED = 3


@pytest.fixture
def requests(alice, client_of, staff):
    """Each hot request, to be sent as often as one likes."""
    documents = [make_document(alice, filename=f"{n}.txt") for n in range(25)]
    analysis = make_analysis(
        user=alice, document=documents[0], prompt="What?", models=["builtin:summary"]
    )
    client, numbers = client_of(alice), count()
    other = make_analysis(user=alice, prompt="What?", models=["builtin:summary"])
    # SQL is kept from values that differ, and a row may have its user's number: of two one has not.
    for path in [f"/documents/{document.pk}" for document in documents[:2]]:
        client.get(path)
    for path in [f"/analyses/{one.pk}" for one in (analysis, other)]:
        client.get(path)

    def create():
        body = {"filename": "new.txt", "content": f"number {next(numbers)}"}
        return client.post("/documents", body)

    question = {"document_id": documents[0].pk, "models": ["builtin:summary"], "prompt": "What?"}
    return {
        "list": lambda: client.get("/documents"),
        "detail": lambda: client.get(f"/documents/{documents[3].pk}"),
        "search": lambda: client.get("/documents", {"search": "water"}),
        "create": create,
        "analysis create": lambda: client.post("/analyses", question),
        "analysis detail": lambda: client.get(f"/analyses/{analysis.pk}"),
        "results filtered": lambda: client.get("/results", {"status": "pending"}),
        "me": lambda: client.get("/auth/me"),
        "admin results": lambda: staff.get("/admin/analysis/analysisresult/"),
        "admin front page": lambda: staff.get("/admin/"),
    }


def cost_of(send):
    """Count the queries and the calls of a request that has been sent before.

    The least of several: garbage is collected while one of them runs, and calls Python then.
    """
    for _ in range(WARM_UP):
        assert send().status_code in {200, 201, 202}
    counted = [counts_of_one(send) for _ in range(COUNTED)]
    return {what: min(counts[what] for counts in counted) for what in counted[0]}


def counts_of_one(send):
    """Send it once for the queries and once for the calls: watched queries take a longer way."""
    found = {"queries": 0, "calls": 0}

    def on_query(execute, *query):
        found["queries"] += 1
        return execute(*query)

    def on_event(frame, event, argument):
        found["calls"] += event in {"call", "c_call"}

    with connection.execute_wrapper(on_query):
        send()
    sys.setprofile(on_event)
    try:
        send()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize("name", BUDGETS)
def test_a_request_stays_within_its_budget(name, requests, settings):
    settings.DEBUG = False

    cost = cost_of(requests[name])

    assert {what: n for what, n in cost.items() if n > BUDGETS[name][what]} == {}


HEAVY = ["anthropic", "google.genai", "openai", "openpyxl", "pydantic_ai", "pypdf", "pypdfium2"]


def test_the_web_process_imports_nothing_that_only_the_worker_needs():
    code = (
        "import sys, ultrai.wsgi; from django.urls import get_resolver;"
        " get_resolver().url_patterns; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "documents.views" in loaded
    assert [name for name in HEAVY if name in loaded] == []
