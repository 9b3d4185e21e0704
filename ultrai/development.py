"""A laptop without any configuration: secrets and a database of its own, and `make run`.

Development is DEBUG=True, or nothing configured at all. Production never comes past `prepare`'s
first line: it runs gunicorn on `ultrai.wsgi`, or `manage.py` with its variables set.
"""

import ctypes
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType
from urllib.error import URLError

from ultrai import embedded_postgres

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / ".data"
SECRETS = ("SECRET_KEY", "JWT_SECRET")
PRODUCTION_MARKS = ("DATABASE_URL", "SECRET_KEY", "RENDER")


def is_development() -> bool:
    if debug := os.environ.get("DEBUG"):
        return debug.lower() == "true"
    return not any(os.environ.get(name) for name in PRODUCTION_MARKS)


def prepare() -> None:
    """In development, set what is unset: DEBUG, the secrets, and an embedded PostgreSQL."""
    if not is_development():
        return
    os.environ["DEBUG"] = "True"
    for name, value in development_secrets().items():
        os.environ.setdefault(name, value)
    if not os.environ.get("DATABASE_URL"):
        try:
            os.environ["DATABASE_URL"] = embedded_postgres.start(DATA_DIR / "postgres")
        except embedded_postgres.EmbeddedPostgresUnavailable as error:
            raise SystemExit(str(error)) from None


def development_secrets() -> dict[str, str]:
    """Return this checkout's secrets, made at the first call and kept in .data/."""
    path = DATA_DIR / "secrets.env"
    if not path.exists():
        DATA_DIR.mkdir(exist_ok=True)
        lines = "".join(f"{name}={secrets.token_urlsafe(48)}\n" for name in SECRETS)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(lines)
        try:
            path.hardlink_to(draft)  # of two processes that start at once, one makes the secrets
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


class Supervisor:
    """Web and worker, started again when they end, stopped together."""

    def __init__(self, commands: dict[str, list[str]], *, has_embedded_database: bool) -> None:
        self.commands = commands
        self.has_embedded_database = has_embedded_database
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.started: dict[str, float] = {}
        self.early_ends: dict[str, int] = dict.fromkeys(commands, 0)
        self.is_stopping = False
        self.exit_code = 0

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_stopping = True

    def run(self, url: str) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        is_announced = False
        while not self.is_stopping:
            self.revive()
            if not is_announced and is_answering(f"{url}/health/live"):
                announce(url)
                is_announced = True
            time.sleep(0.5 if is_announced else 0.1)
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait()

    def revive(self) -> None:
        """Start what is not running, the embedded database included.

        What ends again and again at once will not run the next time either: then everything stops.
        """
        if self.has_embedded_database:
            embedded_postgres.start(DATA_DIR / "postgres")
        for name, command in self.commands.items():
            process = self.processes.get(name)
            if process and process.poll() is None:
                continue
            if process:
                self.early_ends[name] = (
                    self.early_ends[name] + 1 if time.monotonic() - self.started[name] < 5 else 0
                )
                if self.early_ends[name] == 3:
                    print(f"{name} cannot be started: see above", flush=True)
                    self.exit_code, self.is_stopping = 1, True
                    return
                print(f"{name} ended with {process.returncode}; starting it again", flush=True)
                time.sleep(1)
            self.started[name] = time.monotonic()
            # Its own session: Ctrl-C reaches us alone, and we stop them in order.
            self.processes[name] = subprocess.Popen(  # noqa: S603  our own commands
                command,
                cwd=BASE_DIR,
                start_new_session=True,
                preexec_fn=end_with_parent if sys.platform == "linux" else None,
            )


def end_with_parent() -> None:
    """Be told to stop when the supervisor is killed: an orphan would hold the port."""
    PR_SET_PDEATHSIG = 1  # noqa: N806  its name in prctl(2)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def is_answering(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def announce(url: str) -> None:
    print(
        f"\n  UltrAI Core is running. Ctrl-C stops it.\n"
        f"    API    {url}/\n"
        f"    Docs   {url}/docs\n"
        f"    Admin  {url}/admin/   (.venv/bin/python manage.py createsuperuser)\n",
        flush=True,
    )


def main() -> None:
    """Migrate, then run web and worker until a signal comes."""
    has_embedded_database = not os.environ.get("DATABASE_URL")
    prepare()
    port = os.environ.get("PORT", "8000")
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise SystemExit("PORT must be a number from 1 to 65535. Example: PORT=8000")
    python = sys.executable
    migrate = subprocess.run(  # noqa: S603
        [python, "manage.py", "migrate", "--verbosity=0"], cwd=BASE_DIR, check=False
    )
    if migrate.returncode:
        raise SystemExit(migrate.returncode)
    gunicorn = ["-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf", "--log-level=warning"]
    web = [python, *gunicorn, f"--bind=127.0.0.1:{port}", "ultrai.wsgi"]
    worker = [python, "manage.py", "worker"]
    supervisor = Supervisor(
        {"web": web, "worker": worker}, has_embedded_database=has_embedded_database
    )
    supervisor.run(f"http://127.0.0.1:{port}")
    raise SystemExit(supervisor.exit_code)


if __name__ == "__main__":
    main()
