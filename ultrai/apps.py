import atexit

from django.apps import AppConfig
from django.db import connections


class UltraiConfig(AppConfig):
    """The project itself: its management commands and the upkeep of the queue."""

    name = "ultrai"

    def ready(self) -> None:
        # Left to the interpreter's end, a pool waits for its threads in vain for 20 s.
        atexit.register(close_pools)


def close_pools() -> None:
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
