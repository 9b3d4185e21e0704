"""How a real gunicorn's processes share out who connects."""

import http.client
import os
import signal
import time
import urllib.parse
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.service.servers import children_of
from benchmarks.stand import cpu_seconds
from ultrai.tests.processes import database_url, gunicorn, wait_until


def is_up(pid):
    """Whether it accepts connections: just before, it starts the thread that samples its pool."""
    return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1


def answers(connection):
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().read() != b""
    except OSError:
        return False


def test_each_of_two_processes_gets_its_part_of_the_connections(django_db_setup):
    with gunicorn(2, DATABASE_URL=database_url()) as (url, master), ExitStack() as stack:
        wait_until(lambda: [is_up(pid) for pid in children_of(master.pid)] == [True, True])
        host = urllib.parse.urlsplit(url).netloc
        clients = [
            stack.enter_context(closing(http.client.HTTPConnection(host))) for _ in range(16)
        ]
        assert all(map(answers, clients))
        before = sum(map(cpu_seconds, children_of(master.pid)))
        time.sleep(0.5)
        assert (
            sum(map(cpu_seconds, children_of(master.pid))) - before < 0.25
        )  # nobody looks again and again

        os.kill(children_of(master.pid)[0], signal.SIGKILL)

        assert 4 <= [answers(client) for client in clients].count(True) <= 12
