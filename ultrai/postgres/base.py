"""Django's database backend for PostgreSQL, with a shorter way to the connections of the pool."""

from typing import Any, ClassVar

from django.db.backends.postgresql import base

from ultrai.postgres.turns import Turn, Turns


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes a connection from the pool for each request, as Django's does, but as it is.

    Django sets each up like a new one, and tells of it (`connection_created`). Here that is done
    once a thread: the pool has set up its connections, and after an ordinary end this is as before.
    """

    turns: ClassVar[Turns | None] = None  # web processes have them (ultrai.gunicorn_conf)
    closed_in_transaction: bool
    errors_occurred: bool
    pool: Any
    is_set_up = False
    turn: Turn | None = None

    def connect(self) -> None:
        if self.turns and self.turn is None:
            self.turn = self.turns.take()
        try:
            self.take_connection()
        except BaseException:
            self.give_turn_back()
            raise

    def take_connection(self) -> None:
        pool = self.pool
        if pool is None or pool.closed or self.closed_in_transaction or not self.is_set_up:
            super().connect()
            self.is_set_up = True
            return
        self.errors_occurred = False
        self.connection = pool.getconn()
        if not self.connection.autocommit:  # somebody gave it back in the middle of a transaction
            self.connection.autocommit = True

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]  # the stubs lack it
        finally:
            self.give_turn_back()

    def give_turn_back(self) -> None:
        if self.turns and self.turn:
            self.turns.give_back(self.turn)
            self.turn = None
