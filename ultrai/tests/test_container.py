"""The one command that runs everything in a container."""

import os
import signal
import socket
from pathlib import Path

import pytest

from ultrai.tests.processes import database_url, fetch, process, wait_until


def children(pid):
    """The process ids of its children, by what they run."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {p: Path(f"/proc/{p}/cmdline").read_text() for p in pids}
    return {"worker" if "worker" in c else "web": int(p) for p, c in commands.items()}


def has_others(now, before):
    return set(now) == {"web", "worker"} and not set(now.values()) & set(before.values())


@pytest.mark.django_db(transaction=True)
def test_either_process_that_dies_is_started_again_and_both_stop_together():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    variables = {"DATABASE_URL": database_url(), "PORT": port, "WEB_CONCURRENCY": "1"}
    with process(["-m", "ultrai.container"], **variables) as container:
        wait_until(lambda: fetch(f"http://127.0.0.1:{port}/health")[0] == 200)
        before = children(container.pid)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: has_others(children(container.pid), before))
        after = children(container.pid)
        wait_until(lambda: fetch(f"http://127.0.0.1:{port}/health/live")[0] == 200)

        container.send_signal(signal.SIGTERM)

        assert container.wait(30) == 0
        assert [pid for pid in after.values() if Path(f"/proc/{pid}").exists()] == []
