"""Conditional requests: every answer has its tag, and no change overwrites what nobody has seen."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.urls import reverse

from analysis.tests.factories import make_analysis
from conftest import PASSWORD
from documents.models import Document
from documents.tests.factories import make_document
from ultrai.tests.endpoints import ENDPOINTS, address, address_of
from ultrai.tests.processes import wait_until

# Streams, files that are written while they are read, figures of the moment.
UNTAGGED = {
    "analysis-events",
    "analysis-export",
    "analysis-export-all",
    "auth-export",
    "health",
    "health-database",
    "health-live",
    "health-ready",
    "service",
}
READS = [e for e in ENDPOINTS if "get" in e.methods and e.name not in UNTAGGED]
CHANGES = [
    ("document-detail", "patch", {"filename": "new.txt"}),
    ("result-detail", "patch", {"rating": 4}),
    ("webhook-detail", "patch", {"description": "New."}),
    ("auth-me", "patch", {"username": "New"}),
    ("document-detail", "delete", None),
    ("analysis-detail", "delete", None),
    ("webhook-detail", "delete", None),
    ("auth-me", "delete", {"password": PASSWORD}),
]
STALE = '"of-some-time-ago"'


def test_what_a_client_has_is_not_sent_again(owned, alice, client_of):
    client = client_of(alice)

    def answers(url):
        """What comes, whether it is the same tag, and what comes then to it and to another."""
        first = client.get(url)
        tag, caching = first["ETag"], first["Cache-Control"]
        known = client.get(url, headers={"If-None-Match": f'"other", W/{tag}'})
        other = client.get(url, headers={"If-None-Match": STALE})
        statuses = [first.status_code, known.status_code, other.status_code]
        return caching, statuses, known.content, tag == known["ETag"] == other["ETag"]

    found = {endpoint.name: answers(address_of(endpoint, owned)) for endpoint in READS}

    usual = ("private, no-cache", [200, 304, 200], b"", True)
    assert found == dict.fromkeys([endpoint.name for endpoint in READS], usual)


def test_a_head_has_the_tag_of_the_get(owned, alice, client_of):
    client, url = client_of(alice), address("document-detail", owned["document"])

    assert client.head(url)["ETag"] == client.get(url)["ETag"]


@pytest.mark.parametrize(("name", "method", "change"), CHANGES)
def test_a_change_of_something_else_than_was_seen_is_412(
    name, method, change, owned, alice, client_of
):
    client, url = client_of(alice), address(name, owned.get(name.partition("-")[0], 1))
    before = client.get(url)

    refused = getattr(client, method)(url, change, headers={"If-Match": STALE})
    after = client.get(url)

    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert (after["ETag"], after.content) == (before["ETag"], before.content)


@pytest.mark.parametrize(("name", "method", "change"), CHANGES)
def test_a_change_of_what_was_seen_is_made(name, method, change, owned, alice, client_of):
    client, url = client_of(alice), address(name, owned.get(name.partition("-")[0], 1))
    tag = client.get(url)["ETag"]

    changed = getattr(client, method)(url, change, headers={"If-Match": f"W/{tag}"})
    after = client.get(url)

    assert changed.status_code == (200 if change else 204)
    assert after.get("ETag") == changed.get("ETag") != tag
    assert (after.status_code == 200) == (method == "patch")


def test_an_analysis_is_another_when_one_of_its_results_is(owned, alice, client_of):
    client = client_of(alice)
    analysis, result = address("analysis-detail", owned["analysis"]), owned["result"]
    tag = client.get(analysis)["ETag"]

    client.patch(address("result-detail", result), {"rating": 5})

    assert client.get(analysis, headers={"If-None-Match": tag}).status_code == 200
    assert client.delete(analysis, headers={"If-Match": tag}).status_code == 412


def waiting():
    """How many wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or it is as at the first look
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def test_a_result_that_is_being_rated_keeps_its_analysis(transactional_db, alice, client_of):
    analysis = make_analysis(alice)
    client, url = client_of(alice), reverse("analysis-detail", args=[analysis.pk])
    tag = client.get(url)["ETag"]

    def delete():
        try:
            return client.delete(url, headers={"If-Match": tag}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        analysis.results.update(rating=1)
        answer = threads.submit(delete)
        wait_until(waiting)

    assert answer.result() == 412


def test_a_file_is_replaced_if_it_is_the_one_that_was_seen(alice, client_of):
    client, url = client_of(alice), reverse("document-file", args=[make_document(alice).pk])
    tag = client.get(url)["ETag"]

    def replace(text, wanted):
        file = SimpleUploadedFile("notes.md", text)
        return client.put(url, {"file": file}, format="multipart", headers={"If-Match": wanted})

    first, second = replace(b"# One", tag), replace(b"# Two", tag)

    assert (first.status_code, second.status_code) == (200, 412)
    assert client.get(url)["ETag"] == first["ETag"] != tag


@pytest.mark.parametrize(("wanted", "status"), [("*", 204), (STALE, 412), ("no tag", 412)])
def test_what_has_no_tag_is_changed_only_if_any_will_do(wanted, status, owned, alice, client_of):
    url = address("token-detail", owned["token"])

    response = client_of(alice).delete(url, headers={"If-Match": wanted})

    assert response.status_code == status


def test_a_post_with_a_tag_is_412_because_what_it_makes_has_none(alice, client_of):
    body = {"filename": "a.txt", "content": "a"}

    refused = client_of(alice).post("/documents", body, headers={"If-Match": STALE})

    assert refused.status_code == 412
    assert not alice.documents.exists()


def test_if_none_match_of_what_is_there_refuses_a_change(owned, alice, client_of):
    url = address("document-detail", owned["document"])

    response = client_of(alice).patch(url, {"filename": "new"}, headers={"If-None-Match": "*"})

    assert response.status_code == 412


def test_any_tag_is_that_of_what_is_there(owned, alice, client_of):
    for name in ("document", "analysis"):
        response = client_of(alice).get(
            address(f"{name}-detail", owned[name]), headers={"If-None-Match": "*"}
        )

        assert (response.status_code, response["ETag"][0]) == (304, '"')


def test_somebody_elses_row_is_404_whatever_the_condition(owned, bob, client_of):
    url = address("document-detail", owned["document"])

    for header in ("If-Match", "If-None-Match"):
        assert client_of(bob).patch(url, {}, headers={header: "*"}).status_code == 404


def test_of_changes_of_the_same_row_at_once_one_is_made(transactional_db, alice, client_of):
    document = make_document(alice)
    client, url = client_of(alice), reverse("document-detail", args=[document.pk])
    tag = client.get(url)["ETag"]

    def rename(number):
        try:
            change = {"filename": f"{number}.txt"}
            return client.patch(url, change, headers={"If-Match": tag}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads, transaction.atomic():
        Document.objects.select_for_update().get(pk=document.pk)
        answers = [threads.submit(rename, number) for number in range(4)]
        wait_until(lambda: waiting() == 4)

    assert sorted(answer.result() for answer in answers) == [200, 412, 412, 412]


def test_a_known_row_is_not_written_out(owned, alice, client_of, django_assert_num_queries):
    client, url = client_of(alice), address("document-detail", owned["document"])
    tag = client.get(url)["ETag"]

    with django_assert_num_queries(2):  # session, row
        response = client.get(f"{url}?fields=id", headers={"If-None-Match": tag})

    assert response.status_code == 304
