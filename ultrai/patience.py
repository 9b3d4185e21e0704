"""What may take the database longer than DATABASE_STATEMENT_TIMEOUT, which web processes have."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from django.db import connection

from ultrai.exceptions import DATABASE_ERRORS


def allow_any_time() -> None:
    """Let the statements of this transaction take as long as they need."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")


def unhurried[T](pieces: Iterable[T]) -> Iterator[T]:
    """Yield the pieces of a stream that has begun: nobody could be told any more to try again."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    try:
        yield from pieces
    finally:
        with suppress(*DATABASE_ERRORS), connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
