"""The root of the errors that our own rules raise. Imports nothing, so every app may use it."""


class DomainError(Exception):
    """A rule of ours refused the request. `str(error)` is a sentence the caller can act on.

    Subclasses set `status` (HTTP) and `code` (stable, for programs); `retry_after` is in seconds.
    `ultrai.problems` turns them into problem documents.
    """

    status = 400
    code = "invalid"
    retry_after: int | None = None
