"""Whether a pooled connection is still good, without asking the server each time."""

import select

from psycopg import Connection
from psycopg_pool import ConnectionPool


def check(connection: Connection) -> None:
    """Raise when the server has hung up: what it says then waits in the socket.

    A server that says nothing has not ended. One that vanished together with its machine is
    noticed by the kernel (tcp_user_timeout), as it would be in the middle of a query.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)
