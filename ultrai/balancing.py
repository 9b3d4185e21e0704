"""New connections go to the process that has the fewest.

A connection belongs for its whole life to the process that was the first to accept it. Left to
chance, one of two processes has been seen to take all of sixteen that came at once, while the other
one stood by: half of the machine, twice the time.
"""

import mmap
import time
from array import array
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

SECONDS_FOR_OTHERS = 0.005
MOST_PROCESSES = 256
NOBODY = -1

# How many each process has, by its place: memory that the master shares with its children.
connections = memoryview(mmap.mmap(-1, 4 * MOST_PROCESSES)).cast("i")
connections[:] = memoryview(array("i", [NOBODY] * MOST_PROCESSES))


def leave(place: int) -> None:
    """Count the process of this place no more."""
    connections[place] = NOBODY


class BalancingWorker(ThreadWorker):
    place: int  # among the processes, from 0
    is_late = False  # a connection was left to others, who had their time
    waits_until = 0.0

    def accept(self, listener: Any) -> None:
        """Take a connection, unless another process has fewer and takes it first."""
        fewest = min(count for count in connections if count != NOBODY)
        if self.alive and not self.is_late and self.nr_conns > fewest:
            self.is_late = True
            self.waits_until = time.monotonic() + SECONDS_FOR_OTHERS
            self.set_accept_enabled(False)
            return
        self.is_late = False
        super().accept(listener)
        connections[self.place] = self.nr_conns

    def set_accept_enabled(self, enabled: bool | None) -> None:
        if not enabled or time.monotonic() >= self.waits_until:
            super().set_accept_enabled(enabled)

    def wait_for_and_dispatch_events(self, timeout: Any) -> None:
        connections[self.place] = self.nr_conns
        left = self.waits_until - time.monotonic()
        super().wait_for_and_dispatch_events(min(timeout, left) if left > 0 else timeout)
        if left <= 0 and time.monotonic() >= self.waits_until:
            self.is_late = False  # whatever was left to others, somebody has it
