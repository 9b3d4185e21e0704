"""The root of the errors that our own rules raise, and those of a database that is away.

Imports nothing of ours, so every app may use it.
"""

from django.db import InterfaceError, OperationalError

# The database is away: what was to be read or written may be a little later.
DATABASE_ERRORS = (OperationalError, InterfaceError)


class DomainError(Exception):
    """A rule of ours refused the request. `str(error)` is a sentence the caller can act on.

    Subclasses set `status` (HTTP) and `code` (stable, for programs); `retry_after` is in seconds.
    `ultrai.problems` turns them into problem documents.
    """

    status = 400
    code = "invalid"
    retry_after: int | None = None
