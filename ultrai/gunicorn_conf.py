"""gunicorn's settings: `gunicorn -c python:ultrai.gunicorn_conf ultrai.wsgi`."""

from typing import Any

# Read in the master: a wrong variable ends the process at once, with its one line, instead of a
# worker that fails to boot again and again.
from ultrai import settings

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


def post_fork(server: Any, worker: Any) -> None:
    """Forget pools opened before the fork, should somebody preload: sockets cannot be shared."""
    from django.db.backends.postgresql.base import DatabaseWrapper

    # Django has no other way, and its stubs do not know this one.
    DatabaseWrapper._connection_pools.clear()  # type: ignore[attr-defined]  # noqa: SLF001
