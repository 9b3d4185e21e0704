"""How long the queues are and how long their oldest job has waited, for health and metrics."""

from typing import NamedTuple

from django.core.cache import cache
from django.db import connection

CACHE_SECONDS = 5

# Follows the partial index on the jobs that are not over. A job has no date of its own: its last
# event says since when it waits (a scheduled one's, from when on it may run).
QUEUES = """
    WITH queues AS (
        SELECT queue_name,
               count(*) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now())
                   AS waiting,
               count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()) AS scheduled,
               count(*) FILTER (WHERE status = 'doing') AS running,
               min(id) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now())
                   AS oldest
        FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name
    )
    SELECT queue_name, waiting, scheduled, running, coalesce((
        SELECT extract(epoch FROM now() - max(at))::float FROM procrastinate_events
        WHERE job_id = oldest
    ), 0) FROM queues ORDER BY queue_name
"""
HEARTBEAT = (
    "SELECT extract(epoch FROM now() - max(last_heartbeat))::float FROM procrastinate_workers"
)


class Queue(NamedTuple):
    name: str
    waiting: int
    scheduled: int  # to run later
    running: int
    oldest_seconds: float  # how long the first of the waiting has waited


def queues() -> list[Queue]:
    """Return the queues that have jobs; probes and scrapes share the answer for some seconds."""
    rows = cache.get_or_set("queues", count_jobs, CACHE_SECONDS)
    return [Queue(*row) for row in rows or []]


def count_jobs() -> list[tuple[str, int, int, int, float]]:
    with connection.cursor() as cursor:
        cursor.execute(QUEUES)
        return list(cursor.fetchall())


def heartbeat_age() -> float | None:
    """Return how long ago any worker has said that it lives, in seconds; None: none ever has."""
    with connection.cursor() as cursor:
        cursor.execute(HEARTBEAT)
        age: float | None = cursor.fetchone()[0]
        return age
