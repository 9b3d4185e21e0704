"""The cursor of queries that are not prepared."""

from typing import Any

from django.db.backends.postgresql.base import Cursor


class PlainCursor(Cursor):
    """Django's, which writes the values into the SQL: no two of its queries are the same.

    psycopg keeps the last hundred, to count them and prepare the frequent ones: in an upload these
    were a hundred parts of a file, 50 MB in each connection.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        connection: Any = self.connection  # type: ignore[attr-defined]  # the stubs lack it
        threshold, connection.prepare_threshold = connection.prepare_threshold, None
        try:
            return super().execute(query, params, **options)  # type: ignore[misc]
        finally:
            connection.prepare_threshold = threshold
