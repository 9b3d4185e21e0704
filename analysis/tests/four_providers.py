"""One model of each kind of provider, and a server that breaks its replies as it is told."""

import asyncio
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from analysis.providers import Message, ProviderConfig, ProviderError, complete
from analysis.providers.config import ProviderKind

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


def ask(model, **parameters):
    return asyncio.run(complete(model, MESSAGES, parameters))


def failure(model, **parameters):
    with pytest.raises(ProviderError) as caught:
        ask(model, **parameters)
    return caught.value


def shown(error):
    return error.code, error.message, error.retry_after, error.status
