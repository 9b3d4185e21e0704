"""How hard a provider is asked. Bounds are lower ones: a busy machine makes things late only."""

import asyncio
import time
from collections import Counter
from uuid import uuid4

import pytest

from analysis.leases import LATE_SECONDS, PERIOD_SECONDS, held
from analysis.limits import FAILURES_TO_OPEN, gate
from analysis.providers import ProviderConfig, ProviderError

LIMITED = ProviderError("rate_limited", "Slow down.", retry_after=0.3)


@pytest.fixture
def limited(settings):
    """A provider `peer` with these limits, and a way to make calls to it that do nothing else."""

    def limited(**limits):
        config = ProviderConfig("peer", "openai_compatible", "sk-x", None, ("a",), **limits)
        settings.LLM_PROVIDERS = {"peer": config}

    return limited


async def call(seconds=0.0, error=None, tokens=0, used=None):
    """Return when the call was let in."""
    async with gate("peer:a", tokens) as passage:
        entered = time.monotonic()
        await asyncio.sleep(seconds)
        passage.used = used
        if error:
            raise error
    return entered


async def many(number, **of_each):
    return await asyncio.gather(*(call(**of_each) for _ in range(number)))


def test_hundreds_of_calls_are_let_in_evenly_and_in_order(limited):
    limited(requests_per_minute=30_000)  # one every 2 ms

    entered = asyncio.run(many(400))

    assert entered == sorted(entered)
    assert entered[-1] - entered[0] > 399 * 0.002 * 0.99
    halves = entered[200] - entered[0], entered[-1] - entered[200]
    assert 0.5 < halves[0] / halves[1] < 2  # neither in bursts


def test_no_more_at_once_than_there_are_places(limited):
    limited(concurrency=3)

    entered = asyncio.run(many(9, seconds=0.1))

    assert all(later - earlier > 0.09 for earlier, later in zip(entered, entered[3:], strict=False))


def test_tokens_are_paced_by_what_was_used_not_by_what_was_feared(limited):
    limited(tokens_per_minute=60_000)  # 1,000 a second

    async def two(used):
        await call(tokens=10_000, used=used)
        started = time.monotonic()
        await call()
        return time.monotonic() - started

    assert 0.2 < asyncio.run(two(used=300)) < 5


def test_a_call_cancelled_in_the_line_takes_nobodys_time(limited):
    limited(requests_per_minute=600)  # one every 0.1 s

    async def cancelled():
        first, *others, last = [asyncio.create_task(call()) for _ in range(52)]
        await first
        for other in others:
            other.cancel()
        return await last - await first

    assert asyncio.run(cancelled()) < 2.5  # not 5.1


def test_a_rate_limit_holds_back_every_call_then_lets_in_one_more_with_each_answer(limited):
    limited()
    inside, answered, seen = 0, 0, []

    async def counted():
        nonlocal inside, answered
        async with gate("peer:a", 0):
            inside += 1
            seen.append((time.monotonic(), inside, answered))
            await asyncio.sleep(0.05)
            inside, answered = inside - 1, answered + 1

    async def herd():
        with pytest.raises(ProviderError):
            await call(error=LIMITED)
        started = time.monotonic()
        await asyncio.gather(*(counted() for _ in range(20)))
        return started

    started = asyncio.run(herd())

    assert len(seen) == 20
    assert seen[0][0] - started > 0.29
    assert all(at_once <= answers + 1 for _, at_once, answers in seen)


def test_a_provider_that_wants_to_be_left_alone_for_long_is_not_waited_for(limited):
    limited()

    async def twice():
        with pytest.raises(ProviderError):
            await call(error=ProviderError("rate_limited", "Daily quota.", retry_after=3_600))
        with pytest.raises(ProviderError) as caught:
            await call()
        return caught.value

    error = asyncio.run(twice())
    assert (error.code, "as it asked: Daily quota." in error.message) == ("rate_limited", True)


def test_limits_without_end_open_the_breaker_and_nobody_waits_for_ever(limited):
    limited(concurrency=5)
    again = ProviderError("rate_limited", "Slow down.", retry_after=0.01)

    async def herd():
        calls = await asyncio.gather(
            *(call(error=again) for _ in range(50)), return_exceptions=True
        )
        return Counter(getattr(error, "code", "") for error in calls)

    # Five went together, which counts once; then one at a time.
    assert asyncio.run(herd()) == {"rate_limited": 5 + FAILURES_TO_OPEN - 1, "circuit_open": 38}


def test_connections_that_a_busy_worker_did_not_make_in_time_open_no_breaker(
    limited, transactional_db
):
    limited()
    error = ProviderError("connection", "Request timed out.")

    async def busy():
        async with held(uuid4()):
            calls = [asyncio.create_task(call(0.05, error)) for _ in range(FAILURES_TO_OPEN + 1)]
            await asyncio.sleep(0)
            time.sleep(PERIOD_SECONDS + LATE_SECONDS + 0.1)  # noqa: ASYNC251  that is the matter
            await asyncio.gather(*calls, return_exceptions=True)
            return await call()

    assert asyncio.run(busy())


def test_requests_reach_the_provider_at_its_pace(ask, run_jobs, peer, settings):
    settings.LLM_PROVIDERS = peer.provider("a", "b", "c", requests_per_minute=600)
    for number in range(5):
        ask(models=["peer:a", "peer:b", "peer:c"], prompt=f"Why {number}?")
    run_jobs()

    assert len(peer.arrivals) == 15
    assert peer.arrivals[-1] - peer.arrivals[0] > 14 * 0.1 * 0.7


def test_after_a_rate_limit_nobody_asks_until_the_provider_wants_to_be_asked(
    ask, read, run_jobs, peer, settings
):
    settings.LLM_PROVIDERS = peer.provider("a", concurrency=2)
    peer.retry_after = 1
    peer.answer = lambda model, text: (429, "Slow down.") if len(peer.requests) < 3 else "Yes."
    created = [ask(models=["peer:a"], prompt=f"Why {number}?").json() for number in range(8)]
    run_jobs()

    rows = [read(one["id"])["results"][0] for one in created]
    assert {row["status"] for row in rows} == {"succeeded"}
    assert sum(row["attempts"] for row in rows) == len(peer.requests) == 8 + 2
    assert peer.arrivals[2] - peer.arrivals[1] > 0.7
