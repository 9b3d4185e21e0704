import asyncio
import gc
import json
import socket
import subprocess
import sys
import threading
import time
import traceback
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from llmock.scenarios import Reply
from pydantic_ai import exceptions as sdk

from analysis.providers import (
    Completion,
    Message,
    ModelInfo,
    ProviderConfig,
    ProviderError,
    UnknownModel,
    complete,
    offered_models,
    resolve_model,
)
from analysis.providers.clients import model_for
from analysis.providers.config import ProviderKind
from analysis.providers.failures import explain

KEY = "sk-secret-0123456789abcdef"
# The document goes between tags: what it says must not pass for the question.
SENT = "<document>\nThe notice period is 90 days.\n</document>\n\nHow long is the notice period?"
OPENAI, ANTHROPIC = "openai:gpt-5-mini", "anthropic:claude-haiku-4-5"
GOOGLE, COMPATIBLE = "google:gemini-2.5-flash", "mistral:mistral-small-latest"
KINDS: dict[str, ProviderKind] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "mistral": "openai_compatible",
}
MODELS = [OPENAI, ANTHROPIC, GOOGLE, COMPATIBLE]
MESSAGES = [
    Message("system", "Answer from the document.", "instructions"),
    Message("user", "The notice period is 90 days.", "document"),
    Message("user", "How long is the notice period?", "question"),
]


# The providers, played by servers on real sockets


def configure(settings, *, key=KEY, **addresses):
    settings.LLM_PROVIDERS = {
        provider: ProviderConfig(
            name=provider,
            kind=KINDS[provider],
            api_key=key,
            base_url=addresses[provider],
            models=(name,),
        )
        for provider, name in (model.split(":") for model in MODELS)
        if provider in addresses
    }


@pytest.fixture
def mock(settings, llmock):
    """Speaks all four protocols, faults included."""
    configure(
        settings,
        openai=llmock.base_url("openai"),
        anthropic=llmock.base_url("anthropic"),
        google=llmock.base_url("gemini"),
        mistral=llmock.base_url("mistral"),
    )
    return llmock


class Server(ThreadingHTTPServer):
    """Gives every request the reply it was told to give, and counts its connections."""

    status, body, length = 200, b"", 0
    headers: dict[str, str] = {}
    pause = 0.0  # after each byte

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections: set[object] = set()

    def reply(self, status, body, *, length=None, **headers):
        text = body if isinstance(body, str) else json.dumps(body)
        self.status, self.body, self.headers = status, text.encode(), headers
        self.length = len(self.body) if length is None else length

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the test."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.connections.add(self.client_address)
        self.send_response(self.server.status)
        for name, value in {"Content-Type": "application/json", **self.server.headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(self.server.length))
        self.end_headers()
        for byte in self.server.body:
            self.wfile.write(bytes([byte]))
            time.sleep(self.server.pause)
        self.close_connection = self.server.length != len(self.server.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(settings):
    """Says what llmock cannot say: the providers' documented bodies, and broken replies."""
    with Server() as server:
        address = f"http://127.0.0.1:{server.server_port}"
        configure(settings, openai=address, anthropic=address, google=address, mistral=address)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module", autouse=True)
def no_leaks():
    """Whatever was left open is found now, while warnings are errors."""
    yield
    gc.collect()


def ask(model, **parameters):
    return asyncio.run(complete(model, MESSAGES, parameters))


def failure(model, **parameters):
    with pytest.raises(ProviderError) as caught:
        ask(model, **parameters)
    return caught.value


def shown(error):
    return error.code, error.message, error.retry_after, error.status


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


# The catalogue


def test_the_web_process_imports_no_sdk():
    check = (
        "import sys, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'ultrai.settings';"
        "from django.conf import settings; from analysis import providers;"
        "settings.LLM_PROVIDERS['openai'] = providers.ProviderConfig("
        "'openai', 'openai', 'k', None, ('gpt-5-mini',));"
        "models = providers.offered_models(); providers.resolve_model('openai');"
        "sdks = {'pydantic_ai', 'openai', 'anthropic', 'google.genai'} & sys.modules.keys();"
        "print(len(models), sorted(sdks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("4 []\n", "")


def test_every_listed_model_is_offered_with_its_list_price(settings):
    configure(settings, openai=None, mistral="https://api.mistral.ai/v1")

    offered = [model for model in offered_models() if model.provider != "builtin"]

    assert offered == [
        ModelInfo(
            id=OPENAI,
            provider="openai",
            name="gpt-5-mini",
            kind="generative",
            description="gpt-5-mini, asked through openai.",
            context_window=400_000,
            input_usd_per_million=Decimal("0.25"),
            output_usd_per_million=Decimal(2),
        ),
        ModelInfo(
            id=COMPATIBLE,
            provider="mistral",
            name="mistral-small-latest",
            kind="generative",
            description="mistral-small-latest, asked through mistral.",
            context_window=None,
            input_usd_per_million=Decimal("0.15"),
            output_usd_per_million=Decimal("0.6"),
        ),
    ]


def test_a_model_without_a_known_price_has_none(settings):
    settings.LLM_PROVIDERS = {
        "ollama": ProviderConfig("ollama", "openai_compatible", "", "http://localhost/v1", ("own",))
    }

    own = offered_models()[-1]

    assert (own.id, own.context_window, own.input_usd_per_million) == ("ollama:own", None, None)


@pytest.mark.parametrize(
    ("reference", "model"),
    [
        ("openai", OPENAI),
        ("OpenAI : gpt-99", "openai:gpt-99"),
        ("openai:ft:gpt-5:org/name", "openai:ft:gpt-5:org/name"),
        ("builtin", "builtin:summary"),
        ("builtin:quotes", "builtin:quotes"),
    ],
)
def test_a_reference_is_resolved(settings, reference, model):
    configure(settings, openai=None)

    assert resolve_model(reference) == model


OFFER = f"Offered: builtin:summary, builtin:quotes, builtin:keywords, {OPENAI}."


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("anthropic:claude", f"No provider 'anthropic' is configured. {OFFER}"),
        ("", f"No provider '' is configured. {OFFER}"),
        ("builtin:magic", f"There is no model 'builtin:magic'. {OFFER}"),
        ("openai:", f"There is no model 'openai:'. {OFFER}"),
        ("openai:a/../b", f"There is no model 'openai:a/../b'. {OFFER}"),
        ("openai:a?b=c", f"There is no model 'openai:a?b=c'. {OFFER}"),
    ],
)
def test_an_unknown_model_is_refused_with_what_is_offered(settings, reference, message):
    configure(settings, openai=None)

    with pytest.raises(UnknownModel) as caught:
        resolve_model(reference)

    assert (str(caught.value), shown(failure(reference or ":"))[0]) == (message, "unknown_model")
