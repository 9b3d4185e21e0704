"""/metrics in Prometheus's text format: requests and pool by process, the rest from the database.

Under gunicorn each process counts into files of its own (`ultrai.gunicorn_conf`), and whichever is
asked adds them up. What concerns the whole service is in the database, so any instance can tell.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import ProgrammingError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ultrai.exceptions import DATABASE_ERRORS
from ultrai.problems import problem_response
from ultrai.queues import heartbeat_age, queues

POOL_EVERY_SECONDS = 5
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

registry = CollectorRegistry()
requests = Histogram(
    "ultrai_http_request_duration_seconds",
    "Requests by method, route (its pattern) and status; for streams, until they began.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
pool_connections = Gauge(
    "ultrai_database_pool_connections",
    "Connections of the web processes' pools.",
    ["state"],
    multiprocess_mode="livesum",
    registry=registry,
)
pool_waiting = Gauge(
    "ultrai_database_pool_requests_waiting",
    "Requests that wait for a connection now.",
    multiprocess_mode="livesum",
    registry=registry,
)
pool_wait_seconds = Counter(
    "ultrai_database_pool_wait_seconds", "Time spent waiting for a connection.", registry=registry
)
pool_errors = Counter(
    "ultrai_database_pool_errors", "Requests that got no connection in time.", registry=registry
)

# By labels: looking a child up costs less than asking the library for it.
children: dict[tuple[str, str, int], Histogram] = {}


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    key = (method, route, status)
    child = children.get(key)
    if child is None:  # whatever a client invents as a method is one of them
        known = method if method in METHODS else "other"
        child = requests.labels(known, route, str(status))
        if known == method:
            children[key] = child
    child.observe(seconds)


def sample_pool() -> None:
    """Publish the state of this process's pool, for ever; runs in a thread of its own."""
    while True:
        # Django's own type does not know that PostgreSQL's has a pool.
        stats = connection.pool.pop_stats()  # type: ignore[attr-defined]
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        pool_connections.labels("used").set(size - idle)
        pool_connections.labels("idle").set(idle)
        pool_waiting.set(stats.get("requests_waiting", 0))
        pool_wait_seconds.inc(stats.get("requests_wait_ms", 0) / 1_000)
        pool_errors.inc(stats.get("requests_errors", 0))
        time.sleep(POOL_EVERY_SECONDS)


def start_sampling() -> None:
    threading.Thread(target=sample_pool, name="pool metrics", daemon=True).start()


# From the database


def queue_metrics() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("ultrai_queue_jobs", "Jobs by state.", labels=["queue", "state"])
    oldest = GaugeMetricFamily(
        "ultrai_queue_oldest_seconds", "How long the oldest job has waited.", labels=["queue"]
    )
    for queue in queues():
        for state in ("waiting", "scheduled", "running"):
            jobs.add_metric([queue.name, state], getattr(queue, state))
        oldest.add_metric([queue.name], queue.oldest_seconds)
    yield from (jobs, oldest)
    if (age := heartbeat_age()) is not None:
        yield GaugeMetricFamily(
            "ultrai_worker_heartbeat_age_seconds", "Since any worker's last sign of life.", age
        )


# Apps add theirs when they are ready.
database_metrics: list[Callable[[], Iterable[Metric]]] = [queue_metrics]


class DatabaseCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        families: list[Metric] = []
        is_up = True
        try:
            for collect in database_metrics:
                families.extend(collect())
        except (ProgrammingError, *DATABASE_ERRORS):
            is_up = False
        yield GaugeMetricFamily("ultrai_database_up", "Whether it answers.", float(is_up))
        yield from families


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token, settings.METRICS_TOKEN):
        response = problem_response(401, "not_authenticated", "Send METRICS_TOKEN as bearer token.")
        response["WWW-Authenticate"] = "Bearer"
        return response
    source = registry
    if values.ValueClass._multiprocess:  # noqa: SLF001  the library has no other way to ask
        source = CollectorRegistry()
        MultiProcessCollector(source)  # type: ignore[no-untyped-call]
    from_database = CollectorRegistry()
    from_database.register(DatabaseCollector())
    text = generate_latest(source) + generate_latest(from_database)
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)
