"""Watching an analysis: a request that waits for a change, and a stream of events.

Each takes a thread of the web process while it lasts, so at most half of them may: beyond that a
wait is answered at once, and a stream with 503.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from analysis.models import Analysis, AnalysisResult
from ultrai.exceptions import DomainError
from ultrai.rendering import to_json

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
LONGEST_STREAM_SECONDS = 600.0  # clients reconnect with Last-Event-ID

_places = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


class TooManyStreams(DomainError):
    status = 503
    code = "too_many_streams"
    retry_after = 5


@contextmanager
def place() -> Iterator[bool]:
    """Take one of the threads that may be spent on watching; whether there was one."""
    is_free = _places.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            _places.release()


def state_of(analysis_id: int) -> tuple[Any, ...]:
    """What changes whenever something has happened."""
    statuses = AnalysisResult.objects.filter(analysis=analysis_id).order_by("id")
    status = Analysis.objects.filter(pk=analysis_id).values_list("status", flat=True).first()
    return status, tuple(statuses.values_list("status", "attempts"))


def wait_for_change(analysis: Analysis, seconds: float) -> None:
    """Return when something has happened, the analysis has ended, or the time is over."""
    with place() as is_free:
        if not is_free or analysis.finished_at:
            return
        before, deadline = state_of(analysis.pk), time.monotonic() + seconds
        while time.monotonic() < deadline:
            close_old_connections()  # back to the pool while this one sleeps
            time.sleep(POLL_SECONDS)
            if state_of(analysis.pk) != before:
                return


class EventStream:
    """Server-sent events of one analysis: `result` for each call that ended, `analysis` at the end.

    The id of a `result` event is how many had ended by then: a client that reconnects with
    `Last-Event-ID` gets those that came after. Raises TooManyStreams.
    """

    def __init__(
        self, analysis: Analysis, seen: int, render: Callable[[AnalysisResult], Any]
    ) -> None:
        if not _places.acquire(blocking=False):
            raise TooManyStreams("Too many streams are open. Ask with ?wait= instead, or later.")
        self.analysis = analysis
        self.events = self._events(seen, render)
        self.is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return self.events

    def close(self) -> None:
        """Called by Django when the client is gone or the stream is over."""
        self.events.close()  # type: ignore[attr-defined]  # a generator
        if self.is_open:
            self.is_open = False
            _places.release()

    def _events(self, seen: int, render: Callable[[AnalysisResult], Any]) -> Iterator[bytes]:
        deadline = time.monotonic() + LONGEST_STREAM_SECONDS
        heartbeat = time.monotonic()
        yield b"retry: 2000\n\n"
        while time.monotonic() < deadline:
            status = (
                Analysis.objects.filter(pk=self.analysis.pk)
                .values_list("status", flat=True)
                .first()
            )
            ended = AnalysisResult.objects.filter(
                analysis=self.analysis, finished_at__isnull=False
            ).order_by("finished_at", "id")
            for result in ended[seen:]:
                seen += 1
                yield event("result", render(result), str(seen))
            if status not in {Analysis.Status.QUEUED, Analysis.Status.RUNNING}:
                yield event("analysis", {"id": self.analysis.pk, "status": status})
                return
            if time.monotonic() - heartbeat > HEARTBEAT_SECONDS:
                heartbeat = time.monotonic()
                yield b": still running\n\n"
            close_old_connections()
            time.sleep(POLL_SECONDS)


def event(name: str, data: Any, number: str = "") -> bytes:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {name}\ndata: ".encode() + to_json(data) + b"\n\n"
