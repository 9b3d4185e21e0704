"""gunicorn's threaded worker, patient with slow clients.

Stock gthread gives a connection its thread as soon as one byte is there, and waits in it for the
rest: as many half-sent requests as there are threads stop the process. Here the rest is waited for
by the poller, which takes no thread: a request gets one when its head, and its body when that is
small, have arrived.
"""

import re
import selectors
import socket
import struct
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# What is waited for without a thread: less than any socket buffer holds. Of a larger body this
# much; the thread that reads the rest gives up when nothing comes for a while.
MOST_BYTES = 16_384
SECONDS_FOR_REQUEST = 10.0
SECONDS_WITHOUT_DATA = 10
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
# The client sends its body only when it is asked to.
EXPECT = re.compile(rb"\r\nexpect:", re.IGNORECASE)


def missing_until(data: bytes) -> int:
    """Return how many bytes there must be before a request is worth a thread; 0: there are."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0 if len(data) >= MOST_BYTES else len(data) + 1
    head = data[: end + 2]
    length = LENGTH.search(head)
    if not length or EXPECT.search(head):
        return 0
    needed = min(end + 4 + int(length[1]), MOST_BYTES)
    return needed if len(data) < needed else 0


class PatientWorker(ThreadWorker):
    def enqueue_req(self, conn: Any) -> None:
        """Give the connection a thread once its request is there; runs in the main thread."""
        needed = self.still_missing(conn)
        if needed:
            self.wait_in_poller(conn, needed)
            return
        conn.deadline = None
        super().enqueue_req(conn)

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

    def still_missing(self, conn: Any) -> int:
        if conn.initialized and conn.parser.unreader.buf.getvalue():
            return 0  # the next request was read along with the last one
        try:
            data = conn.sock.recv(MOST_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 1
        except OSError:
            return 0  # broken: its thread will find out and close it
        return missing_until(data) if data else 0

    def wait_in_poller(self, conn: Any, needed: int) -> None:
        """Be woken when so many bytes are there, or give up when the time for a request is over."""
        now = time.monotonic()
        if getattr(conn, "deadline", None) is None:
            conn.deadline = now + SECONDS_FOR_REQUEST
            idle = struct.pack("ll", SECONDS_WITHOUT_DATA, 0)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, idle)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, needed)
        conn.sock.setblocking(False)
        conn.timeout = conn.deadline
        self.pending_conns.append(conn)
        wake = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, wake)

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        super().on_pending_socket_readable(conn, client)
