"""How hard a provider is asked: so many calls at once and so much a minute, less after a rate
limit, and not at all while it keeps failing."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from django.conf import settings

from analysis.leases import was_late_since
from analysis.providers import ProviderError, is_extractive

# After so many failures in a row that are the provider's own, it is left alone for a while; then
# one call tries again.
FAILURES_TO_OPEN = 8
OPEN_SECONDS = 30.0
LOCAL_CONCURRENCY = 2
# How long all calls to a provider wait after a rate limit that does not say how long.
HOLD_SECONDS = 1.0
# A provider that wants to be left alone for longer than this is not waited for.
LONGEST_HOLD_SECONDS = 120.0
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

    def enter(self) -> None:
        if self.failures >= FAILURES_TO_OPEN:
            self.closed_again_at = time.monotonic() + OPEN_SECONDS  # this call is the trial

    def note(self, *, is_failure: bool) -> None:
        self.failures = self.failures + 1 if is_failure else 0
        if self.failures == FAILURES_TO_OPEN:
            self.closed_again_at = time.monotonic() + OPEN_SECONDS


@dataclass
class Pace:
    """So much a minute, evenly: what takes more than its share delays what comes after it."""

    seconds_each: float
    due_at: float = 0.0

    @classmethod
    def of(cls, a_minute: int | None) -> Self:
        return cls(60 / a_minute if a_minute else 0.0)

    def take(self, amount: float) -> None:
        self.due_at = max(time.monotonic(), self.due_at) + amount * self.seconds_each

    def correct(self, amount: float) -> None:
        self.due_at += amount * self.seconds_each


@dataclass
class Passage:
    """One call's, through its provider's gate."""

    tokens: int  # as estimated
    used: int | None = None  # what it did take: for the caller to say
    entered_at: float = field(default_factory=time.monotonic)


@dataclass
class Gate:
    """One provider's, in one event loop. Calls enter one by one, in the order in which they came.

    Only the first in the line watches the clock. A call that is cancelled in the line takes
    nobody's place or time.
    """

    provider: str
    places: int
    requests: Pace
    tokens: Pace
    breaker: Breaker = field(default_factory=Breaker)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    allowed: int = 1  # at once: `places`; after a rate limit 1, and one more with each answer
    held_until: float = 0.0  # the provider has asked not to be asked until then
    limited_at: float = 0.0  # when it last did
    words: str = ""  # with which it did

    def __post_init__(self) -> None:
        self.allowed = self.places

    async def enter(self, tokens: int) -> Passage:
        """Wait in the line. Raises ProviderError while the provider is left alone."""
        async with self.turn:
            while self.in_flight >= self.allowed or self.seconds_left() > 0:
                self.check()
                self.changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.seconds_left() or None):
                        await self.changed.wait()
            self.check()
            self.breaker.enter()
            self.in_flight += 1
            self.requests.take(1)
            self.tokens.take(tokens)
            return Passage(tokens)

    def leave(self, passage: Passage) -> None:
        self.in_flight -= 1
        if passage.used is not None:
            self.tokens.correct(passage.used - passage.tokens)
        self.changed.set()

    def note(self, passage: Passage, error: ProviderError | None) -> None:
        """Learn from what came back."""
        is_limit = error is not None and error.code == "rate_limited"
        is_news = passage.entered_at >= self.limited_at  # sent after the last limit was known
        if error is None and is_news:
            self.allowed = min(self.places, self.allowed + 1)
        if error is not None and (is_limit or error.retry_after is not None):
            self.hold(error, is_news=is_news)
        if is_limit and not is_news:
            return  # one of many that were sent together
        # A limit is a failure as well where the call waited as it was told: it was told wrong.
        is_failure = error is not None and (is_limit or error.code in PROVIDERS_FAULT)
        self.breaker.note(is_failure=is_failure)

    def hold(self, error: ProviderError, *, is_news: bool) -> None:
        now = time.monotonic()
        seconds = HOLD_SECONDS if error.retry_after is None else error.retry_after
        self.held_until = max(self.held_until, now + seconds)
        self.words = error.message
        if is_news:
            self.limited_at, self.allowed = now, 1

    def check(self) -> None:
        self.breaker.check(self.provider)
        left = self.held_until - time.monotonic()
        if left > LONGEST_HOLD_SECONDS:
            raise ProviderError(
                "rate_limited",
                f"{self.provider} is left alone for another {left:.0f} seconds, as it asked:"
                f" {self.words}",
                retry_after=left,
            )

    def seconds_left(self) -> float:
        due = max(self.requests.due_at, self.tokens.due_at, self.held_until)
        return max(0.0, due - time.monotonic())


_gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Gate]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def gate(model: str, tokens: int) -> AsyncIterator[Passage]:
    """Wait for the turn of a call of about so many tokens to the model's provider.

    Raises ProviderError while the provider is left alone.
    """
    provider = model.partition(":")[0]
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    if provider not in gates:
        gates[provider] = _new_gate(provider)
    found = gates[provider]
    passage = await found.enter(tokens)
    try:
        yield passage
    except ProviderError as error:
        # A connection that was not made in time by a machine that is too busy says nothing of it.
        if error.code != "connection" or not was_late_since(passage.entered_at):
            found.note(passage, error)
        raise
    else:
        found.note(passage, None)
    finally:
        found.leave(passage)


def _new_gate(provider: str) -> Gate:
    if is_extractive(f"{provider}:"):  # these take a core each
        return Gate(provider, LOCAL_CONCURRENCY, Pace.of(None), Pace.of(None))
    config = settings.LLM_PROVIDERS.get(provider)
    if config is None:  # not there any more: the calls are about to be told so
        return Gate(provider, LOCAL_CONCURRENCY, Pace.of(None), Pace.of(None))
    return Gate(
        provider,
        config.concurrency,
        Pace.of(config.requests_per_minute),
        Pace.of(config.tokens_per_minute),
    )


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
