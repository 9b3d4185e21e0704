"""Restarts under load: web, worker, database. What do clients see, and what is lost?

`.venv/bin/python -m benchmarks.restart_drill [--rate 50] [--seconds 40]`: two web processes on two
ports and two workers, with a database of their own. Clients send 50 requests a second in all, to
the ports in turn; who is refused a connection tries the other port, as a load balancer does. First
each web and worker process is stopped (SIGTERM) and started again in turn, then the database is.
Fails when a request fails otherwise than as promised, or a job is lost.
"""

import argparse
import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from benchmarks.stand import Stand, call, free_port, new_user, stand, wait_until


def request(number: int, document: int) -> tuple[str, str, Any]:
    """What the clients send, in turn: method, path, body."""
    note = {"filename": "note.txt", "content": f"Note {number}: some words to keep."}
    question = {"document_id": document, "models": ["builtin:keywords"], "prompt": "Which words?"}
    requests: list[tuple[str, str, Any]] = [
        ("GET", "/documents", None),
        ("GET", "/auth/me", None),
        ("POST", "/documents", note),
        ("GET", "/analyses", None),
        ("POST", "/analyses", question),
    ]
    return requests[number % len(requests)]


class Clients:
    """Sends requests at a steady rate until told to stop, and notes what each was answered."""

    def __init__(self, ports: list[int], rate: int) -> None:
        self.ports, self.rate = ports, rate
        self.token = new_user(ports[0], f"clients-{time.time_ns()}")
        _, _, stored = self.call(0, *request(2, 0))
        self.document = stored["id"]
        self.answers: list[tuple[float, str, str]] = []  # when, request, outcome
        self.refused = 0
        self.accepted: list[int] = []  # analyses that were answered 202
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> "Clients":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()

    def run(self) -> None:
        with ThreadPoolExecutor(64) as pool:
            started = time.monotonic()
            for number in itertools.count():
                if self.is_over.wait(max(0.0, started + number / self.rate - time.monotonic())):
                    return
                pool.submit(self.send, number)

    def call(self, port: int, method: str, path: str, body: Any) -> tuple[int, Any, Any]:
        return call(self.ports[port % len(self.ports)], method, path, body, self.token)

    def send(self, number: int) -> None:
        method, path, body = request(number, self.document)
        started = time.monotonic()
        outcome = "refused by all"
        for attempt in range(len(self.ports)):
            try:
                status, headers, answer = self.call(number + attempt, method, path, body)
            except OSError as error:
                outcome = type(getattr(error, "reason", error)).__name__
                break
            if status == 0:
                self.refused += 1
                continue
            outcome = str(status)
            if status == 503 and "Retry-After" not in headers:
                outcome = "503 without Retry-After"
            if status == 202:
                self.accepted.append(answer["id"])
            break
        self.answers.append((started, f"{method} {path}", outcome))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="between two restarts")
    options = parser.parse_args()
    with stand() as service:
        ports = [free_port(), free_port()]
        webs = [service.web(port, WEB_CONCURRENCY="1") for port in ports]
        workers = [service.worker() for _ in ports]
        time.sleep(options.seconds)
        is_fine = rolling(service, Clients(ports, options.rate), webs, workers, options)
        is_fine &= database(service, Clients(ports, options.rate), options)
    if not is_fine:
        raise SystemExit("A promise was broken.")


def rolling(
    service: Stand, clients: Clients, webs: list[Any], workers: list[Any], options: Any
) -> bool:
    with clients:
        for number, port in enumerate(clients.ports):
            time.sleep(options.seconds)
            service.stop(webs[number])
            time.sleep(0.5)
            webs[number] = service.web(port, WEB_CONCURRENCY="1")
            time.sleep(options.seconds)
            service.stop(workers[number])
            workers[number] = service.worker()
        time.sleep(options.seconds)
    print(f"rolling restart: {summary(clients)}")
    return are_all(clients, {"200", "201", "202"}) & nothing_is_lost(service, clients)


def database(service: Stand, clients: Clients, options: Any) -> bool:
    """Stop and start PostgreSQL; web and workers are left to themselves."""
    with clients:
        time.sleep(options.seconds)
        stopped = time.monotonic()
        service.stop_database()
        time.sleep(options.seconds)
        service.start_database()
        back = time.monotonic()
        time.sleep(options.seconds * 3)
    print(f"database away for {back - stopped:.1f} s: {summary(clients)}")
    late = [at - back for at, _, outcome in clients.answers if outcome == "503" and at > back]
    print(f"last 503 was asked for {max(late, default=0.0):.1f} s after the database was back")
    is_fine = are_all(clients, {"200", "201", "202", "503"}) & nothing_is_lost(service, clients)
    return is_fine and max(late, default=0.0) < 5


def summary(clients: Clients) -> str:
    outcomes = Counter(outcome for _, _, outcome in clients.answers)
    counts = ", ".join(f"{count:,} x {outcome}" for outcome, count in sorted(outcomes.items()))
    return f"{len(clients.answers):,} requests: {counts}; {clients.refused} connections refused"


def are_all(clients: Clients, allowed: set[str]) -> bool:
    failed = Counter(
        (asked, outcome) for _, asked, outcome in clients.answers if outcome not in allowed
    )
    for (asked, outcome), count in failed.items():
        print(f"  {count} x {asked}: {outcome}")
    return not failed


def nothing_is_lost(service: Stand, clients: Clients) -> bool:
    """Whether every analysis that was accepted comes to its end."""
    statuses = "SELECT status, count(*) FROM analyses WHERE id = ANY(%s) GROUP BY 1"
    unfinished = "SELECT 1 FROM analyses WHERE id = ANY(%s) AND finished_at IS NULL LIMIT 1"
    with suppress(TimeoutError):
        wait_until(lambda: not service.rows(unfinished, clients.accepted), seconds=180)
    found = dict(service.rows(statuses, clients.accepted))
    counts = ", ".join(f"{count:,} {status}" for status, count in found.items())
    print(f"  {len(clients.accepted):,} analyses were accepted; now {counts}")
    return found == {"succeeded": len(clients.accepted)}


if __name__ == "__main__":
    main()
