"""A receiver of webhooks that answers as the test says."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

type Reply = tuple[int, dict[str, str]]  # the status, and headers


class Message(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver(ThreadingHTTPServer):
    """Answers with `replies` in turn, the last of them for ever; holds them while told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.messages: list[Message] = []
        self.replies: list[Reply] = [(204, {})]
        self.endless = False  # whether a body follows that never ends
        self.release = threading.Event()
        self.release.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up, or that did not like the certificate."""


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(Message(self.path, dict(self.headers), body))
        self.server.release.wait()
        replies = self.server.replies
        status, headers = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        while self.server.endless:
            self.wfile.write(b"x" * 65_536)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def running_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    with Receiver() as receiver:
        if tls:
            receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.release.set()
            receiver.shutdown()
            thread.join()
