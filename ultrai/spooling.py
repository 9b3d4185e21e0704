"""Large bodies are received by gunicorn's poller, into memory and then into a file on disk.

They take a thread when they are complete. Whatever a thread gets it can read at once: where a body
is too large, too slow or has no room, what is there is followed by the refusal.
"""

import selectors
import socket
import time
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import SocketUnreader

from ultrai import settings
from ultrai.exceptions import DomainError
from ultrai.lingering import LingeringWorker

# A file and a few hundred bytes around it; `UploadParser` allows as much.
MOST_BYTES = settings.MAX_REQUEST_BYTES + 10_000
MEMORY_BYTES = 65_536  # of each body; the rest is on disk
MOST_FILES = 250  # each takes a file descriptor besides that of its connection
# What is received at once: the main thread serves the other connections in between.
PIECE_BYTES = 262_144
SECONDS_WITHOUT_DATA = 10.0
# From the first byte on, and so many seconds longer for what has come at this rate.
SECONDS_FOR_BODY = 20.0
LEAST_BYTES_A_SECOND = 4_096


class BodyRefused(DomainError, OSError):
    """What reading the rest of a body raises. Django knows an OSError for a body's failure."""


class BodyTooLarge(BodyRefused):
    status = 413
    code = "payload_too_large"


class BodyTooSlow(BodyRefused):
    status = 408
    code = "request_timeout"


class NoRoomForBody(BodyRefused):
    status = 503
    code = "too_many_uploads"
    retry_after = 5


class ReceivedUnreader(SocketUnreader):
    """Yields what was received; after a refusal it never waits for more."""

    def __init__(self, sock: socket.socket, buffered: bytes) -> None:
        super().__init__(sock)
        self.unread(buffered)
        self.file: SpooledTemporaryFile[bytes] | None = None
        self.refusal: Exception | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        if self.file:
            size = max(self.mxchunk, min(size_hint or 0, PIECE_BYTES))
            data = self.file.read(size)
            if data:
                return data
            if self.refusal:  # what came after that is not all there
                raise self.refusal
        if not self.refusal:
            return super().chunk(size_hint)  # type: ignore[call-arg]  # older stubs
        try:
            return self.sock.recv(self.mxchunk, socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise self.refusal from None


class Spool:
    """What has been received of a request."""

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.received = 0
        self.file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self.is_over = False
        self.began = self.heard = time.monotonic()

    def add(self, data: memoryview) -> None:
        self.file.write(data)
        self.received += len(data)
        self.missing -= len(data)
        self.heard = time.monotonic()

    def is_too_slow(self, now: float) -> bool:
        allowed = SECONDS_FOR_BODY + self.received / LEAST_BYTES_A_SECOND
        return now - self.heard > SECONDS_WITHOUT_DATA or now - self.began > allowed


class SpoolingWorker(LingeringWorker):
    """All but `handle_request` runs in the main thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.piece = memoryview(bytearray(PIECE_BYTES))
        self.spools: dict[Any, Spool] = {}  # by connection, until its request is answered
        self.next_look = 0.0

    def receive_body(self, conn: Any, missing: int) -> None:
        """Give the connection a thread once so many bytes more have come."""
        if missing > MOST_BYTES:
            limit = settings.MAX_REQUEST_BYTES
            error = BodyTooLarge(f"A request may have {limit // 1024**2} MiB ({limit:,} bytes).")
            self.give_thread(conn, error)
            return
        conn.sock.setblocking(False)
        spool = self.spools[conn] = Spool(missing)
        self.take_piece(conn, spool)
        if not spool.is_over:
            wake = partial(self.on_body_readable, conn, spool)
            self.poller.register(conn.sock, selectors.EVENT_READ, wake)

    def on_body_readable(self, conn: Any, spool: Spool, client: Any) -> None:
        self.take_piece(conn, spool)
        if spool.is_over:
            self.poller.unregister(client)

    def take_piece(self, conn: Any, spool: Spool) -> None:
        """Receive what has come, up to a limit: one upload must not keep the others waiting."""
        try:
            count = conn.sock.recv_into(self.piece, min(spool.missing, PIECE_BYTES))
        except BlockingIOError:
            return
        except OSError:  # reset: there is nobody to answer
            spool.is_over = True
            self.spools.pop(conn).file.close()
            self.drop(conn)
            return
        refusal = None
        if count and not self.has_room(spool.received + count, count):
            refusal = NoRoomForBody("Too many uploads come in at once. Try again in a while.")
        elif count:
            try:
                spool.add(self.piece[:count])
            except OSError as error:  # a full disk, no file descriptors
                self.log.warning("A request's body cannot be kept: %s", error)
                refusal = NoRoomForBody("There is no room for this body at the moment.")
        if refusal or not count or not spool.missing:
            self.finish_body(conn, spool, refusal)

    def has_room(self, size: int, more: int) -> bool:
        """Whether a body of this size, of which so much is new, may be kept besides the others."""
        if size <= MEMORY_BYTES:
            return True
        on_disk = [one.received for one in self.spools.values() if one.received > MEMORY_BYTES]
        return len(on_disk) <= MOST_FILES and sum(on_disk) + more <= settings.WEB_SPOOL_BYTES

    def finish_body(self, conn: Any, spool: Spool, refusal: Exception | None = None) -> None:
        spool.is_over = True
        spool.file.seek(0)
        self.unreader_of(conn).file = spool.file
        self.give_thread(conn, refusal)

    def give_thread(self, conn: Any, refusal: Exception | None = None) -> None:
        """Have the request answered; a refusal is met by who reads further than what is there."""
        if refusal:
            self.unreader_of(conn).refusal = refusal
        super().enqueue_req(conn)

    def unreader_of(self, conn: Any) -> ReceivedUnreader:
        conn.init()  # gives a new connection its parser
        unreader = conn.parser.unreader
        if not isinstance(unreader, ReceivedUnreader):
            unreader = ReceivedUnreader(conn.sock, unreader.take_buffered())
            conn.parser.unreader = unreader
        return unreader

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        if not self.spools or now < self.next_look:
            return
        self.next_look = now + 1
        for conn, spool in list(self.spools.items()):
            if not spool.is_over and spool.is_too_slow(now):
                self.poller.unregister(conn.sock)
                refusal = BodyTooSlow("The body came too slowly. Send it again.")
                self.finish_body(conn, spool, refusal)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer in a thread, which does not wait for the rest of a body that is not wanted."""
        # Either the poller has asked for the body, or nobody wants it.
        req._expected_100_continue = False  # noqa: SLF001  there is no other way
        refusal = getattr(conn.parser.unreader, "refusal", None)
        if refusal or isinstance(req.body.reader, ChunkedReader):
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if spool := self.spools.pop(conn, None):
            spool.file.close()
            conn.parser.unreader.file = None
        super().finish_request(conn, fs)
