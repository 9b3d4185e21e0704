"""Does a login take the same time whether or not the address has an account?

    .venv/bin/python -m benchmarks.login_timing --tries 50

Starts the service on the development database, registers a user, and tries a wrong password for
its address and for an unknown one in turns, so that whatever slows the machine slows both. The
user is erased afterwards.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from ultrai.development import prepare
from ultrai.supervisor import BASE_DIR

PASSWORD = secrets.token_urlsafe(24)


@contextmanager
def service() -> Iterator[HTTPConnection]:
    """gunicorn as in production, with nothing throttled; yields a connection to it."""
    prepare()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"WEB_CONCURRENCY": "1", "LOG_LEVEL": "ERROR"}
    settings |= {f"THROTTLE_{name}": "off" for name in ("LOGIN", "LOGIN_ADDRESS", "REGISTER")}
    environment = os.environ | settings
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"],
        cwd=BASE_DIR,
        env=environment,
        check=True,
    )
    command = ["-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf", "--log-level=warning"]
    process = subprocess.Popen(
        [sys.executable, *command, f"--bind=127.0.0.1:{port}", "ultrai.wsgi"],
        cwd=BASE_DIR,
        env=environment,
    )
    try:
        yield connect(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def connect(port: int) -> HTTPConnection:
    for _ in range(300):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.connect()
        except OSError:
            time.sleep(0.1)
        else:
            return connection
    raise SystemExit("The service did not start.")


def ask(
    connection: HTTPConnection, method: str, path: str, body: dict[str, str], token: str = ""
) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.load(response)


def try_to_log_in(connection: HTTPConnection, email: str) -> float:
    """Milliseconds until a wrong password is refused."""
    started = time.perf_counter()
    status, _ = ask(
        connection, "POST", "/auth/login", {"email": email, "password": "a wrong password"}
    )
    elapsed = (time.perf_counter() - started) * 1_000
    assert status == 401, status
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=50, help="for each of the two addresses")
    tries: int = parser.parse_args().tries

    known = f"timing-{secrets.token_hex(8)}@example.com"
    unknown = known.replace("timing", "nobody")
    times: dict[str, list[float]] = {known: [], unknown: []}
    with service() as connection:
        account = {"email": known, "username": "Timing", "password": PASSWORD}
        status, _ = ask(connection, "POST", "/auth/register", account)
        assert status == 201, status
        for email in (known, unknown) * 5:  # the first ones open connections and load modules
            try_to_log_in(connection, email)
        for number in range(tries):
            for email in (known, unknown) if number % 2 else (unknown, known):
                times[email].append(try_to_log_in(connection, email))
        _, pair = ask(connection, "POST", "/auth/login", account)
        ask(connection, "DELETE", "/auth/me", {"password": PASSWORD}, pair["access_token"])

    print(f"{tries} tries each, milliseconds   median     mean   standard deviation")
    for label, email in {"known address": known, "unknown address": unknown}.items():
        median, mean = statistics.median(times[email]), statistics.fmean(times[email])
        print(f"{label:27} {median:8.2f} {mean:8.2f} {statistics.stdev(times[email]):8.2f}")
    ratios = [f(times[unknown]) / f(times[known]) for f in (statistics.median, statistics.fmean)]
    print(f"unknown / known             {ratios[0]:8.3f} {ratios[1]:8.3f}")


if __name__ == "__main__":
    main()
