"""The service on this machine as in production, with a database of its own, for the drills.

Nothing here imports Django: the drills see the service as its clients do, and the database as
`psql` does.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from ultrai import embedded_postgres  # noqa: E402

PASSWORD = "correct horse battery staple"
# What the platform's proxy says.
PROXIED = {"X-Forwarded-Proto": "https", "Content-Type": "application/json"}


class Stand:
    """A migrated database; `web` and `worker` start processes on it, which `stop` or `kill` end."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.data = folder / "postgres"
        self.log = (folder / "processes.log").open("ab")
        self.url = embedded_postgres.start(self.data)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = os.environ | {
            "DATABASE_URL": self.url,
            "DEBUG": "False",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "JWT_SECRET": secrets.token_urlsafe(48),
            "EMAIL_URL": "smtp://127.0.0.1:9",  # nobody: the drills send no mail
            "THROTTLE_USER": "off",
            "THROTTLE_ADDRESS": "off",
            **variables,
        }
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
        subprocess.run(migrate, cwd=ROOT, env=self.environment, check=True)

    def start(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        """Run `python *command`; what it prints goes to a file that is shown when a drill fails."""
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment | variables,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def worker(self, **variables: str) -> subprocess.Popen[bytes]:
        return self.start("manage.py", "worker", **variables)

    def web(self, port: int, **variables: str) -> subprocess.Popen[bytes]:
        """Start gunicorn on this port, and wait until it answers."""
        command = ["-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf", "ultrai.wsgi"]
        command += [f"--bind=127.0.0.1:{port}", "--log-level=warning"]
        process = self.start(*command, **variables)
        wait_until(lambda: call(port, "GET", "/health/live")[0] == 200)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End it and its children as `kill -9` does."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql, values).fetchall()

    def start_database(self) -> None:
        embedded_postgres.start(self.data)

    def stop_database(self) -> None:
        embedded_postgres.stop(self.data)

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)
        self.stop_database()


@contextmanager
def stand(**variables: str) -> Iterator[Stand]:
    # Not in a folder that only this user may enter: root's PostgreSQL runs as another one.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        running = Stand(Path(name), variables)
        try:
            yield running
        except BaseException:
            print((Path(name) / "processes.log").read_text()[-5_000:], file=sys.stderr)
            raise
        finally:
            running.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(
    port: int, method: str, path: str, body: Any = None, token: str = "", timeout: float = 30
) -> tuple[int, dict[str, str], Any]:
    """Make one request on a connection of its own: status, headers, JSON. Status 0: refused."""
    headers = PROXIED | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        headers=headers,
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read() or b"null")
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return 0, {}, None
        raise


def new_user(port: int, name: str) -> str:
    """Register and log in; return the access token."""
    person = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    assert call(port, "POST", "/auth/register", person)[0] == 201
    return str(call(port, "POST", "/auth/login", person)[2]["access_token"])


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.1)


def memory_mb(pid: int) -> int:
    """Resident memory of a process, from /proc (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors, from /proc (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
