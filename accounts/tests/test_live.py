"""Logins and refreshes at once, on a gunicorn as it runs in production, over real sockets."""

import json
import os
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accounts.models import Session
from conftest import PASSWORD
from ultrai.tests.processes import database_url, web

PROC = Path("/proc")


@pytest.fixture
def service(transactional_db, alice):
    with web(
        DATABASE_URL=database_url(),
        WEB_CONCURRENCY="1",
        THROTTLE_LOGIN="off",
        THROTTLE_LOGIN_ADDRESS="off",
    ) as url:
        yield url


def post(url, body):
    """Status and body of the answer."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def log_in(service):
    return post(f"{service}/auth/login", {"email": "alice@example.com", "password": PASSWORD})


def refresh(service, token):
    return post(f"{service}/auth/refresh", {"refresh_token": token})


def at_once(times, function, *arguments):
    """The results of so many calls from as many threads that start together."""
    start = threading.Barrier(times)

    def call():
        start.wait()
        return function(*arguments)

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(times)]]


def test_of_eight_racing_refreshes_one_succeeds_and_the_session_ends(service):
    statuses, afterwards = [], []
    for _ in range(20):
        token = log_in(service)[1]["refresh_token"]
        answers = at_once(8, refresh, service, token)
        statuses.append(sorted(status for status, _ in answers))
        winner = next(body for status, body in answers if status == 200)
        afterwards.append(refresh(service, winner["refresh_token"])[0])

    assert statuses == [[200] + [401] * 7] * 20
    assert afterwards == [401] * 20
    assert not Session.objects.exists()


@pytest.mark.skipif(not PROC.exists(), reason="reads the memory of a process as Linux tells it")
def test_fifty_logins_at_once_succeed_in_little_memory(service):
    answers = at_once(50, log_in, service)

    assert [status for status, _ in answers] == [200] * 50
    assert peak_memory() < 250_000


def peak_memory():
    """Kilobytes of our largest grandchild: gunicorn's master is our child, its worker the next."""
    workers = [pid for master in children(os.getpid()) for pid in children(master)]
    status = [(PROC / pid / "status").read_text() for pid in workers]
    return max(int(text.partition("VmHWM:")[2].split()[0]) for text in status)


def children(pid):
    return (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
