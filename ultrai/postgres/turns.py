"""Who of a web process's threads uses the database now, and who waits for a turn."""

from collections import deque
from threading import Lock

# Whoever has a turn for longer than others wait for one is waiting itself: for a client that reads
# slowly, for a lock, for a query that takes long.
PATIENCE_SECONDS = 0.1

Turn = Lock


class Turns:
    """So many threads have a turn, the others get one in the order in which they came.

    A turn is no right: who waits in vain takes the place of whoever has had theirs for the longest,
    who goes on without.
    """

    def __init__(self, most: int, patience: float = PATIENCE_SECONDS) -> None:
        self.most, self.patience = most, patience
        self.lock = Lock()
        self.taken: dict[Turn, None] = {}  # in the order in which they were
        self.waiting: deque[Turn] = deque()

    def take(self) -> Turn:
        turn = Lock()
        with self.lock:
            if len(self.taken) < self.most:
                self.taken[turn] = None
                return turn
            turn.acquire()
            self.waiting.append(turn)
        if not turn.acquire(timeout=self.patience):
            with self.lock:
                if turn not in self.taken:  # or it was given at the last moment
                    self.waiting.remove(turn)
                    del self.taken[next(iter(self.taken))]
                    self.taken[turn] = None
        return turn

    def give_back(self, turn: Turn) -> None:
        with self.lock:
            if turn not in self.taken:
                return
            del self.taken[turn]
            if self.waiting:
                following = self.waiting.popleft()
                self.taken[following] = None
                following.release()
