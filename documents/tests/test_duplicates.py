import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params

from documents.insertion import INSERT, MOST_TRIES
from documents.models import Document, FilePart
from documents.tests.factories import make_document, make_pdf
from ultrai.tests.processes import wait_until

LIST = reverse("document-list")


def send_text(client, **body):
    return client.post(LIST, {"filename": "a.txt", "content": "The same."} | body)


def send_file(client, data=b"The same.", name="a.txt", url=LIST, **form):
    file = SimpleUploadedFile(name, data)
    return client.post(url, {"file": file, **form}, format="multipart")


@pytest.mark.parametrize("send", [send_text, send_file])
def test_the_same_bytes_again_are_the_document_that_is_there(alice, client_of, send):
    client = client_of(alice)
    first = send(client)

    again = send(client)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"duplicate": True}
    assert again["Location"] == first["Location"]
    assert Document.objects.count() == 1


def test_text_and_file_of_the_same_bytes_are_the_same(alice, client_of):
    client = client_of(alice)
    first = send_text(client)

    again = send_file(client, name="other name.txt")

    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.json()["filename"] == "a.txt"


@pytest.mark.parametrize(
    "keep",
    [
        lambda client: send_text(client, on_duplicate="keep"),
        lambda client: send_file(client, on_duplicate="keep"),
        lambda client: send_file(client, url=LIST + "?on_duplicate=keep"),
        lambda client: client.post(
            LIST + "?on_duplicate=keep", {"filename": "a.txt", "content": "The same."}
        ),
    ],
)
def test_keep_stores_another(alice, client_of, keep):
    client = client_of(alice)
    first = send_text(client).json()

    another = keep(client)

    assert (another.status_code, another.json()["duplicate"]) == (201, False)
    assert another.json()["id"] != first["id"]


@pytest.mark.parametrize("value", ["refuse", ""])
def test_another_wish_is_400(alice, client_of, value):
    response = send_text(client_of(alice), on_duplicate=value)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["on_duplicate"]


def test_the_same_bytes_of_another_user_are_theirs(alice, bob, client_of):
    theirs = send_text(client_of(bob)).json()

    mine = send_text(client_of(alice))

    assert (mine.status_code, mine.json()["duplicate"]) == (201, False)
    assert mine.json()["id"] != theirs["id"]


def test_a_failed_document_is_read_again(alice, client_of):
    client, data = client_of(alice), make_pdf("text")
    first = send_file(client, data, "a.pdf").json()
    Document.objects.update(status="failed", error_code="timeout", error="It took too long.")
    ProcrastinateJob.objects.all().delete()

    again = send_file(client, data, "a.pdf")

    body = again.json()
    assert (again.status_code, body["id"], body["duplicate"]) == (200, first["id"], True)
    assert (body["status"], body["error_code"], body["error"]) == ("pending", "", "")
    assert ProcrastinateJob.objects.count() == 1


def test_one_that_was_read_comes_before_one_that_failed(alice, client_of):
    client, data = client_of(alice), make_pdf("text")
    read = send_file(client, data, "a.pdf").json()
    failed = send_file(client, data, "a.pdf", on_duplicate="keep").json()
    Document.objects.filter(pk=failed["id"]).update(status="failed", error_code="timeout")

    assert send_file(client, data, "a.pdf").json()["id"] == read["id"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("send", [send_text, send_file])
def test_of_many_at_once_one_is_stored(alice, client_of, send):
    clients = [client_of(alice) for _ in range(6)]

    def post(client):
        try:
            return send(client)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(post, clients))

    assert sorted(r.status_code for r in responses) == [200] * 5 + [201]
    assert len({r.json()["id"] for r in responses}) == 1
    assert Document.objects.count() == 1
    assert FilePart.objects.count() == (1 if send is send_file else 0)


@pytest.mark.django_db(transaction=True)
def test_of_many_texts_at_once_one_is_stored_each_time(alice, client_of):
    make_document(alice)  # whoever has none yet takes the long way
    clients, start = [client_of(alice) for _ in range(4)], threading.Barrier(4)

    def post(client):
        try:
            sent = []
            for number in range(20):
                start.wait()
                sent.append(send_text(client, content=f"Text {number}.").status_code)
            return sent
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        rounds = zip(*pool.map(post, clients), strict=True)

    assert [sorted(statuses) for statuses in rounds] == [[200, 200, 200, 201]] * 20
    assert Document.objects.count() == 21


@pytest.mark.django_db(transaction=True)
def test_a_text_is_stored_however_often_others_come_in_between(alice, client_of):
    make_document(alice)
    client, tries = client_of(alice), []

    def commit():
        """Let the other one's change be seen once the request waits for it."""
        waiting = "SELECT FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        wait_until(lambda: other.execute(waiting).fetchone() is not None)
        other.commit()

    def change(execute, sql, *query):
        if sql != INSERT:
            return execute(sql, *query)
        tries.append(sql)
        other.execute("UPDATE document_usage SET bytes = bytes")
        committed = threads.submit(commit)
        try:
            return execute(sql, *query)
        finally:
            committed.result()

    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(**connector_params()) as other,
        connection.execute_wrapper(change),
    ):
        response = send_text(client, content="Another one.")

    assert (response.status_code, len(tries)) == (201, MOST_TRIES)
    assert Document.objects.count() == 2
