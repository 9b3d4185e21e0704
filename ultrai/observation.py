"""Every request is seen once, from outside: its id, its times, its log line, its metrics."""

import logging
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from ultrai.metrics import count_request
from ultrai.tracing import accepted, current_request_id

logger = logging.getLogger("ultrai.access")


class Queries(threading.local):
    """What this thread has asked its database connection since its request began."""

    is_installed = False
    count = 0
    seconds = 0.0


queries = Queries()


def timed(execute: Callable[..., Any], *query: Any) -> Any:
    """Count a query: one of the connection's `execute_wrappers`."""
    started = perf_counter()
    try:
        return execute(*query)
    finally:
        queries.seconds += perf_counter() - started
        queries.count += 1


def observe(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Outermost of all middleware. For a streamed answer it sees the time until it begins."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        if not queries.is_installed:  # once a thread: each has a connection of its own
            connection.execute_wrappers.append(timed)
            queries.is_installed = True
        queries.count = 0
        queries.seconds = 0.0
        request_id = accepted(request.META.get("HTTP_X_REQUEST_ID"))
        # Not reset at the end: what the server says of this request afterwards is about it too.
        current_request_id.set(request_id)

        response = get_response(request)

        seconds = perf_counter() - started
        milliseconds, database = round(seconds * 1_000, 2), round(queries.seconds * 1_000, 2)
        headers = response.headers
        headers["X-Request-ID"] = request_id
        headers["Server-Timing"] = (
            f'db;dur={database};desc="{queries.count} queries", total;dur={milliseconds}'
        )
        route = route_of(request)
        count_request(request.method or "", route, response.status_code, seconds)
        fields = {
            "method": request.method,
            "route": route,
            "status": response.status_code,
            "duration_ms": milliseconds,
            "database_ms": database,
            "queries": queries.count,
            "user_id": user_id(request),
        }
        logger.info("request", extra={"fields": fields})
        return response

    return middleware


def route_of(request: HttpRequest) -> str:
    """Return the pattern that the path fits: one of few, and nothing that a client wrote."""
    if match := request.resolver_match:
        return f"/{match.route}"
    return settings.STATIC_URL if request.path.startswith(settings.STATIC_URL) else "unmatched"


def user_id(request: HttpRequest) -> int | None:
    """Return the id of the user whom this request has turned out to be of, without asking now."""
    user = request.__dict__.get("user")
    if type(user) is SimpleLazyObject:  # the admin's: looked up only where somebody wanted it
        user = request.__dict__.get("_cached_user")
    return getattr(user, "id", None)
