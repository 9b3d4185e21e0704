"""The root of the errors that our own rules raise. Imports nothing, so every app may use it."""


class DomainError(Exception):
    """A rule of ours refused the request. `str(error)` is a sentence the caller can act on.

    Subclasses set `status` (HTTP) and `code` (stable, for programs); the one error handler in
    `ultrai.api` turns them into a problem document.
    """

    status = 400
    code = "invalid"
