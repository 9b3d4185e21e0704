"""One worker process's leases, renewed together: one query a second, however many it holds."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from analysis.models import LEASE, Analysis
from ultrai.exceptions import DATABASE_ERRORS
from ultrai.jobs import in_database

PERIOD_SECONDS = 1.0  # also how soon a cancelled analysis is noticed


class LeaseLost(Exception):
    """Another worker, a cancellation or a deletion took the analysis away from this worker."""


class Keeper:
    """Renews what is held; who lost a lease is told by the event."""

    def __init__(self) -> None:
        self.held: dict[UUID, asyncio.Event] = {}
        self.task: asyncio.Task[None] | None = None

    async def keep(self) -> None:
        renewed_at = time.monotonic()
        while self.held:
            await asyncio.sleep(PERIOD_SECONDS)
            asked = list(self.held)
            started = time.monotonic()
            try:
                renewed = await in_database(Analysis.objects.renew_leases, asked)
                renewed_at = started
            except DATABASE_ERRORS:
                # The database is away. Calls in flight are paid for: they go on while the leases
                # last, and their answers wait to be written.
                if time.monotonic() - renewed_at < LEASE.total_seconds():
                    continue
                renewed = set()
            for lease in set(asked) - renewed:
                if lost := self.held.get(lease):
                    lost.set()


_keepers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Keeper] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def held(lease: UUID) -> AsyncIterator[asyncio.Event]:
    """Keep the lease while inside; the event is set when it is lost."""
    keeper = _keepers.setdefault(asyncio.get_running_loop(), Keeper())
    lost = keeper.held[lease] = asyncio.Event()
    if keeper.task is None or keeper.task.done():
        keeper.task = asyncio.create_task(keeper.keep())
    try:
        yield lost
    finally:
        del keeper.held[lease]
