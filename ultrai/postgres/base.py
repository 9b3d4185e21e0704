"""Django's database backend for PostgreSQL, with a shorter way to the connections of the pool."""

from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes a connection from the pool for each request, as Django's does, but as it is.

    Django sets each up like a new one, and tells of it (`connection_created`). Here that is done
    once a thread: the pool has set up its connections, and after an ordinary end this is as before.
    """

    closed_in_transaction: bool
    errors_occurred: bool
    pool: Any
    is_set_up = False

    def connect(self) -> None:
        pool = self.pool
        if pool is None or pool.closed or self.closed_in_transaction or not self.is_set_up:
            super().connect()
            self.is_set_up = True
            return
        self.errors_occurred = False
        self.connection = pool.getconn()
        if not self.connection.autocommit:  # somebody gave it back in the middle of a transaction
            self.connection.autocommit = True
