"""Half-sent requests, many more than there are threads, on a real gunicorn."""

import json
import socket
import urllib.parse
from contextlib import ExitStack

import pytest

from ultrai.patient_worker import missing_until
from ultrai.tests.processes import database_url, fetch, web

HEAD = b"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
UNFINISHED = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "half a head": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX",
    "no body": HEAD + b"Content-Length: 1000\r\n\r\n",
    "half a body": HEAD + b'Content-Length: 1000\r\n\r\n{"email": ',
}


@pytest.fixture
def address(transactional_db):
    with web(DATABASE_URL=database_url(), WEB_THREADS="2") as url:
        yield url


def connect(url):
    parts = urllib.parse.urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


@pytest.mark.parametrize("begun", UNFINISHED.values(), ids=UNFINISHED)
def test_fifty_slow_clients_do_not_stop_the_others(address, begun):
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(address)).sendall(begun)

        assert [fetch(f"{address}/health/live")[0] for _ in range(3)] == [200, 200, 200]


def test_a_request_that_comes_in_pieces_is_answered(address):
    body = b'{"email": "a@example.com", "password": "x"}'
    whole = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    with connect(address) as client:
        for start in range(0, len(whole), 20):
            client.sendall(whole[start : start + 20])
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 401")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "invalid_credentials"


def test_a_body_larger_than_what_is_waited_for_is_read(address):
    body = b'{"email": "a@example.com", "password": "x", "more": "' + b"x" * 300_000 + b'"}'
    with connect(address) as client:
        client.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 401")


def test_requests_on_one_connection_follow_each_other(address):
    request = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connect(address) as client:
        client.sendall(request * 3)  # pipelined: read along with the first
        answer = b""
        while answer.count(b'{"status":"ok"}') < 3:
            answer += client.recv(65_536)
        client.sendall(request)
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("data", "needed"),
    [
        (b"", 1),
        (b"GET / HTTP/1.1\r\n", 17),
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", 43),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", 16_384),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 0),
        (b"x" * 16_384, 0),
    ],
)
def test_a_request_is_worth_a_thread_when_it_is_there(data, needed):
    assert missing_until(data) == needed
