import asyncio
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

KEY = "sk-secret-0123456789abcdef"
OPENAI, ANTHROPIC = "openai:gpt-5-mini", "anthropic:claude-haiku-4-5"
GOOGLE, COMPATIBLE = "google:gemini-2.5-flash", "mistral:mistral-small-latest"
ALL = [OPENAI, ANTHROPIC, GOOGLE, COMPATIBLE]
MESSAGES = [
    Message("system", "Answer from the document.", "instructions"),
    Message("user", "The notice period is 90 days.", "document"),
    Message("user", "How long is the notice period?", "question"),
]


def configure(settings, **addresses):
    kinds = {"mistral": "openai_compatible"}
    settings.LLM_PROVIDERS = {
        name: ProviderConfig(name, kinds.get(name, name), KEY, address, (model.split(":")[1],))
        for name, address in addresses.items()
        for model in ALL
        if model.startswith(name)
    }


@pytest.fixture
def providers(settings, llmock):
    """All four kinds of provider, played by llmock on a real socket."""
    configure(
        settings,
        openai=llmock.base_url("openai"),
        anthropic=llmock.base_url("anthropic"),
        google=llmock.base_url("gemini"),
        mistral=llmock.base_url("mistral"),
    )
    return llmock


@pytest.fixture
def server(settings):
    """All four kinds of provider, played by a server that gives the reply it is told to give."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.server.ports.add(self.client_address[1])
            self.server.give(self)

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        def handle_error(self, request, client_address):
            pass
        def reply(self, status, body, **headers):
            content = body if isinstance(body, str) else json.dumps(body)

            def give(handler):
                handler.send_response(status)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(content.encode())))
                for name, value in headers.items():
                    handler.send_header(name.replace("_", "-"), value)
                handler.end_headers()
                handler.wfile.write(content.encode())

            self.give = give

    with Server(("127.0.0.1", 0), Handler) as server:
        server.ports = set()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        configure(settings, openai=address, anthropic=address, google=address, mistral=address)
        yield server
        server.shutdown()


def ask(model, **parameters):
    return asyncio.run(complete(model, MESSAGES, parameters))


def failure(model, **parameters):
    with pytest.raises(ProviderError) as caught:
        ask(model, **parameters)
    return caught.value


@pytest.mark.parametrize("model", ALL)
def test_x(providers, model):
    providers.reply("90 days.")
    print(ask(model, temperature=0.3, seed=3, max_tokens=100))
    r = providers.last_request
    print(r)

@pytest.mark.parametrize("model", ALL)
@pytest.mark.parametrize("status", [400,401,403,404,413,429,500,503,529])
def test_y(providers, model, status):
    providers.fail(status, retry_after=7 if status == 429 else None)
    e = failure(model)
    print(status, model, e.code, repr(e.message), e.retry_after, e.status)

@pytest.mark.parametrize("model", ALL)
def test_z(providers, model):
    providers.add(Reply("I cannot", finish_reason="content_filter"))
    try: print(ask(model))
    except ProviderError as e: print(e.code, e.message)
    providers.delay(2)
    t=time.monotonic()
    e = failure(model, timeout=0.3)
    print(e.code, e.message, time.monotonic()-t)
    providers.limits(context_window=5)
    e = failure(model, timeout=5)
    print(e.code, e.message)

@pytest.mark.parametrize("model", ALL)
def test_w(server, model):
    server.reply(200, '{"id": "x", "choices": [{"mess')
    e = failure(model); print(e.code, e.message)
    server.reply(200, '{}')
    e = failure(model); print(e.code, e.message)
    server.reply(200, '<html>hello')
    e = failure(model); print(e.code, e.message)
    server.reply(404, '<html>hello')
    e = failure(model); print(e.code, e.message)
    server.reply(302, '', Location="http://127.0.0.1:1/")
    e = failure(model); print(e.code, e.message)
    def cut(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"id":')
        handler.close_connection = True
    server.give = cut
    e = failure(model); print(e.code, e.message)
    def hang(handler):
        handler.close_connection = True
    server.give = hang
    e = failure(model); print(e.code, e.message)
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(10):
            handler.wfile.write(b' '); handler.wfile.flush()
            time.sleep(.1)
    server.give = drip
    e = failure(model, timeout=0.5); print(e.code, e.message)

@pytest.mark.parametrize("model", ALL)
def test_refused(settings, model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        a=f"http://127.0.0.1:{free.getsockname()[1]}"
        configure(settings, openai=a, anthropic=a, google=a, mistral=a)
        e = failure(model); print(e.code, e.message)
