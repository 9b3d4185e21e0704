"""Which request this is about: in its log lines, in its errors, in the jobs it started."""

import functools
import os
import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

# Empty outside of requests and of the jobs they started.
current_request_id: ContextVar[str] = ContextVar("request_id", default="")

# What the usual makers of such ids write, and nothing that a log or a header could stumble over.
VALID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def accepted(header: str | None) -> str:
    """Return the client's id when it is fit for headers and logs, a new one otherwise."""
    return header if header and VALID.fullmatch(header) else os.urandom(16).hex()


def carried() -> dict[str, str]:
    """Return what a `traced` job is deferred with, besides its own arguments."""
    request_id = current_request_id.get()
    return {"request_id": request_id} if request_id else {}


def traced[**P, T](task: Callable[P, Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Have a job's log lines name the request that started it (see `carried`)."""

    @functools.wraps(task)
    async def run(*args: Any, request_id: str = "", **kwargs: Any) -> T:
        current_request_id.set(request_id)  # each job has a context of its own
        return await task(*args, **kwargs)

    return run
