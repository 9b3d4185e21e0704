"""Prepared statements, each of them run by one call of libpq.

The driver's cursors are ready for whatever a statement may turn out to be: several of them, a copy,
a part of a pipeline, one whose answer an event loop waits for. A statement that the server has
prepared and that answers with rows is none of these, and to run it takes a cursor longer than it
takes the server to find a row.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from psycopg import OperationalError
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

NAME = "_statements"  # of what is kept with a connection
# As many as PostgreSQL keeps for one by the driver's default, and those that it has dropped since.
MOST = 200

Row = tuple[Any, ...]


class Statements:
    """The statements of a connection, ready to be given other values.

    What the server has prepared, and under which name, is in the driver's own books: it forgets
    that when a transaction is rolled back, when a table is altered, and when there is too much.
    """

    def __init__(self, driver: Any, make_cursor: Any) -> None:
        self.driver, self.make_cursor = driver, make_cursor
        self.cursor = make_cursor(driver)  # says how values are adapted; it runs nothing
        self.known: dict[str, PostgresQuery] = {}

    @classmethod
    def of(cls, driver: Any, make_cursor: Any) -> Self:
        """Return those of a connection, whose statements are all run by cursors of this kind."""
        kept = vars(driver)
        if NAME not in kept:
            kept[NAME] = cls(driver, make_cursor)
        found: Self = kept[NAME]
        return found

    def run(self, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
        """Run a statement, return its rows; raise the driver's errors, as its cursors do."""
        driver, pgconn = self.driver, self.driver.pgconn
        if not driver.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
            return self.prepare(sql, params)  # a cursor begins the transaction, too
        query = self.known.get(sql)
        if query is None:
            query = self.learn(sql, params)
        else:
            query.dump(params)
        values, query.params = query.params, None  # not kept: there may be a large text in them
        prepared, key = driver._prepared._names, (query.query, query.types)  # noqa: SLF001
        name = prepared.get(key)
        if name is None:
            return self.prepare(sql, params)
        prepared.move_to_end(key)  # the one that was not used for the longest is forgotten first
        with driver.lock:
            result = pgconn.exec_prepared(name, values, query.formats)
        if result.status != ExecStatus.TUPLES_OK:
            raise error_of(result)
        transformer: Any = query._tx  # noqa: SLF001
        transformer.set_pgresult(result)
        rows: list[Row] = transformer.load_rows(0, result.ntuples, tuple)
        transformer.set_pgresult(None)
        return rows

    def prepare(self, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
        """Run it in a cursor, which has it prepared if it is not."""
        with self.make_cursor(self.driver) as cursor:
            rows: list[Row] = cursor.execute(sql, params, prepare=True).fetchall()
            return rows

    def learn(self, sql: str, params: Sequence[Any] | Mapping[str, Any]) -> PostgresQuery:
        if len(self.known) >= MOST:
            self.known.clear()
        query = PostgresQuery(Transformer(self.cursor))
        query.convert(sql, params)
        self.known[sql] = query
        return query


def error_of(result: PGresult) -> Exception:
    """What the driver makes of a result that is no answer, or of a connection that was lost."""
    if result.error_field(DiagnosticField.SQLSTATE):
        return error_from_result(result)
    return OperationalError(result.get_error_message())
