"""An OpenAI-compatible peer that answers as the test says, and when it says so."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from analysis.providers import ProviderConfig
from benchmarks.peer import completion

type Answer = str | tuple[int, str]  # the text, or a status and an error message


class Peer(ThreadingHTTPServer):
    """`answer` decides on model and messages; while `release` is not set nobody is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.release = threading.Event()
        self.release.set()
        self.requests: list[dict[str, Any]] = []
        self.arrivals: list[float] = []  # when each came
        self.retry_after: int | None = None  # said with every error
        self.hung_up = 0  # clients that were gone before their answer
        # What else is odd about a reply.
        self.change: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda model, reply: reply
        self.answer: Callable[[str, str], Answer] = lambda model, text: f"Answer of {model}."

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def models(self) -> list[str]:
        """Who was asked, in order."""
        return [request["model"] for request in self.requests]

    def texts(self, model: str) -> list[str]:
        """What a model was sent, all messages joined, request by request."""
        return [joined(r) for r in self.requests if r["model"] == model]

    def provider(self, *models: str, **more: Any) -> dict[str, ProviderConfig]:
        """A value for LLM_PROVIDERS."""
        config = ProviderConfig("peer", "openai_compatible", "sk-x", self.url, models, **more)
        return {"peer": config}

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error of the peer's."""


def joined(request: dict[str, Any]) -> str:
    return "\n".join(str(message["content"]) for message in request["messages"])


class Handler(BaseHTTPRequestHandler):
    server: Peer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.arrivals.append(time.monotonic())
        self.server.requests.append(body)
        self.server.release.wait()
        answer = self.server.answer(body["model"], joined(body))
        if isinstance(answer, tuple):
            status, message = answer
            reply: dict[str, Any] = {"error": {"message": message, "type": "error", "code": None}}
        else:
            status = 200
            reply = self.server.change(body["model"], completion(body["model"], answer))
        data = json.dumps(reply).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status != 200 and self.server.retry_after is not None:
                self.send_header("Retry-After", str(self.server.retry_after))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.server.hung_up += 1

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def running_peer() -> Iterator[Peer]:
    with Peer() as peer:
        thread = threading.Thread(target=peer.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield peer
        finally:
            peer.release.set()
            peer.shutdown()
            thread.join()
