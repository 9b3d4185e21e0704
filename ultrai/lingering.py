"""Connections are closed as RFC 9112 (9.6) wants it, without a thread's waiting for the client.

Stock gunicorn waits in its main thread, for two seconds at the most, until the client has closed
its side: fifty that do not would stop the process for a hundred.
"""

import selectors
import socket
import time
from collections import deque
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

SECONDS = 2.0
PIECE_BYTES = 65_536


class LingeringWorker(ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lingering: deque[Any] = deque()  # in the order of their deadlines

    def finish_request(self, conn: Any, fs: Any) -> None:
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self.linger(conn)

    def linger(self, conn: Any) -> None:
        """Say that there is no more, and close when the client has, or has taken too long.

        Closed at once, with something unread, the kernel would reset the connection and the client
        lose the end of its answer.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
        except OSError:
            self.drop(conn)
            return
        if self.has_hung_up(conn):
            self.drop(conn)
            return
        conn.timeout = time.monotonic() + SECONDS
        self.lingering.append(conn)
        wake = partial(self.on_lingering_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, wake)

    def on_lingering_readable(self, conn: Any, client: Any) -> None:
        if self.has_hung_up(conn):
            self.poller.unregister(client)
            self.lingering.remove(conn)
            self.drop(conn)

    def has_hung_up(self, conn: Any) -> bool:
        """Throw away what has come."""
        try:
            return not conn.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def drop(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        while self.lingering and self.lingering[0].timeout <= now:
            conn = self.lingering.popleft()
            self.poller.unregister(conn.sock)
            self.drop(conn)
