"""Looks into single requests, inside this process: their queries, and how those are planned."""

import io
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection

from benchmarks.service.operations import UNIQUE, Operation, Request
from ultrai.wsgi import application

WARM_UP, TIMES = 5, 20


class Query(NamedTuple):
    sql: str
    params: Any
    seconds: float


class Inspection(NamedTuple):
    queries: int  # per request
    database_ms: float  # until their answers were here, alone on the machine
    plans: list[tuple[str, str]]  # SQL and EXPLAIN (ANALYZE, BUFFERS) of what it reads


def inspect(operation: Operation) -> Inspection:
    for number in range(WARM_UP):
        answer(operation, number)
    counts, milliseconds = [], []
    for number in range(WARM_UP, WARM_UP + TIMES):
        with recorded() as queries:
            answer(operation, number)
        last = queries
        counts.append(len(queries))
        milliseconds.append(1_000 * sum(query.seconds for query in queries))
    plans = [(query.sql, explained(query)) for query in last if is_reading(query)]
    return Inspection(round(statistics.median(counts)), statistics.median(milliseconds), plans)


@contextmanager
def recorded() -> Iterator[list[Query]]:
    queries: list[Query] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        result = execute(sql, params, many, context)
        queries.append(Query(sql, params, time.perf_counter() - started))
        return result

    with connection.execute_wrapper(record):
        yield queries


def is_reading(query: Query) -> bool:
    """Whether it can be made once more: a function may write, such as the one that queues jobs."""
    is_selecting = query.sql.lstrip().startswith(("SELECT", "WITH")) and "INSERT" not in query.sql
    return is_selecting and "procrastinate" not in query.sql


def explained(query: Query) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}", query.params)
        return "\n".join(line for (line,) in cursor.fetchall())


def answer(operation: Operation, number: int) -> None:
    request = operation.requests[number % len(operation.requests)]
    status = send(request, nonce=f"inspection-{number}-{time.time_ns()}")
    if status != request.status:
        raise SystemExit(f"{operation.name}: {request.path} was answered with {status}.")


def send(request: Request, *, nonce: str = "") -> int:
    """Have the application answer the request; return the status."""
    body = (request.body or "").replace(UNIQUE, nonce).encode()
    path, _, query = request.path.partition("?")
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    for name, value in request.headers.items():
        key = re.sub("-", "_", name).upper()
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    statuses: list[str] = []
    start: Any = lambda status, *_: statuses.append(status)  # noqa: E731
    response = application(environ, start)
    try:
        list(response)
    finally:
        response.close()
    return int(statuses[0].split()[0])
