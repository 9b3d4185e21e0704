"""What works and what does not, in words: what the health endpoints tell."""

import threading
from dataclasses import dataclass, field

from django.conf import settings
from django.core.cache import caches
from django.db import ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

from ultrai.cache import FallbackRedisCache
from ultrai.exceptions import DATABASE_ERRORS
from ultrai.queues import Queue, heartbeat_age, queues

# A worker writes its heartbeat every 5 s; three missed ones and it is away.
WORKER_AWAY_AFTER_SECONDS = 20

migrations_were_applied = threading.Event()


@dataclass
class Condition:
    database: str = "connected"
    cache: str = "in_memory"
    worker: str = "unknown"
    heartbeat_seconds: float | None = None
    queues: list[Queue] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # why it is not simply ok

    @property
    def status(self) -> str:
        if self.database != "connected":
            return "error"
        return "degraded" if self.reasons else "ok"


def measure(*, with_cache: bool) -> Condition:
    found = Condition()
    try:
        found.heartbeat_seconds = heartbeat_age()
        if migrations_applied():
            found.queues = queues()
        else:
            found.database = "migrations_pending"
    except ProgrammingError:  # a table is not there yet
        found.database = "migrations_pending"
    except DATABASE_ERRORS:
        found.database = "connection_failed"
    if found.database == "connected":
        note_work(found)
    elif found.database == "migrations_pending":
        found.reasons.append("The database's tables are not up to date: run manage.py migrate.")
    else:
        found.reasons.append("The database cannot be reached.")
    if with_cache:
        found.cache = cache_state()
        if found.cache == "unreachable":
            found.reasons.append(
                "Redis cannot be reached: each process counts and caches for itself."
            )
    return found


def note_work(found: Condition) -> None:
    """Whether somebody does what is queued, and soon enough."""
    age = found.heartbeat_seconds
    found.worker = "ok" if age is not None and age < WORKER_AWAY_AFTER_SECONDS else "away"
    if found.worker == "away":
        last = "none has ever run" if age is None else f"the last sign of life is {age:.0f} s old"
        found.reasons.append(f"No worker is running: {last}. Jobs wait.")
    for queue in found.queues:
        if queue.oldest_seconds > settings.QUEUE_MAX_WAIT_SECONDS:
            found.reasons.append(
                f"The oldest of {queue.waiting} jobs in the queue {queue.name} has waited for"
                f" {queue.oldest_seconds:.0f} s."
            )


def cache_state() -> str:
    redis = caches["default"]
    if not isinstance(redis, FallbackRedisCache):
        return "in_memory"
    return "connected" if redis.ping() else "unreachable"


def unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrations_applied() -> bool:
    """Whether this version's migrations are applied; once they are, nobody looks again."""
    if not migrations_were_applied.is_set() and not unapplied_migrations():
        migrations_were_applied.set()
    return migrations_were_applied.is_set()
