"""Web and worker side by side: for `make run`, and for a container that is all there is."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

BASE_DIR = Path(__file__).resolve().parent.parent
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf", "ultrai.wsgi"]
WORKER = [sys.executable, "manage.py", "worker"]
MIGRATE = [sys.executable, "manage.py", "migrate", "--noinput"]

# What ends this soon after its start, and this often in a row, will not run the next time either.
EARLY_SECONDS = 5
EARLY_ENDS = 3


def run(command: list[str]) -> None:
    """Run one command to its end; if it fails, so do we."""
    if code := subprocess.run(command, cwd=BASE_DIR, check=False).returncode:  # noqa: S603
        raise SystemExit(code)


class Supervisor:
    """Processes that are started again when they end, and stopped together."""

    def __init__(self, commands: dict[str, list[str]]) -> None:
        self.commands = commands
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.started: dict[str, float] = {}
        self.early_ends: dict[str, int] = dict.fromkeys(commands, 0)
        self.is_stopping = False
        self.exit_code = 0

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_stopping = True

    def run(self, look_after: Callable[[], None] = lambda: None) -> int:
        """Keep them running until SIGTERM or SIGINT; return the exit code.

        `look_after` is called twice a second, the first time before anything runs.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        while not self.is_stopping:
            look_after()
            self.revive()
            time.sleep(0.5)
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait()
        return self.exit_code

    def revive(self) -> None:
        """Start what is not running. What ends again and again at once stops everything."""
        for name, command in self.commands.items():
            process = self.processes.get(name)
            if process and process.poll() is None:
                continue
            if process:
                is_early = time.monotonic() - self.started[name] < EARLY_SECONDS
                self.early_ends[name] = self.early_ends[name] + 1 if is_early else 0
                if self.early_ends[name] == EARLY_ENDS:
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
