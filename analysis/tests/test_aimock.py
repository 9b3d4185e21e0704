"""The providers again, as npm's aimock plays them: no peer of ours, and not llmock either."""

from decimal import Decimal

import pytest

from analysis.providers import Completion
from analysis.tests.four_providers import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    MODELS,
    OPENAI,
    ask,
    failure,
    shown,
)

pytestmark = pytest.mark.usefixtures("no_leaks")

# The figures under the names that each protocol has for them.
USAGE = dict.fromkeys(["input_tokens", "prompt_tokens", "promptTokenCount"], 27) | dict.fromkeys(
    ["output_tokens", "completion_tokens", "candidatesTokenCount"], 2
)


@pytest.mark.parametrize(
    ("model", "cost"),
    [(OPENAI, "0.00001075"), (ANTHROPIC, "0.000037"), (GOOGLE, "0.0000131"), (COMPATIBLE, None)],
)
def test_an_answer_comes_with_its_tokens_and_cost(aimock, model, cost):
    aimock.reply({"content": "90 days.", "usage": USAGE})

    assert ask(model) == Completion("90 days.", 27, 2, cost and Decimal(cost), "stop", model)


def test_anthropic_streams_where_no_max_tokens_is_set_and_nobody_else_does(aimock):
    aimock.reply({"content": "90 days, written in one piece after the other.", "usage": USAGE})

    answers = {(ask(model).text, ask(model, max_tokens=50).text) for model in MODELS}

    assert len(answers) == 1
    streamed = [bool(entry["body"].get("stream")) for entry in aimock.requests]
    assert streamed == [False, False, True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("model", "reason", "shown_as"),
    [
        (OPENAI, "length", "incomplete"),  # aimock gives no details, and we make none up
        (ANTHROPIC, "length", "length"),
        (ANTHROPIC, "model_context_window_exceeded", "length"),
        (ANTHROPIC, "something_new", "something_new"),
        (GOOGLE, "length", "length"),
        (COMPATIBLE, "length", "length"),
    ],
)
def test_an_answer_that_was_cut_says_why(aimock, model, reason, shown_as):
    aimock.reply({"content": "90", "finishReason": reason})

    assert (ask(model).text, ask(model).finish_reason) == ("90", shown_as)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "refused_request"),
        (401, "authentication"),
        (403, "authentication"),
        (404, "unknown_model"),
        (413, "context_too_long"),
        (500, "server_error"),
        (503, "overloaded"),
        (529, "overloaded"),
    ],
)
def test_a_status_becomes_a_code_and_is_not_retried_here(aimock, model, status, code):
    aimock.fail(status, "Words.")

    assert shown(failure(model)) == (code, "Words.", None, status)
    assert len(aimock.requests) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_rate_limit_says_when_to_come_again(aimock, model):
    aimock.fail(429, "Slow down.", retryAfter=7)

    assert shown(failure(model)) == ("rate_limited", "Slow down.", 7.0, 429)


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        (OPENAI, "context_length_exceeded", "Your input exceeds the context window of this model."),
        (ANTHROPIC, "", "prompt is too long: 210000 tokens > 200000 maximum"),
        (GOOGLE, "", "The input token count (1200000) exceeds the maximum number of tokens"),
        (COMPATIBLE, "", "This model's maximum context length is 8192 tokens."),
        (COMPATIBLE, "", "This model's maximum prompt length is 131072 but the request contains"),
        (COMPATIBLE, "", "Please reduce the length of the messages or completion."),
        (COMPATIBLE, "", "The prompt (total length 9000) is too long to fit into the model"),
        (COMPATIBLE, "", "`inputs` tokens + `max_new_tokens` must be <= 4097."),
    ],
)
def test_a_context_overflow_is_told_from_other_refusals(aimock, model, code, message):
    aimock.fail(400, message, code=code, type="invalid_request_error")

    error = failure(model)

    assert (error.code, error.message.startswith(message)) == ("context_too_long", True)


@pytest.mark.parametrize(
    ("model", "reason", "code", "message"),
    [
        (OPENAI, "content_filter", "server_error", "The provider gave up: failed"),
        (ANTHROPIC, "refusal", "content_filter", "The provider withheld the answer: refusal"),
        (GOOGLE, "content_filter", "content_filter", "The provider withheld the answer: SAFETY"),
        (
            COMPATIBLE,
            "content_filter",
            "content_filter",
            "The provider withheld the answer: content_filter",
        ),
    ],
)
def test_a_withheld_answer_is_no_answer(aimock, model, reason, code, message):
    aimock.reply({"content": "Part of", "finishReason": reason})

    assert shown(failure(model)) == (code, message, None, None)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"malformedRate": 1}, "truncated"),
        ({"disconnectRate": 1}, "connection"),
        ({"latencyMs": 3_000}, "timeout"),
    ],
)
def test_a_broken_connection_is_an_error(aimock, model, fault, code):
    aimock.reply({"content": "90 days."})
    aimock.chaos(**fault)

    assert failure(model, timeout=0.5, max_tokens=50).code == code


def test_a_stream_that_breaks_off_is_no_answer(aimock):
    aimock.reply({"content": "90 days. " * 50}, latency=20, truncateAfterChunks=8)

    assert failure(ANTHROPIC).code == "truncated"


def test_a_stream_of_nonsense_is_no_answer(aimock):
    aimock.reply({"content": "90 days."})
    aimock.chaos(malformedRate=1)

    assert failure(ANTHROPIC).code == "server_error"
