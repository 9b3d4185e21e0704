"""200 analyses of 5 models against a peer that takes 2 s a call: time, calls in flight, memory.

`.venv/bin/python -m benchmarks.many_analyses [--analyses 200] [--seconds 2] [--webs 1]
[--workers 1]`: starts the service with a database of its own, asks through the API, and prints what
the peer and /proc saw: how fast analyses are taken in and how fast they end, what the calls came
to, how long an analysis waited in the queue and how long it then took in its worker, and what
memory and processor time the workers needed. Each web service is a gunicorn of its own, with its
processes, as on another machine; the clients are spread over them, and all share one database.

With `--late` somebody else asks for one small analysis when a quarter has ended: what is told of it
says whether one who comes in the middle has to wait for those who came before, and where.
"""

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.peer import Peer
from benchmarks.stand import (
    Stand,
    call,
    cpu_seconds,
    free_port,
    memory_mb,
    new_user,
    stand,
    wait_until,
)

MODELS = ["peer:a", "peer:b", "peer:c", "peer:d", "peer:e"]
CLIENTS = 4  # that ask at once
OUTCOMES = """
    SELECT concat_ws(' ', status, nullif(error_code, '')), count(*)
    FROM analysis_results GROUP BY 1 ORDER BY 2 DESC
"""
SPANS = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY waited), max(waited),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY took), max(took)
    FROM analyses, LATERAL (
        SELECT extract(epoch FROM started_at - created_at)::float8 AS waited,
               extract(epoch FROM finished_at - started_at)::float8 AS took
    ) AS spans
"""
TIMES = """
    SELECT extract(epoch FROM started_at - created_at)::float8,
           extract(epoch FROM finished_at - started_at)::float8
    FROM analyses WHERE id = %s
"""
ENDED = "SELECT count(*) FROM analyses WHERE finished_at IS NOT NULL"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--analyses", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2.0, help="what a call takes")
    parser.add_argument("--webs", type=int, default=1, help="gunicorns")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=1_000, help="PROVIDER_CONCURRENCY")
    parser.add_argument("--late", action="store_true")
    options = parser.parse_args()
    peer = Peer(delay=lambda: options.seconds).start()
    variables = {"PROVIDER_CONCURRENCY": str(options.concurrency)}
    with stand(**variables, **peer.variables("a", "b", "c", "d", "e")) as service:
        ports = [free_port() for _ in range(options.webs)]
        for port in ports:
            service.web(port)
        token = new_user(ports[0], "many")
        workers = [service.worker() for _ in range(options.workers)]
        alive = "SELECT count(*) FROM procrastinate_workers"
        wait_until(lambda: service.rows(alive)[0][0] >= 3 * options.workers)
        idle = [memory_mb(worker.pid) for worker in workers]
        most = list(idle)

        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(0.1):
                for number, worker in enumerate(workers):
                    most[number] = max(most[number], memory_mb(worker.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            asking = clients.map(
                lambda n: ask(ports[n % len(ports)], token, n, MODELS), range(options.analyses)
            )
            list(asking)
        asked = time.monotonic() - started
        if options.late:
            late(service, ports[-1], options.analyses // 4)
        everything = options.analyses + options.late
        wait_until(lambda: service.rows(ENDED)[0][0] == everything, seconds=900)
        seconds = time.monotonic() - started
        is_over.set()
        watcher.join()
        outcomes, spans = service.rows(OUTCOMES), service.rows(SPANS)[0]
        cpu = sum(cpu_seconds(worker.pid) for worker in workers)
    calls = len(peer.asked)
    print(f"{options.analyses} analyses of {len(MODELS)} models, {options.seconds:g} s a call")
    print(f"asked in {asked:.1f} s, ended after {seconds:.1f} s; {calls:,} calls")
    print(f"results: {', '.join(f'{count:,} {outcome}' for outcome, count in outcomes)}")
    print(
        "waited for a worker: {:.1f} s (median), {:.1f} s at most; then {:.1f} and {:.1f} s".format(
            *spans
        )
    )
    print(f"most calls in flight: {peer.most_in_flight:,}; the workers' CPU: {cpu:.1f} s")
    print(f"memory of each worker: {idle} MB idle, {most} MB at most")


def ask(port: int, token: str, number: int, models: list[str]) -> int:
    prompt = f"This is question {number} of many."
    body = {"prompt": prompt, "models": models, "cache": False}
    status, _, analysis = call(port, "POST", "/analyses", body, token)
    assert status == 202, analysis
    return int(analysis["id"])


def late(service: Stand, port: int, after: int) -> None:
    """Have somebody else ask in the middle, and print how long they waited."""
    token = new_user(port, "late")
    wait_until(lambda: service.rows(ENDED)[0][0] >= after, seconds=600)
    started = time.monotonic()
    number = ask(port, token, 0, MODELS[:1])
    is_over = "SELECT 1 FROM analyses WHERE id = %s AND finished_at IS NOT NULL"
    wait_until(lambda: service.rows(is_over, number), seconds=600)
    left = service.rows("SELECT count(*) FROM analyses WHERE finished_at IS NULL")[0][0]
    waited = time.monotonic() - started
    queued, took = service.rows(TIMES, number)[0]
    print(
        f"somebody else's one: {waited:.1f} s, of which {queued:.1f} s until a worker took it and "
        f"{took:.1f} s in there; {left} others had not ended then"
    )


if __name__ == "__main__":
    main()
