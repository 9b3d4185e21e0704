"""What any client of the service needs: tokens, problem documents, retries, pages, events."""

import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from ultrai.client.credentials import Credentials, CredentialsFile

ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 60
# Answers that say: nothing was done, try again later.
BUSY = {429, 503}
IN_PROGRESS = "idempotency_in_progress"  # the same, of a request that is still being answered
TIMEOUT = httpx2.Timeout(60, connect=10)


class Refused(Exception):
    """The service answered with an error; `problem` is its problem document."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"])
        self.problem = problem


class NotLoggedIn(Exception):
    """There is no token, or none that counts any more."""


class Unreachable(Exception):
    """Nobody answered, or somebody who does not speak this API."""


class Api:
    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.file = CredentialsFile(self.url)
        self.given = Credentials(token) if token else None
        self.http = httpx2.Client(
            base_url=self.url, timeout=TIMEOUT, headers={"User-Agent": "ultrai-client"}
        )

    # Tokens

    def log_in(self, email: str, password: str) -> None:
        body = {"email": email, "password": password}
        pair = self.request("POST", "/auth/login", json=body, is_open=True)
        self.keep(Credentials.of_session(pair))

    def keep(self, credentials: Credentials | None) -> None:
        with self.file.locked():
            self.file.write(credentials)

    def credentials(self, refused: str = "") -> Credentials:
        """The token to send; another one than the `refused`. A session's is refreshed in time."""
        found = self.given or self.file.read()
        if found is None:
            raise NotLoggedIn(f"You are not logged in at {self.url}.")
        if refused != found.access_token and not found.is_spent:
            return found
        if not found.refresh_token:
            raise NotLoggedIn("The token does not count any more.")
        with self.file.locked():
            newest = self.file.read()
            if newest and newest != found:  # another process was here before
                return newest
            body = {"refresh_token": found.refresh_token}
            try:
                pair = self.request("POST", "/auth/refresh", json=body, is_open=True)
            except Refused as error:
                if error.problem["status"] != 401:
                    raise
                self.file.write(None)
                raise NotLoggedIn("The session has ended.") from None
            refreshed = Credentials.of_session(pair)
            self.file.write(refreshed)
            return refreshed

    # Requests

    def request(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON; None where it has no body. Options are those of `stream`."""
        with self.stream(method, path, **options) as answer:
            content = answer.read()
            return answer.json() if content else None

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        is_open: bool = False,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Iterator[httpx2.Response]:
        """An answer whose body is still to be read.

        Sent again while the service is busy or away. A POST has an `Idempotency-Key`, so it is done
        once however often it is sent. `is_open`: no token is needed, or there is none yet.
        Raises Refused, NotLoggedIn, Unreachable.
        """
        headers = dict(headers or {})
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        answer = self._patiently(method, path, is_open, headers=headers, **options)
        try:
            yield answer
        finally:
            answer.close()

    def _patiently(self, method: str, path: str, is_open: bool, **options: Any) -> httpx2.Response:
        token, refused = "", ""
        for attempt in range(1, ATTEMPTS + 1):
            if not is_open:
                token = self.credentials(refused).access_token
                options["headers"]["Authorization"] = f"Bearer {token}"
            try:
                return self._once(method, path, **options)
            except httpx2.TransportError as error:
                if attempt == ATTEMPTS:
                    raise Unreachable(f"{self.url} does not answer: {error}") from None
                wait(attempt / 2)
            except Refused as error:
                status, pause = error.problem["status"], error.problem.get("retry_after", attempt)
                is_busy = status in BUSY or error.problem["code"] == IN_PROGRESS
                if status == 401 and not is_open:
                    if refused:
                        raise NotLoggedIn(str(error)) from None
                    refused = token  # it may have ended a little early: once more with another
                elif not is_busy or attempt == ATTEMPTS or pause > LONGEST_PAUSE_SECONDS:
                    raise
                else:
                    wait(pause)
        raise Unreachable(f"{self.url} is too busy.")

    def _once(self, method: str, path: str, **options: Any) -> httpx2.Response:
        # Built anew each time: a file is read from its beginning.
        request = self.http.build_request(method, path, **options)
        answer = self.http.send(request, stream=True)
        if answer.is_success:
            return answer
        try:
            raise Refused(problem_of(answer))
        finally:
            answer.close()

    def rows(self, path: str, limit: int, **parameters: Any) -> list[Any]:
        """The first rows of a list, from as many pages as that takes."""
        found: list[Any] = []
        parameters["limit"] = min(limit, 100)
        while True:
            page = self.request("GET", path, params=parameters)
            found += page["results"]
            if not page["next"] or len(found) >= limit:
                return found[:limit]
            # What the link says, at the address that we know: the token goes nowhere else.
            parameters = dict(httpx2.URL(page["next"]).params)

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Name and data of each server-sent event, over as many connections as it takes."""
        headers = {"Last-Event-ID": "0"}
        while True:
            try:
                with self.stream("GET", path, headers=headers) as answer:
                    for event in httpx2.EventSource(answer, max_event_size=None):
                        if event.id:
                            headers["Last-Event-ID"] = event.id
                        if event.data:
                            yield event.event, event.json()
            except httpx2.TransportError:
                pass  # cut off in the middle: go on after the last event
            wait(1)


def wait(seconds: float) -> None:
    """Sleep; where that is long enough to wonder, say so."""
    if seconds > 2:
        print(f"The service is busy; once more in {seconds:.0f} s.", file=sys.stderr)
    time.sleep(seconds)


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """The problem document; raises Unreachable where it is none, and so not from the service."""
    answer.read()
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("application/problem+json"):
        return dict(answer.json())
    where = answer.headers.get("Location")
    hint = f" It names another address: {where}" if where else ""
    raise Unreachable(f"{answer.request.url} answers {answer.status_code}, not as UltrAI.{hint}")
