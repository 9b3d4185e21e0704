"""The queue's own upkeep, and how its async jobs reach the database."""

import asyncio
import contextvars
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

from django.db import close_old_connections, transaction
from django.db.models import CharField, Exists, Model, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status
from psycopg.types.json import Jsonb

from ultrai.compiled import run_prepared
from ultrai.tracing import carried

# A job that fails for a reason of ours (the database away, a bug) runs again after 2, 4, 8 s.
RETRY = RetryStrategy(max_attempts=5, exponential_wait=2)
# A job whose worker died this often is not run again: it may be what kills them.
MAX_ATTEMPTS = 5
# Hundreds of jobs share these: one thread alone would have each wait for all others' round trips.
_threads = ThreadPoolExecutor(4, thread_name_prefix="database")
# A worker's heartbeat comes every 5 s (settings); without one for this long it is dead.
STALLED_AFTER_SECONDS = 30


async def in_database[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that uses the ORM, away from the event loop, in one of a few threads.

    Its connection goes back to the pool at once, so no job holds one while it waits for a model.
    """

    def call() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, context.run, call)


# As Procrastinate's own function inserts it, but for two things. A conflict is no error: that would
# take a savepoint before it, and so two round trips more. And the trigger tells no workers: whoever
# notifies holds a lock of the whole server until the transaction is on the disk, and so of all who
# queue jobs one commits at a time.
INSERT_JOB = """
    INSERT INTO procrastinate_jobs
        (task_name, queue_name, queueing_lock, priority, scheduled_at, args)
    SELECT {values} FROM {source}set_config('ultrai.tells_workers', 'yes', true)
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    RETURNING id
"""
ENQUEUE = INSERT_JOB.format(values="%s, %s, %s, %s, %s, %s", source="")
TELL = "SELECT pg_notify('procrastinate_queue_v1#' || %s, %s), pg_notify(%s, %s)"
ANY_QUEUE = "procrastinate_any_queue_v1"


def enqueue(
    name: str,
    queue: str,
    *,
    lock: str | None = None,
    priority: int = 0,
    at: datetime | None = None,
    **arguments: Any,
) -> None:
    """Queue a `traced` job in the caller's transaction; one that waits with this lock will do.

    In the worker a task's own `defer` goes through the worker's connections: that job would be
    queued before the rows are there, and stay when the transaction is rolled back.
    """
    args = Jsonb({**arguments, **carried()})
    rows = run_prepared(ENQUEUE, [name, queue, lock, priority, at, args])
    if rows and at is None:
        # Whoever hears nothing of it finds it all the same: workers also look every few seconds.
        transaction.on_commit(partial(tell_workers, queue, rows[0][0]), robust=True)


def tell_workers(queue: str, job_id: int) -> None:
    message = json.dumps({"type": "job_inserted", "job_id": job_id})
    run_prepared(TELL, [queue, message, ANY_QUEUE, message])


def without_job[M: Model](rows: QuerySet[M], lock: str) -> QuerySet[M, int]:
    """Return the ids of those rows for which no job waits, by its queueing lock `lock` + id.

    A job that runs does not count: the worker may have lost it while the database was away.
    """
    row_lock = Concat(Value(lock), Cast(OuterRef("pk"), CharField()))
    waiting = ProcrastinateJob.objects.filter(queueing_lock=row_lock, status="todo")
    return rows.filter(~Exists(waiting)).values_list("pk", flat=True)


@app.periodic(cron="* * * * * */10")  # every 10 seconds: seconds come last
@app.task(name="queue.rescue", queue="upkeep", queueing_lock="rescue", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Queue again what a dead worker held; by itself Procrastinate leaves it `doing` for ever."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS):
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # queued again already: this one has nothing left to do
            await manager.finish_job(job, Status.ABORTED, delete_job=True)


@app.periodic(cron="17 * * * *")
@app.task(name="queue.clean", queue="upkeep", queueing_lock="clean", pass_context=True)
async def delete_finished_jobs(context: JobContext, timestamp: int) -> None:
    """Forget what ended a week ago; the rows the jobs worked on tell the story."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=7 * 24, include_failed=True, include_cancelled=True, include_aborted=True
    )
