"""The whole service in 512 MB: render.free.yaml's own start command and variables, under a limit.

`.venv/bin/python benchmarks/free_plan.py [clients]`: starts it on a new database of the embedded
PostgreSQL (or of DATABASE_URL's server), in a memory cgroup of 512 MB where one can be made (root,
Linux), and has each client register, log in, upload the sample PDF, have it analysed by the
built-in models and export the answer, first one, then all at once. Then it stops everything with
SIGTERM, leaves a job behind, starts again and sees that it is done: what a spin-down does. Prints
the peak and fails when the limit was met or a journey was not finished.
"""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from ultrai import embedded_postgres  # noqa: E402

LIMIT = 512 * 1024 * 1024
MODELS = ["builtin:summary", "builtin:quotes", "builtin:keywords"]
PASSWORD = secrets.token_urlsafe(16)


class Cgroup:
    """A memory cgroup, of version 2 or 1; `usable` is False where none can be made."""

    def __init__(self) -> None:
        root = Path("/sys/fs/cgroup")
        self.is_v2 = (root / "cgroup.controllers").exists()
        self.path = root / ("" if self.is_v2 else "memory") / f"ultrai-free-plan-{os.getpid()}"
        try:
            self.path.mkdir()
            (self.path / ("memory.max" if self.is_v2 else "memory.limit_in_bytes")).write_text(
                str(LIMIT)
            )
            self.usable = True
        except OSError as error:
            print(f"no memory cgroup ({error}): memory is sampled, and nothing enforces the limit")
            self.usable = False

    def enter(self) -> None:
        if self.usable:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def read(self, v2: str, v1: str) -> str:
        return (self.path / (v2 if self.is_v2 else v1)).read_text()

    def kills(self) -> int:
        lines = self.read("memory.events", "memory.oom_control").splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])

    def close(self) -> None:
        if self.usable:
            peak = int(self.read("memory.peak", "memory.max_usage_in_bytes"))
            print(f"cgroup: limit {mib(LIMIT)}, peak {mib(peak)} with file cache, ", end="")
            print(f"{(kills := self.kills())} killed for lack of memory")
            self.path.rmdir()
            if kills:
                raise SystemExit("the limit was met")


class Sampler(threading.Thread):
    """Adds up the proportional memory of a process and all its descendants, ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak: dict[str, int] = {"all": 0}
        self.start()

    def run(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            total = 0
            for pid, name in family(self.pid):
                size = pss(pid)
                total += size
                self.peak[name] = max(self.peak.get(name, 0), size)
            self.peak["all"] = max(self.peak["all"], total)
            time.sleep(0.1)


def family(root: int) -> list[tuple[int, str]]:
    """The process and its descendants, each with what it is."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has just ended
        parents[int(folder.name)] = int(fields[1])
        kinds = ["ultrai.container", "extraction/child.py", "gunicorn", "worker", "migrate"]
        names[int(folder.name)] = next((kind for kind in kinds if kind in command), "other")
    found, known = [], {root}
    for pid in sorted(parents):  # children mostly come after their parents
        if pid == root or parents[pid] in known:
            known.add(pid)
            found.append((pid, names[pid]))
    return found


def pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def mib(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"


@contextmanager
def new_database() -> Iterator[str]:
    server = os.environ.get("DATABASE_URL") or embedded_postgres.start(ROOT / ".data" / "postgres")
    name = f"free_plan_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def service(cgroup: Cgroup, variables: dict[str, str]) -> Iterator[Sampler]:
    """Runs the blueprint's start command; after the block SIGTERM, as the platform does it."""
    command = shlex.split(blueprint()["startCommand"])
    assert command[0] == "python", "the start command is another one by now"
    process = subprocess.Popen(
        [sys.executable, *command[1:]],
        cwd=ROOT,
        env=variables,
        start_new_session=True,
        preexec_fn=cgroup.enter,
    )
    sampler = Sampler(process.pid)
    try:
        wait_until(lambda: call(variables, "/health").get("status") == "ok", process)
        yield sampler
    finally:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
            print(f"stopped within {time.monotonic() - started:.1f} s of SIGTERM")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise SystemExit("it did not stop within 30 s of SIGTERM") from None


def blueprint() -> dict[str, Any]:
    parsed = yaml.safe_load((ROOT / "render.free.yaml").read_text())
    return dict(parsed["services"][0])


def production_environment(database_url: str) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {v["key"]: v["value"] for v in blueprint()["envVars"] if "value" in v}
    return {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "DATABASE_URL": database_url,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SECRET": secrets.token_urlsafe(48),
        "RENDER": "true",
        "RENDER_EXTERNAL_HOSTNAME": "localhost",
        **given,
    }


def call(
    variables: dict[str, str], path: str, body: Any = None, token: str = "", content_type: str = ""
) -> Any:
    """The answer's JSON, or its bytes; an empty dict when nobody answers yet."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    headers = {"X-Forwarded-Proto": "https", "Host": "localhost"}
    headers |= {"Content-Type": content_type or "application/json"} if data else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(
        f"http://127.0.0.1:{variables['PORT']}{path}", data=data, headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
            is_json = answer.headers["Content-Type"].startswith("application/json")
            return json.loads(content) if is_json else content
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from None
    except OSError:
        if path != "/health":
            raise
        return {}


def wait_until(condition: Any, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        if process and process.poll() is not None:
            raise SystemExit(f"the service ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise SystemExit("waited 300 s in vain")
        time.sleep(0.2)


def register(variables: dict[str, str]) -> str:
    account = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
    call(variables, "/auth/register", account | {"username": "Free"})
    return str(call(variables, "/auth/login", account)["access_token"])


def upload(variables: dict[str, str], token: str, content: bytes, name: str) -> int:
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    form = f"multipart/form-data; boundary={boundary}"
    return int(call(variables, "/documents", body, token, form)["id"])


def ask(variables: dict[str, str], token: str, document: int) -> int:
    question = {
        "document_id": document,
        "models": MODELS,
        "mode": "synthesis",
        "prompt": "What will it cost, and what is recommended?",
    }
    return int(call(variables, "/analyses", question, token)["id"])


def await_answer(variables: dict[str, str], token: str, analysis: int) -> None:
    def status() -> str:
        return str(call(variables, f"/analyses/{analysis}?wait=10", token=token)["status"])

    wait_until(lambda: status() not in {"queued", "running"})
    if status() != "succeeded":
        raise SystemExit(f"analysis {analysis} ended as {status()}")


def journey(variables: dict[str, str], content: bytes, name: str = "sample.pdf") -> None:
    token = register(variables)
    analysis = ask(variables, token, upload(variables, token, content, name))
    await_answer(variables, token, analysis)
    exported = call(variables, f"/analyses/{analysis}/export?format=md", token=token)
    if b"recommended" not in exported:
        raise SystemExit("the export does not have the question")


def report(stage: str, sampler: Sampler) -> None:
    parts = ", ".join(f"{k} {mib(v)}" for k, v in sorted(sampler.peak.items()) if k != "all")
    print(f"{stage}: peak of all processes together {mib(sampler.peak['all'])} (each: {parts})")


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    sample = (ROOT / "docs" / "sample.pdf").read_bytes()
    long_text = b"\n".join(
        b"In year %d the recommended repair of bridge %d will cost %d euros." % (n, n * 7, n * 13)
        for n in range(40_000)
    )
    with new_database() as database_url, closing(Cgroup()) as cgroup:
        variables = production_environment(database_url)
        with service(cgroup, variables) as sampler:
            report("started", sampler)
            journey(variables, sample)
            report("one journey", sampler)
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(lambda _: journey(variables, sample), range(clients)))
            report(f"{clients} journeys at once", sampler)
            journey(variables, long_text, "long.txt")
            report(f"a text of {mib(len(long_text))}", sampler)
            token = register(variables)
            left = ask(variables, token, upload(variables, token, sample, "left.pdf"))
        with service(cgroup, variables) as sampler:
            await_answer(variables, token, left)
            report("after a spin-down, the job that waited is done", sampler)


if __name__ == "__main__":
    main()
