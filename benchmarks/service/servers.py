"""Starts what is measured as it runs in production: gunicorn, two processes."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.stand import cpu_seconds, memory_mb

ROOT = Path(__file__).parent.parent.parent
SERVICE = "ultrai.wsgi"
CEILING = "benchmarks.service.ceiling:application"
PROCESSES = 2
SECONDS_UNTIL_IDLE = 8
SECONDS_LOOKED_AT = 0.3
LOG = ROOT / ".data" / "benchmarks" / "servers.log"


class Server(NamedTuple):
    port: int
    pid: int
    seconds: float  # from its start until it answered

    @property
    def megabytes(self) -> int:
        """Resident memory of the larger of its processes."""
        return max(map(memory_mb, children_of(self.pid)))

    def settle(self) -> None:
        """Wait until nothing is left to do: what wrk has asked for when it ends is answered still,
        and hashes go on after their clients have gone."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            before = sum(map(cpu_seconds, children_of(self.pid)))
            time.sleep(SECONDS_LOOKED_AT)
            spent = sum(map(cpu_seconds, children_of(self.pid))) - before
            if spent < SECONDS_LOOKED_AT / 10:
                return


@contextmanager
def gunicorn(application: str) -> Iterator[Server]:
    """Run it on a free port of this machine; yields it once it answers."""
    started = time.monotonic()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf"]
    options = [f"--bind=127.0.0.1:{port}", f"--workers={PROCESSES}", "--log-level=warning"]
    # Restarting in the middle would be measured as a slow request.
    options += ["--max-requests=0"]
    # A line for each request, as in production; read it when something fails.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LOG_LEVEL": "INFO"}
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (
        LOG.open("ab") as log,
        subprocess.Popen(
            [*command, *options, application], cwd=ROOT, env=environment, stderr=log
        ) as server,
    ):
        try:
            wait_for(port, server)
            yield Server(port, server.pid, time.monotonic() - started)
        finally:
            server.terminate()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health/live")
            connection.getresponse()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"gunicorn did not start; see {LOG}.")


def idle_worker_megabytes() -> int:
    """Start the worker, and return what it takes before its first job, its children included."""
    command = [sys.executable, "manage.py", "worker"]
    with (
        LOG.open("ab") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as worker,
    ):
        try:
            time.sleep(SECONDS_UNTIL_IDLE)
            return sum(map(memory_mb, [worker.pid, *children_of(worker.pid)]))
        finally:
            worker.terminate()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
