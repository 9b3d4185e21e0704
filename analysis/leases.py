"""One worker process's leases, renewed together: one query a second, however many it holds."""

import asyncio
import math
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from analysis.models import LEASE, Analysis
from ultrai.exceptions import DATABASE_ERRORS
from ultrai.jobs import in_database

PERIOD_SECONDS = 1.0  # also how soon a cancelled analysis is noticed
LATE_SECONDS = 1.0  # an event loop that comes so late has more to do than it can


class LeaseLost(Exception):
    """Another worker, a cancellation or a deletion took the analysis away from this worker."""


class Keeper:
    """Renews what is held; who lost a lease is told by the event."""

    def __init__(self) -> None:
        self.held: dict[UUID, asyncio.Event] = {}
        self.task: asyncio.Task[None] | None = None
        self.late_at = 0.0  # when the event loop was last seen to be late
        self.due = math.inf  # when it is to come back from a pause

    async def keep(self) -> None:
        renewed_at = time.monotonic()
        while self.held:
            self.due = time.monotonic() + PERIOD_SECONDS
            await asyncio.sleep(PERIOD_SECONDS)
            self.is_late()
            self.due = math.inf
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

    def is_late(self) -> bool:
        if time.monotonic() > self.due + LATE_SECONDS:
            self.late_at = time.monotonic()
            return True
        return False


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


def was_late_since(moment: float) -> bool:
    """Whether this event loop has been late since then: what was not done in time was not done by
    us, whoever was asked for it."""
    keeper = _keepers.get(asyncio.get_running_loop())
    return keeper is not None and (keeper.is_late() or keeper.late_at >= moment)
