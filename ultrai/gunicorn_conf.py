"""gunicorn's settings: `gunicorn -c python:ultrai.gunicorn_conf ultrai.wsgi`."""

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

# Read in the master: a wrong variable ends the process at once, with its one line, instead of a
# worker that fails to boot again and again.
from ultrai import settings
from ultrai.balancing import leave

workers = settings.WEB_CONCURRENCY
worker_class = "ultrai.patient_worker.PatientWorker"
logger_class = "ultrai.gunicorn_logger.GunicornLogger"
threads = settings.WEB_THREADS
keepalive = 15
timeout = 60
graceful_timeout = 25  # the platform kills 30 s after SIGTERM
preload_app = False
max_requests = 20_000  # a slow leak in any library never gets far
max_requests_jitter = 2_000
control_socket_disable = True

if settings.DATABASE_STATEMENT_TIMEOUT:
    # Said when a connection begins, and so no query of a request.
    options = settings.DATABASES["default"]["OPTIONS"]
    limit = f"-c statement_timeout={settings.DATABASE_STATEMENT_TIMEOUT}s"
    options["options"] = f"{options.get('options', '')} {limit}".strip()


# Metrics: each process counts into files of its place, a number from 0. Who follows a process takes
# its place and counts on in its files, so they stay few and no count is lost.


def on_starting(server: Any) -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ultrai-metrics-")


def on_exit(server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def pre_fork(server: Any, worker: Any) -> None:
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def child_exit(server: Any, worker: Any) -> None:
    """What was true of a process only while it lived is true no more."""
    leave(worker.place)
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    for file in folder.glob(f"gauge_live*_{worker.place}.db"):
        file.unlink(missing_ok=True)


def post_worker_init(worker: Any) -> None:
    from ultrai.metrics import start_sampling

    # What is there now stays: a collection in the middle of a request need not look through it.
    gc.collect()
    gc.freeze()
    start_sampling()


def post_fork(server: Any, worker: Any) -> None:
    """Forget pools opened before the fork, should somebody preload: sockets cannot be shared.

    And count into the files of this process's place, and use the database by turns.
    """
    from prometheus_client import values

    from ultrai.postgres.base import DatabaseWrapper
    from ultrai.postgres.turns import Turns

    # Django has no other way, and its stubs do not know this one.
    DatabaseWrapper._connection_pools.clear()  # type: ignore[attr-defined]  # noqa: SLF001
    DatabaseWrapper.turns = Turns(settings.WEB_DATABASE_CONCURRENCY)
    # Before the first metric is made, which asks what a value is.
    values.ValueClass = values.MultiProcessValue(lambda: worker.place)  # type: ignore[no-untyped-call]
