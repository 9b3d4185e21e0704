"""What is costly to make and the same for many, kept by each process for a while."""

from collections.abc import Callable, Hashable
from math import inf
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, NamedTuple
from weakref import WeakSet


class Made[Value](NamedTuple):
    value: Value
    at: float  # by the monotonic clock, when its making began


class Place[Value]:
    """Of one key: what was made last, and who makes it anew."""

    made: Made[Value] | None = None

    def __init__(self) -> None:
        self.lock = Lock()


class Kept[Value]:
    """Values by all that they are made of: whoever has the same key is given the same.

    A value is good for some seconds. Then one thread makes it anew, and the others take the old one
    meanwhile, unless it is older than `longest`: only then, and for the first, do they wait.
    """

    ageing: ClassVar[WeakSet["Kept[Any]"]] = WeakSet()  # those whose values may be old

    def __init__(self, *, most: int, seconds: float = inf, longest: float = inf) -> None:
        self.most, self.seconds, self.longest = most, seconds, longest
        self.places: dict[Hashable, Place[Value]] = {}
        self.lock = Lock()
        if seconds < inf:
            self.ageing.add(self)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        place = self.places.get(key) or self.place_for(key)
        made, now = place.made, monotonic()
        if made and now - made.at < self.seconds:
            return made.value
        has_something = made is not None and now - made.at < self.longest
        if not place.lock.acquire(blocking=not has_something):
            assert made
            return made.value
        try:
            now = monotonic()
            if not place.made or now - place.made.at >= self.seconds:  # nobody was faster
                place.made = Made(make(), now)
            return place.made.value
        finally:
            place.lock.release()

    def place_for(self, key: Hashable) -> Place[Value]:
        with self.lock:
            if key not in self.places and len(self.places) >= self.most:
                del self.places[next(iter(self.places))]  # whose key came first
            return self.places.setdefault(key, Place())

    def clear(self) -> None:
        with self.lock:
            self.places.clear()
