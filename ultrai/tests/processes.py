"""The service's own processes, as they run in production, for tests that kill them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

THROTTLES_OFF = {f"THROTTLE_{name.upper()}": "off" for name in settings.THROTTLES}


def database_url() -> str:
    """The URL of the database this test runs on."""
    database = connection.settings_dict
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    host = quote(database["HOST"], safe="")
    port = f":{database['PORT']}" if database["PORT"] else ""
    return f"postgresql://{user}:{password}@{host}{port}/{quote(database['NAME'])}"


@contextmanager
def process(
    command: Sequence[str], output: IO[bytes] | None = None, /, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python command` with these variables on top; whatever is left of it is killed."""
    started = subprocess.Popen(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=os.environ | variables,
        start_new_session=True,
        stdout=output,
        stderr=output,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@contextmanager
def worker(
    output: IO[bytes] | None = None, /, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    database = {"DATABASE_URL": database_url()}
    with process(["manage.py", "worker"], output, **database | variables) as started:
        yield started


@contextmanager
def web(workers: int = 1, output: IO[bytes] | None = None, /, **variables: str) -> Iterator[str]:
    """gunicorn on a free port; yields its address once it answers."""
    with gunicorn(workers, output, **variables) as (url, _):
        yield url


@contextmanager
def gunicorn(
    workers: int = 1, output: IO[bytes] | None = None, /, **variables: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same, with its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf", "ultrai.wsgi"]
    command += [f"--bind=127.0.0.1:{port}", f"--workers={workers}"]
    with process(command, output, **variables) as started:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: fetch(f"{url}/health/live")[0] == 200)
        yield url, started


type Answer = tuple[int, dict[str, str], bytes]


def fetch(url: str, data: bytes | None = None, /, **headers: str) -> Answer:
    """Status, headers and body of a GET; status 0 when nobody answers."""
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as a:
            return a.status, dict(a.headers), a.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()
    except OSError:
        return 0, {}, b""


def send(url: str, body: object, /, **headers: str) -> Answer:
    """The same for a POST of JSON."""
    return fetch(url, json.dumps(body).encode(), **headers, **{"Content-Type": "application/json"})


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Return once the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
