"""gunicorn's threaded worker, patient with slow clients.

Stock gthread gives a connection its thread as soon as one byte is there, and waits in it for the
rest: as many half-sent requests as there are threads stop the process. Here the rest is waited for
by the poller, which takes no thread: a request gets one when its head and its body have arrived.
A small one stays in the socket until then, a large one is taken out of it (`ultrai.spooling`).
"""

import re
import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders

from ultrai.balancing import BalancingWorker
from ultrai.spooling import BodyTooSlow, SpoolingWorker

# What is waited for in the socket: less than any socket's buffer holds. No head may be larger.
MOST_BYTES = 16_384
SECONDS_FOR_REQUEST = 10.0
END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
# gunicorn refuses these at once: where the body ends is not clear.
UNCLEAR = re.compile(
    rb"\r\ntransfer-encoding:|\r\ncontent-length:.*\r\ncontent-length:",
    re.IGNORECASE | re.DOTALL,
)
# The client sends its body when it is asked to.
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTS = re.compile(rb"HTTP/1\.1\r\n.*(?<=\n)expect:[ \t]*100-", re.IGNORECASE | re.DOTALL)


def missing_until(data: bytes) -> int:
    """Return how many bytes there must be before a request is worth a thread; 0: there are."""
    end = data.find(END)
    if end < 0:
        return len(data) + 1
    head = data[: end + 2]
    length = LENGTH.search(head)
    if not length:
        return 0
    needed = end + 4 + int(length[1])
    return 0 if len(data) >= needed or UNCLEAR.search(head) else needed


class Waiting:
    """What a connection waits for whose request has begun."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + SECONDS_FOR_REQUEST
        self.needed = 0
        self.is_asked = False  # for its body


class PatientWorker(BalancingWorker, SpoolingWorker):
    def enqueue_req(self, conn: Any) -> None:
        """Give the connection a thread once its request is there; runs in the main thread."""
        # Of a request sent right behind another one, the beginning was read along with that.
        data = buffered = conn.parser.unreader.buf.getvalue() if conn.initialized else b""
        try:
            data += conn.sock.recv(MOST_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            needed = missing_until(data) if data else 0
        except BlockingIOError:
            needed = missing_until(data)
        except OSError:
            needed = 0  # broken: its thread will find out and close it
        if needed:
            self.wait_for(conn, data, needed, len(buffered))
        else:
            conn.waiting = None
            self.give_thread(conn)

    def wait_for(self, conn: Any, data: bytes, needed: int, buffered: int) -> None:
        """Have the poller wait for a request of which this is there."""
        head, end, _ = data.partition(END)
        waiting = getattr(conn, "waiting", None)
        if waiting is None:
            waiting = conn.waiting = Waiting()
        if end and not waiting.is_asked and EXPECTS.search(head):
            waiting.is_asked = True
            with suppress(OSError):
                conn.sock.send(CONTINUE, socket.MSG_DONTWAIT)
        if len(data) < waiting.needed:  # woken for less than that: the client has hung up
            conn.waiting = None
            self.give_thread(conn, BodyTooSlow("The request has broken off."))
        elif needed <= MOST_BYTES:
            waiting.needed = needed
            self.wait_in_poller(conn, needed - buffered, waiting.deadline)
        elif end:
            conn.waiting = None
            self.receive_body(conn, needed - buffered)
        else:
            conn.waiting = None
            self.give_thread(conn, LimitRequestHeaders("limit request headers size"))

    def wait_in_poller(self, conn: Any, missing: int, deadline: float) -> None:
        """Be woken when so many bytes more are there, or give up when the time is over."""
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, missing)
        conn.sock.setblocking(False)
        conn.timeout = deadline
        self.pending_conns.append(conn)
        wake = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, wake)

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        super().on_pending_socket_readable(conn, client)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            self.stop_listening()

    def stop_listening(self) -> None:
        """Take in who has connected already, and have the kernel refuse everybody else.

        Stock gunicorn keeps the socket while the last requests are answered: who connects in that
        time is reset when the process ends, instead of being refused and going elsewhere.
        """
        for listener in self.sockets:
            connections = -1
            while self.nr_conns != connections:
                connections = self.nr_conns
                self.accept(listener)
            listener.close()
