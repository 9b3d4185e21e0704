"""Lists, filters, results, exports, waiting and streams."""

import csv
import io
import json
import threading
import time

import pytest
from django.db import close_old_connections
from django.urls import reverse

from analysis import progress
from analysis.models import Analysis, AnalysisResult
from analysis.tests.factories import make_analysis
from documents.tests.factories import make_document

LIST, RESULTS = reverse("analysis-list"), reverse("result-list")
TEXT = "The bridge was built in 1931. Engineers recommend new bearings by 2027."


@pytest.fixture
def done(alice, run_jobs):
    """A finished analysis of a document, by two built-in models."""
    document = make_document(alice, content=TEXT, filename="bridge.txt")
    models = ["builtin:summary", "builtin:quotes"]
    analysis = make_analysis(alice, document, prompt="Which bearings?", models=models)
    run_jobs()
    return analysis


def ids(response):
    return [row["id"] for row in response.json()["results"]]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"status": "succeeded"}, True),
        ({"status": "failed"}, False),
        ({"status": ["failed", "succeeded"]}, True),
        ({"mode": "council"}, False),
        ({"model": "builtin:quotes"}, True),
        ({"model": "builtin:keywords"}, False),
        ({"search": "which BEARINGS"}, True),
        ({"search": "recommend new"}, True),  # in a response
        ({"search": "tunnel"}, False),
        ({"created_after": "2020-01-01T00:00:00Z"}, True),
        ({"created_after": "2020-01-01T00:00:00+23:59"}, True),
        ({"created_before": "2020-01-01T00:00:00Z"}, False),
    ],
)
def test_analyses_are_filtered(alice, client_of, done, query, is_found):
    assert ids(client_of(alice).get(LIST, query)) == [done.pk] * is_found


def test_analyses_are_filtered_by_document(alice, client_of, done):
    client = client_of(alice)

    assert ids(client.get(LIST, {"document": done.document_id})) == [done.pk]
    assert ids(client.get(LIST, {"document": 0})) == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"model": "builtin:quotes"}, 1),
        ({"provider": "builtin"}, 2),
        ({"stage": "answer", "status": "succeeded"}, 2),
        ({"search": "bearings by 2027"}, 2),
        ({"rating": 5}, 0),
    ],
)
def test_results_of_all_analyses_are_filtered(alice, client_of, done, query, count):
    assert len(ids(client_of(alice).get(RESULTS, query))) == count


@pytest.mark.parametrize(
    "query",
    [
        {"status": "x"},
        {"created_after": "x"},
        {"created_after": "0001-01-01T00:00:00+01:00"},
        {"document": "x"},
        {"document": "0.5"},
    ],
)
def test_a_bad_filter_is_400_and_names_it(alice, client_of, query):
    response = client_of(alice).get(LIST, query)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == list(query)


def test_rating_and_comment_can_be_set_and_nothing_else(alice, client_of, done):
    result = done.results.first()
    url = reverse("result-detail", args=[result.pk])

    body = {"rating": 5, "comment": "Right.", "response": "forged", "cost_usd": "9"}
    response = client_of(alice).patch(url, body)

    after = AnalysisResult.objects.get(pk=result.pk)
    assert response.status_code == 200
    assert (after.rating, after.comment, after.response) == (5, "Right.", result.response)


@pytest.mark.parametrize("rating", [0, 6, "five", 1.5])
def test_a_rating_is_from_1_to_5(alice, client_of, done, rating):
    url = reverse("result-detail", args=[done.results.first().pk])

    assert client_of(alice).patch(url, {"rating": rating}).status_code == 400


def test_a_client_records_a_response_it_obtained_itself(alice, client_of):
    document = make_document(alice)
    body = {
        "document_id": document.pk,
        "llm_provider": "my-own",
        "prompt": "Why?",
        "response": "Because.",
        "parameters": {"temperature": 0.1},
    }

    response = client_of(alice).post(RESULTS, body)

    assert response.status_code == 201
    stored = AnalysisResult.objects.get()
    assert (stored.stage, stored.status, stored.llm_provider) == ("recorded", "succeeded", "my-own")
    assert response.json()["document_id"] == document.pk


def test_nobody_records_on_somebody_elses_document(alice, bob, client_of):
    body = {
        "document_id": make_document(bob).pk,
        "llm_provider": "x",
        "prompt": "a",
        "response": "b",
    }

    assert client_of(alice).post(RESULTS, body).status_code == 400


def download(client, url, form):
    response = client.get(url, {"format": form})
    assert response["Content-Disposition"].startswith("attachment")
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("name", ["analysis-export", "analysis-detail"])
def test_an_analysis_as_markdown_is_for_people(name, alice, client_of, done):
    text = download(client_of(alice), reverse(name, args=[done.pk]), "md")

    assert text.startswith(f"# Analysis {done.pk}\n\n> Which bearings?\n")
    assert "## answer: builtin:summary" in text
    assert "bridge.txt" in text


def test_a_filtered_list_as_csv_has_a_line_for_each_result(alice, bob, client_of, done):
    make_analysis(bob)

    lines = download(client_of(alice), LIST, "csv")

    rows = list(csv.DictReader(io.StringIO(lines)))
    assert [(row["analysis_id"], row["model"]) for row in rows] == [
        (str(done.pk), "builtin:summary"),
        (str(done.pk), "builtin:quotes"),
    ]


def test_a_cell_is_no_formula(alice, client_of):
    make_analysis(alice, prompt="=cmd|' /C calc'!A0")

    (row,) = csv.DictReader(io.StringIO(download(client_of(alice), LIST, "csv")))
    assert row["prompt"].startswith("'=")


@pytest.mark.parametrize("url", [reverse("analysis-export-all"), LIST])
def test_a_list_as_json_has_everything(url, alice, client_of, done):
    data = json.loads(download(client_of(alice), url, "json"))

    assert [(one["id"], len(one["results"])) for one in data] == [(done.pk, 2)]


@pytest.mark.parametrize(
    ("form", "cost"),
    [("md", "0.00000000 USD,"), ("csv", ",0.00000000,"), ("json", '"cost_usd":"0.00000000"')],
)
def test_what_cost_nothing_has_plain_zeros(form, cost, alice, client_of, done):
    text = download(client_of(alice), LIST, form)

    assert text.count(cost) == 2 + (form == "json")  # of each result, and in JSON of the whole
    assert "E-8" not in text


def test_an_unknown_format_is_400(alice, client_of, done):
    assert client_of(alice).get(LIST, {"format": "xlsx"}).status_code == 400


def test_progress_counts_the_calls(alice, client_of, done):
    AnalysisResult.objects.filter(model="builtin:quotes").update(
        status="failed", response=None, error_code="timeout"
    )

    body = client_of(alice).get(reverse("analysis-detail", args=[done.pk])).json()

    assert body["progress"] == {"done": 1, "failed": 1, "of": 2}


def finish_after(seconds, analysis):
    """End an analysis from another connection, as a worker does."""

    def end():
        time.sleep(seconds)
        Analysis.objects.get(pk=analysis.pk).cancel()
        close_old_connections()

    thread = threading.Thread(target=end)
    thread.start()
    return thread


def test_wait_answers_as_soon_as_something_changes(transactional_db, alice, client_of):
    analysis = make_analysis(alice)
    url = reverse("analysis-detail", args=[analysis.pk])
    thread = finish_after(0.5, analysis)

    started = time.monotonic()
    body = client_of(alice).get(url, {"wait": 20}).json()

    thread.join()
    assert body["status"] == "cancelled"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("wait", ["-1", "31", "x", "nan"])
def test_a_bad_wait_is_400(alice, client_of, wait):
    analysis = make_analysis(alice)

    url = reverse("analysis-detail", args=[analysis.pk])
    assert client_of(alice).get(url, {"wait": wait}).status_code == 400


def events(response):
    """Name and data of the events in a stream that has ended."""
    text = b"".join(response.streaming_content).decode()
    found = [
        dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        for block in text.split("\n\n")
    ]
    return [(e["event"], e.get("id"), json.loads(e["data"])) for e in found if "event" in e]


def test_the_stream_has_each_result_and_the_end(alice, client_of, done):
    response = client_of(alice).get(reverse("analysis-events", args=[done.pk]))

    assert response["Content-Type"] == "text/event-stream"
    (first, second, last) = events(response)
    assert [e[:2] for e in (first, second, last)] == [
        ("result", "1"),
        ("result", "2"),
        ("analysis", None),
    ]
    assert last[2] == {"id": done.pk, "status": "succeeded"}
    assert {first[2]["model"], second[2]["model"]} == {"builtin:summary", "builtin:quotes"}


def test_a_stream_resumes_after_the_last_event_seen(alice, client_of, done):
    response = client_of(alice).get(
        reverse("analysis-events", args=[done.pk]), headers={"Last-Event-ID": "1"}
    )

    assert [e[:2] for e in events(response)] == [("result", "2"), ("analysis", None)]


def test_streams_cannot_take_all_threads(alice, client_of, done):
    url, client = reverse("analysis-events", args=[done.pk]), client_of(alice)
    free = progress._places._value  # a stream that another test never closed keeps its place
    held = [client.get(url) for _ in range(free)]

    refused = client.get(url)

    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    for response in held:
        response.close()
    assert progress._places._value == free


def test_a_stream_that_was_never_read_gives_its_place_back(alice, client_of, done):
    before = progress._places._value

    client_of(alice).get(reverse("analysis-events", args=[done.pk])).close()

    assert progress._places._value == before
