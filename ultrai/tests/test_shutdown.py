"""gunicorn told to stop while clients are there."""

import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from ultrai.tests.processes import gunicorn


@pytest.fixture
def running():
    with gunicorn() as (url, process):
        yield urlsplit(url).netloc, process


def outcome(address):
    """What a client that connects now gets: a status, or the error."""
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/health/live", headers={"Connection": "close"})
        return connection.getresponse().status
    except OSError as error:
        return type(error)
    finally:
        connection.close()


def test_who_connects_while_it_stops_is_served_or_refused_and_never_reset(running):
    address, process = running
    kept = HTTPConnection(address)  # a client that keeps its connection: stopping takes a while
    kept.request("GET", "/health/live")
    kept.getresponse().read()

    process.terminate()
    outcomes = []
    while process.poll() is None:
        outcomes.append(outcome(address))
        time.sleep(0.01)
    kept.close()

    assert process.wait() == 0
    assert outcomes[-1] is ConnectionRefusedError
    assert set(outcomes) <= {200, ConnectionRefusedError}
