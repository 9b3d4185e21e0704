"""Tokens between two calls: a file that only its owner can read, by address of the service."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# An access token is exchanged this long before it ends: a request takes its time.
EARLY_SECONDS = 30


@dataclass(frozen=True)
class Credentials:
    """A session's tokens, or a personal access token: that has no refresh token and no end."""

    access_token: str
    refresh_token: str = ""
    expires_at: float | None = None

    @classmethod
    def of_session(cls, pair: dict[str, Any]) -> "Credentials":
        """From an answer of /auth/login or /auth/refresh."""
        ends = time.time() + pair["expires_in"]
        return cls(pair["access_token"], pair["refresh_token"], ends)

    @property
    def is_spent(self) -> bool:
        return self.expires_at is not None and time.time() > self.expires_at - EARLY_SECONDS


class CredentialsFile:
    def __init__(self, url: str) -> None:
        self.url = url
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        self.path = Path(config) / "ultrai" / "credentials.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold off other clients: the second to use one refresh token would end the session."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> Credentials | None:
        stored = self._read_all().get(self.url)
        return Credentials(**stored) if stored else None

    def write(self, credentials: Credentials | None) -> None:
        """Keep these for the service, None: forget them. To be called while `locked`."""
        stored = self._read_all()
        stored.pop(self.url, None)
        if credentials:
            stored[self.url] = asdict(credentials)
        draft = self.path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        # Private from the first byte on, and never half written.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(stored, file, indent=2)
        draft.replace(self.path)

    def _read_all(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.path.read_text()))
        except (FileNotFoundError, ValueError):
            return {}
