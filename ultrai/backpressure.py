"""Backpressure: a worker takes no further job of a queue while it is behind with those it has.

What it took too early would wait inside, where nobody is first. In the queue the fair order
decides, and another worker may have time.
"""

import asyncio
import time
from collections.abc import Iterable

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from ultrai.jobs import in_database

# What a step of a job may wait for the event loop and a thread.
MOST_DELAY_SECONDS = 0.1
PAUSE_SECONDS = 0.05
# Then it takes one all the same: what delays it may be somebody else's, and go on for ever.
PATIENCE_SECONDS = 2.0


class PatientJobManager(JobManager):
    """Procrastinate's, which fetches from one queue as fast as the worker can keep up."""

    def __init__(self, connector: BaseConnector, queue: str) -> None:
        super().__init__(connector)
        self.queue = queue
        self.stopping = asyncio.Event()  # whoever waits to fetch then gets nothing, at once

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        if queues and self.queue in queues:
            await self.be_patient()
        return None if self.stopping.is_set() else await super().fetch_job(queues, worker_id)

    async def be_patient(self) -> None:
        ends = [asyncio.create_task(catch_up()), asyncio.create_task(self.stopping.wait())]
        await asyncio.wait(ends, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for one in ends:
            one.cancel()


async def catch_up() -> None:
    while await delay() > MOST_DELAY_SECONDS:
        await asyncio.sleep(PAUSE_SECONDS)


async def delay() -> float:
    """Return how long it takes to do nothing, by way of the event loop and the threads that each
    step of a job takes as well."""
    started = time.monotonic()
    await asyncio.gather(in_database(int), asyncio.to_thread(int))
    return time.monotonic() - started
