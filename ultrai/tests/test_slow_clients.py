"""Half-sent requests, many more than there are threads, on a real gunicorn."""

import hashlib
import json
import socket
import time
import urllib.parse
from contextlib import ExitStack

import pytest

from accounts.tokens import start_session
from documents.models import Document
from ultrai.patient_worker import missing_until
from ultrai.spooling import Spool
from ultrai.tests.processes import database_url, fetch, wait_until, web

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
UNFINISHED = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "half a head": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX",
    "no body": HEAD + b"Content-Length: 1000\r\n\r\n",
    "half a body": HEAD + b'Content-Length: 1000\r\n\r\n{"email": ',
    "a body that waits to be asked for": HEAD
    + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
    "a little of a large body": HEAD + b"Content-Length: 5000000\r\n\r\n" + b"x" * 70_000,
    "a body over the limit": HEAD + b"Content-Length: 5000000000\r\n\r\n" + b"x" * 20_000,
    "a body in chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000\r\nx",
    "half of a second request": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HEAD,
    "no end, though it was asked for": b"GET /health/live HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.fixture(scope="module")
def address(django_db_setup):
    limits = {"MAX_UPLOAD_MB": "6", "MAX_REQUEST_MB": "6", "WEB_SPOOL_MB": "12"}
    with web(DATABASE_URL=database_url(), WEB_THREADS="2", **limits) as url:
        yield url


def read_until(client, end):
    answer = b""
    while not answer.endswith(end):
        answer += client.recv(65_536)
    return answer


def connect(url):
    parts = urllib.parse.urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


@pytest.mark.parametrize("begun", UNFINISHED.values(), ids=UNFINISHED)
def test_fifty_slow_clients_do_not_stop_the_others(address, begun):
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(address)).sendall(begun)

        assert [fetch(f"{address}/health/live")[0] for _ in range(3)] == [200, 200, 200]


def test_a_request_that_comes_in_pieces_is_answered(transactional_db, address):
    body = b'{"email": "a@example.com", "password": "x"}'
    whole = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    with connect(address) as client:
        for start in range(0, len(whole), 20):
            client.sendall(whole[start : start + 20])
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 401")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "invalid_credentials"


def test_a_body_larger_than_what_is_waited_for_is_read(transactional_db, address):
    body = b'{"email": "a@example.com", "password": "x", "more": "' + b"x" * 300_000 + b'"}'
    with connect(address) as client:
        client.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 401")


def test_a_large_upload_that_comes_in_pieces_is_stored_whole(transactional_db, address, alice):
    content = b"%PDF-1.7\n" + hashlib.shake_256(b"pieces").digest(3_000_000)
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    body += content + b"\r\n--b--\r\n"
    head = (
        "POST /documents HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        f"Authorization: Bearer {start_session(alice).access_token}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n"
    ).encode()
    with connect(address) as client:
        client.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for start in range(0, len(body), 300_000):
            client.sendall(body[start : start + 300_000])
            time.sleep(0.01)
        assert read_until(client, b'"duplicate":false}').startswith(b"HTTP/1.1 201")
        client.sendall(head + b"\r\n" + body)  # on the same connection, and known by now
        assert read_until(client, b'"duplicate":true}').startswith(b"HTTP/1.1 200")

    assert Document.objects.get().sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (HEAD + b"Content-Length: 5000000000\r\n\r\n{", 413, "payload_too_large"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{", 411, "length_required"),
        (
            HEAD + b"Connection: close\r\nContent-Length: 20000\r\n\r\n" + b"{" * 20_000,
            400,
            "parse_error",
        ),
        (HEAD + b"Content-Length: 20000\r\nContent-Length: 9\r\n\r\n{", 400, ""),
        (HEAD + b"Content-Length: many\r\n\r\n{", 400, ""),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 431, ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_connection(address, sent, status, code):
    with connect(address) as client:
        client.sendall(sent)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert int(answer.split()[1]) == status
    assert code in answer.decode()


def test_requests_on_one_connection_follow_each_other(address):
    request = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connect(address) as client:
        client.sendall(request * 3)  # pipelined: read along with the first
        answer = b""
        while answer.count(b'{"status":"ok"}') < 3:
            answer += client.recv(65_536)
        client.sendall(request)
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")


def test_uploads_for_which_there_is_no_room_are_503_until_there_is(transactional_db, address):
    most = HEAD + b"Connection: close\r\nContent-Length: 6000000\r\n\r\n" + bytes(5_000_000)
    with connect(address) as first, connect(address) as second, connect(address) as third:
        for client in (first, second, third):
            client.sendall(most)
        refused = b"".join(iter(lambda: third.recv(65_536), b""))

    def answer():
        with connect(address) as later:
            later.sendall(most + bytes(1_000_000))
            return b"".join(iter(lambda: later.recv(65_536), b""))

    assert refused.startswith(b"HTTP/1.1 503")
    assert b"\r\nRetry-After: 5\r\n" in refused
    assert b"too_many_uploads" in refused
    # More than JSON may have, but it was received.
    wait_until(lambda: answer().startswith(b"HTTP/1.1 413"))


def test_a_body_is_given_up_when_it_stands_still_or_comes_too_slowly():
    spool = Spool(10_000_000)
    spool.received = 409_600  # at the least rate: 100 s
    started = spool.heard

    assert not spool.is_too_slow(started + 9)
    assert spool.is_too_slow(started + 11)
    spool.heard = started + 115
    assert not spool.is_too_slow(started + 119)
    assert spool.is_too_slow(started + 121)
    spool.file.close()


@pytest.mark.parametrize(
    ("data", "needed"),
    [
        (b"", 1),
        (b"GET / HTTP/1.1\r\n", 17),
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", 43),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", 100_041),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 0),  # refused
    ],
)
def test_a_request_is_worth_a_thread_when_it_is_there(data, needed):
    assert missing_until(data) == needed
