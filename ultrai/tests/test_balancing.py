"""How a real gunicorn's processes share out who connects."""

import http.client
import os
import signal
import time
import urllib.parse
from contextlib import ExitStack, closing
from pathlib import Path

from ultrai.tests.processes import database_url, gunicorn, wait_until


def children_of(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_up(pid):
    """Whether it accepts connections: just before, it starts the thread that samples its pool."""
    return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1


def cpu_seconds(pids):
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


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
        before = cpu_seconds(children_of(master.pid))
        time.sleep(0.5)
        assert cpu_seconds(children_of(master.pid)) - before < 0.25  # nobody looks again and again

        os.kill(children_of(master.pid)[0], signal.SIGKILL)

        assert 4 <= [answers(client) for client in clients].count(True) <= 12
