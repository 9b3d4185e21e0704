import atexit

from django.apps import AppConfig
from django.conf import settings
from django.core.signals import request_started
from django.db import close_old_connections, connections, reset_queries


class UltraiConfig(AppConfig):
    """The project itself: its management commands and the upkeep of the queue."""

    name = "ultrai"

    def ready(self) -> None:
        # Left to the interpreter's end, a pool waits for its threads in vain for 20 s.
        atexit.register(close_pools)
        # The end of each request gives its connection back; only DEBUG keeps queries.
        if not settings.DEBUG:
            request_started.disconnect(reset_queries)
            request_started.disconnect(close_old_connections)


def close_pools() -> None:
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
