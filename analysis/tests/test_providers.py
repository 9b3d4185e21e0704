"""What each kind of provider answers, refuses and breaks, as llmock and broken replies have it."""

import socket
import time
from decimal import Decimal

import pytest
from llmock.scenarios import Reply
from pydantic_ai import exceptions as sdk

from analysis.providers import Completion
from analysis.providers.failures import explain
from analysis.tests.four_providers import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    MODELS,
    OPENAI,
    SENT,
    ask,
    configure,
    failure,
    shown,
)

pytestmark = pytest.mark.usefixtures("no_leaks")

# Replies of OpenAI's Responses API


def response(**changes):
    known = {"id": "1", "object": "response", "created_at": 1, "status": "completed"}
    fixed = {"model": "gpt-5-mini", "parallel_tool_calls": False, "tool_choice": "auto"}
    return {**known, **fixed, "tools": [], **changes}


def said(kind, **content):
    part = {"type": kind, "annotations": [], **content}
    return [{"type": "message", "id": "1", "status": "completed", "role": "a", "content": [part]}]


# Answers


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        (OPENAI, "0.00001075"),
        (ANTHROPIC, "0.000037"),
        (GOOGLE, "0.0000131"),
        (COMPATIBLE, None),  # an address that sells nothing, as far as the price list knows
    ],
)
def test_an_answer_comes_with_its_tokens_and_cost(mock, model, cost):
    mock.reply("90 days.")

    assert ask(model) == Completion("90 days.", 27, 2, cost and Decimal(cost), "stop", model)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (
            "openai:gpt-4.1",
            {
                "model": "gpt-4.1",
                "input": [
                    {"role": "system", "content": "Answer from the document."},
                    {"role": "user", "content": SENT},
                ],
                "max_output_tokens": 100,
                "temperature": 0.3,
                "store": False,
                "stream": False,
            },
        ),
        (
            COMPATIBLE,
            {
                "model": "mistral-small-latest",
                "messages": [
                    {"role": "system", "content": "Answer from the document."},
                    {"role": "user", "content": SENT},
                ],
                "max_tokens": 100,
                "temperature": 0.3,
                "seed": 7,
                "stream": False,
            },
        ),
    ],
)
def test_the_provider_is_sent_contents_and_parameters(mock, model, body):
    ask(model, max_tokens=100, temperature=0.3, seed=7, mode="council")

    assert mock.last_request.body == body


@pytest.mark.parametrize("model", [OPENAI, "anthropic:claude-opus-4-7"])
def test_a_setting_the_model_has_no_notion_of_is_left_out(mock, model):
    mock.reply("90 days.")

    ask(model, temperature=0.3, seed=7)

    assert not {"temperature", "seed"} & mock.last_request.body.keys()


def test_a_model_that_its_maker_calls_old_is_asked_all_the_same(mock):
    mock.reply("90 days.")

    assert ask("anthropic:claude-sonnet-4-5").text == "90 days."


def test_tokens_nobody_counted_are_unknown_and_so_is_their_cost(server):
    server.reply(200, response(output=said("output_text", text="90 days.")))

    assert ask(OPENAI) == Completion("90 days.", None, None, None, "stop", OPENAI)


def test_an_answer_cut_at_max_tokens_says_so(mock):
    mock.add(Reply("90", finish_reason="length"))

    assert ask(COMPATIBLE).finish_reason == "length"


# Refusals and faults


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ("refused_request", "Bad request.", None, 400)),
        (401, ("authentication", "Unauthorized.", None, 401)),
        (403, ("authentication", "Forbidden.", None, 403)),
        (404, ("unknown_model", "Resource not found.", None, 404)),
        (413, ("context_too_long", "Payload too large.", None, 413)),
        (429, ("rate_limited", "Rate limit exceeded.", 7.0, 429)),
        (500, ("server_error", "Internal server error.", 7.0, 500)),
        (503, ("overloaded", "Service unavailable.", 7.0, 503)),
        (529, ("overloaded", "Service overloaded.", 7.0, 529)),
    ],
)
def test_a_status_becomes_a_code_and_is_not_retried_here(mock, model, status, error):
    mock.fail(status, retry_after=7 if status >= 429 else None)

    assert (shown(failure(model)), len(mock.requests)) == (error, 1)


@pytest.mark.parametrize(
    ("model", "status", "error", "code", "retry_after"),
    [
        (OPENAI, 429, {"code": "insufficient_quota"}, "quota_exceeded", None),
        (OPENAI, 429, {"message": "Request too large for gpt-5"}, "context_too_long", None),
        (OPENAI, 400, {"code": "context_length_exceeded"}, "context_too_long", None),
        (OPENAI, 400, {"code": "invalid_prompt"}, "content_filter", None),
        (OPENAI, 408, {}, "timeout", None),
        (ANTHROPIC, 400, {"message": "prompt is too long: 3 > 2"}, "context_too_long", None),
        (ANTHROPIC, 400, {"message": "these exceed context limit"}, "context_too_long", None),
        (ANTHROPIC, 400, {"message": "Your credit balance is too low"}, "quota_exceeded", None),
        (GOOGLE, 400, {"details": [{"reason": "API_KEY_INVALID"}]}, "authentication", None),
        (GOOGLE, 429, {"details": [{"retryDelay": "14s"}]}, "rate_limited", 14.0),
        (COMPATIBLE, 400, {"code": "content_filter"}, "content_filter", None),
    ],
)
def test_the_body_says_more_than_the_status(server, model, status, error, code, retry_after):
    statuses = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}
    known = {"message": "Words.", "type": "invalid_request_error", "status": statuses.get(status)}
    server.reply(status, {"type": "error", "error": {**known, **error}})

    message = error.get("message", "Words.")
    assert shown(failure(model)) == (code, message, retry_after, status)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"object": "error", "message": "Too many\nseats"}, "Too many seats"),
        ({"detail": [{"msg": "field required"}]}, "field required"),
        ({"error": "no such seat"}, "no such seat"),
        ("<h1>Bad</h1>", "<h1>Bad</h1>"),
        ({}, "The provider answered with status 400 and no explanation."),
    ],
)
def test_the_providers_own_words_are_found_wherever_they_are(server, body, message):
    server.reply(400, body)

    assert failure(COMPATIBLE).message == message


WITHHELD = "The provider withheld the answer: "


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ANTHROPIC, f"{WITHHELD}refusal"),
        (GOOGLE, f"{WITHHELD}SAFETY"),
        (COMPATIBLE, f"{WITHHELD}content_filter"),
    ],
)
def test_a_filtered_answer_is_no_answer(mock, model, message):
    mock.add(Reply("Part of", finish_reason="content_filter"))

    assert shown(failure(model)) == ("content_filter", message, None, None)


@pytest.mark.parametrize(
    ("model", "body", "code", "message"),
    [
        (
            OPENAI,
            response(output=said("refusal", refusal="I will not.")),
            "content_filter",
            f"{WITHHELD}I will not.",
        ),
        (
            GOOGLE,
            {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
            "content_filter",
            f"{WITHHELD}PROHIBITED_CONTENT",
        ),
        (
            OPENAI,
            response(
                status="incomplete", incomplete_details={"reason": "max_output_tokens"}, output=[]
            ),
            "refused_request",
            "max_tokens was used up before the model wrote any text; allow more.",
        ),
        (
            OPENAI,
            response(status="failed", error={"code": "server_error", "message": "Oh."}, output=[]),
            "server_error",
            "server_error: Oh.",
        ),
        (
            OPENAI,
            response(output=said("output_text", text=" ")),
            "server_error",
            "The model returned no text.",
        ),
    ],
)
def test_a_reply_without_an_answer_is_an_error(server, model, body, code, message):
    server.reply(200, body)

    assert shown(failure(model, max_tokens=50)) == (code, message, None, None)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("code", "reply"),
    [
        ("truncated", {"body": '{"id": "1", "choices": [{"mess'}),
        ("truncated", {"body": '{"id": "1"', "length": 1000}),
        ("truncated", {"body": "<html>"}),
        ("truncated", {"body": "not gzip", "Content_Encoding": "gzip"}),
        ("server_error", {"body": '{"output": 3, "content": 3, "candidates": 3, "choices": 3}'}),
    ],
)
def test_a_broken_reply_is_an_error(server, model, code, reply):
    server.reply(200, **reply)

    assert failure(model, max_tokens=50).code == code


@pytest.mark.parametrize("fault", ["truncate", "disconnect", "corrupt"])
def test_a_broken_stream_is_an_error(mock, fault):
    getattr(mock, fault)(after_chunks=3)  # Anthropic's SDK streams long answers by itself

    assert failure(ANTHROPIC).code == "truncated"


@pytest.mark.parametrize("model", MODELS)
def test_the_timeout_covers_the_whole_call(server, model):
    server.reply(200, " " * 1000)
    server.pause = 0.05  # every byte is in time, all of them are not
    started = time.monotonic()

    assert (failure(model, timeout=0.5).code, time.monotonic() - started < 10) == ("timeout", True)


@pytest.mark.parametrize("model", MODELS)
def test_a_closed_door_is_a_connection_error(settings, model):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        configure(settings, **{model.split(":")[0]: address})

        error = failure(model)

    assert shown(error) == ("connection", "All connection attempts failed", None, None)


def test_a_connection_that_takes_too_long_was_not_paid_for(settings):
    configure(settings, openai="http://localhost")
    error = sdk.ModelTimeoutError("gpt-5-mini", "Request timed out.", phase="connect")

    told = explain(error, settings.LLM_PROVIDERS["openai"])

    assert (shown(told), told.is_retriable) == (
        ("connection", "Request timed out.", None, None),
        True,
    )
