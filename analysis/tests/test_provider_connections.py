"""Keys stay out of sight; event loops and connections are shared where they can be."""

import asyncio
import time
import traceback

import pytest

from analysis.providers import ProviderConfig, ProviderError, complete
from analysis.providers.clients import model_for
from analysis.tests.four_providers import (
    GOOGLE,
    KEY,
    MESSAGES,
    MODELS,
    OPENAI,
    ask,
    configure,
    failure,
    shown,
)

pytestmark = pytest.mark.usefixtures("no_leaks")

# Keys


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("repeated", [KEY, "sk-secre***********cdef", f"Bearer {KEY}!"])
def test_a_key_appears_in_no_error(server, model, repeated, caplog):
    server.reply(401, {"error": {"message": f"Wrong key: {repeated}"}, "key": KEY})

    error = failure(model)

    seen = "".join(traceback.format_exception(error)) + repr(vars(error)) + caplog.text
    assert (error.code, "[API key]" in seen, "cdef" in seen) == ("authentication", True, False)
    assert (error.__cause__, error.__context__) == (None, None)


def test_a_key_appears_in_no_configuration(settings):
    configure(settings, openai="http://localhost")

    assert KEY not in repr(settings.LLM_PROVIDERS)


def test_a_key_no_header_can_carry_is_an_authentication_error(settings):
    configure(settings, openai="http://127.0.0.1:1", key="sk-…-pasted-with-an-ellipsis")

    message = "The key of openai holds unusual characters."
    assert shown(failure(OPENAI)) == ("authentication", message, None, None)


# Event loops and connections


def test_calls_run_at_the_same_time(mock):
    mock.delay(1, times=None)
    started = time.monotonic()

    async def fifty():
        return await asyncio.gather(*(complete(m, MESSAGES, {}) for m in (MODELS * 13)[:50]))

    answers = asyncio.run(fifty())

    assert (len(answers), time.monotonic() - started < 25) == (50, True)  # in a row: 50 seconds


def test_a_loop_reuses_its_connections_and_the_next_loop_opens_its_own(server):
    server.reply(200, {"candidates": []})

    async def thrice():
        for _ in range(3):
            with pytest.raises(ProviderError):
                await complete(GOOGLE, MESSAGES, {})

    asyncio.run(thrice())
    asyncio.run(thrice())

    assert len(server.connections) == 2


def test_two_loops_at_once_do_not_share_connections(mock):
    mock.reply("90 days.", times=None)

    async def outer_and_inner():
        await complete(GOOGLE, MESSAGES, {})
        inner = await asyncio.to_thread(ask, GOOGLE)
        return inner, await complete(GOOGLE, MESSAGES, {})

    inner, outer = asyncio.run(outer_and_inner())

    assert (inner.text, outer.text) == ("90 days.", "90 days.")


def test_a_cancelled_call_leaves_nothing_behind(mock):
    mock.delay(1)

    async def cancelled():
        async with asyncio.timeout(0.3):
            await complete(OPENAI, MESSAGES, {})

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("openai", "https://api.openai.com/v1/"),
        ("anthropic", "https://api.anthropic.com"),
        ("google", "https://generativelanguage.googleapis.com"),
    ],
)
def test_only_the_settings_say_where_a_provider_is(llmock, kind, address):
    config = ProviderConfig(kind, kind, KEY, None, ())  # llmock's fixture set the SDKs' variables

    assert asyncio.run(model_for(config, "new")).base_url == address
