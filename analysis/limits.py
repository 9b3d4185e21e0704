"""How hard a provider is asked: so many calls at once, and none while it keeps failing."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from django.conf import settings

from analysis.providers import ProviderError, is_extractive

# After so many failures in a row that are the provider's own, it is left alone for a while; then
# one call tries again.
FAILURES_TO_OPEN = 8
OPEN_SECONDS = 30.0
LOCAL_CONCURRENCY = 2
# Bytes of documents that the analyses of one worker hold at once: their texts, their prepared
# copies and the messages made of them take several times that.
MOST_BYTES = 24_000_000
# What says something about the provider, and nothing about the question or the key.
PROVIDERS_FAULT = {"timeout", "overloaded", "server_error", "connection", "truncated"}


@dataclass
class Breaker:
    failures: int = 0
    closed_again_at: float = 0.0

    def check(self, provider: str) -> None:
        """Raises ProviderError while the provider is left alone."""
        left = self.closed_again_at - time.monotonic()
        if self.failures >= FAILURES_TO_OPEN and left > 0:
            raise ProviderError(
                "circuit_open",
                f"{provider} failed {self.failures} times in a row and is left alone for another"
                f" {left:.0f} seconds.",
                retry_after=left,
            )
        if self.failures >= FAILURES_TO_OPEN:
            self.closed_again_at = time.monotonic() + OPEN_SECONDS  # this call is the trial

    def note(self, error: ProviderError | None) -> None:
        if error is None or error.code not in PROVIDERS_FAULT:
            self.failures = 0
        else:
            self.failures += 1
            if self.failures == FAILURES_TO_OPEN:
                self.closed_again_at = time.monotonic() + OPEN_SECONDS


@dataclass
class Gate:
    """One provider's, in one event loop."""

    slots: asyncio.Semaphore
    breaker: Breaker = field(default_factory=Breaker)


_gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Gate]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def gate(model: str) -> AsyncIterator[None]:
    """Wait for a place with the model's provider. Raises ProviderError while it is left alone."""
    provider = model.partition(":")[0]
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    if provider not in gates:
        is_local = is_extractive(f"{provider}:")  # these take a core each
        places = LOCAL_CONCURRENCY if is_local else settings.PROVIDER_CONCURRENCY
        gates[provider] = Gate(asyncio.Semaphore(places))
    found = gates[provider]
    async with found.slots:
        found.breaker.check(provider)
        try:
            yield
        except ProviderError as error:
            found.breaker.note(error)
            raise
        found.breaker.note(None)


class Room:
    """A share of MOST_BYTES; what is larger than all of it waits for the whole."""

    def __init__(self) -> None:
        self.free = MOST_BYTES
        self.changed = asyncio.Condition()

    @asynccontextmanager
    async def take(self, size: int) -> AsyncIterator[None]:
        share = min(size, MOST_BYTES)
        async with self.changed:
            await self.changed.wait_for(lambda: self.free >= share)
            self.free -= share
        try:
            yield
        finally:
            async with self.changed:
                self.free += share
                self.changed.notify_all()


_rooms: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Room] = weakref.WeakKeyDictionary()


def room() -> Room:
    """This event loop's."""
    return _rooms.setdefault(asyncio.get_running_loop(), Room())
