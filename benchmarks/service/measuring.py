"""Measures every operation in rounds, the service and the ceiling in turn."""

import os
import statistics
import time
from typing import Any, NamedTuple

from django.db import connection

from benchmarks.service.inspection import inspect
from benchmarks.service.load import Run, drive
from benchmarks.service.operations import Operation, Seeded, operations
from benchmarks.service.servers import CEILING, SERVICE, gunicorn, idle_worker_megabytes


class Plan(NamedTuple):
    documents: int
    clients: list[int]
    rounds: int
    seconds: int
    only: list[str]  # names of operations; empty: all


def measure(plan: Plan) -> dict[str, Any]:
    """Return what was found, fit for JSON: medians of the rounds, and the queries behind them."""
    seeded = Seeded(plan.documents)
    seeded.restore()  # a run that was interrupted has left what it made
    chosen = [one for one in operations() if not plan.only or one.name in plan.only]
    found: dict[str, Any] = {one.name: {} for one in chosen}
    for one in chosen:
        looked_at = inspect(one)
        found[one.name] = looked_at._asdict()
        print(
            f"  {one.name}: {looked_at.queries} queries, {looked_at.database_ms:.1f} ms", flush=True
        )
    seeded.restore()
    runs: dict[tuple[str, str, int], list[Run]] = {}
    with gunicorn(SERVICE) as service, gunicorn(CEILING) as ceiling:
        memory: dict[str, float] = {"web_started_mb": service.megabytes}
        for number in range(plan.rounds + 1):  # the first warms up
            for one in chosen:
                targets = {"service": service}
                targets |= {"ceiling": ceiling} if one.has_ceiling else {}
                for clients in plan.clients if number else [8]:
                    for target, server in targets.items():
                        seconds = plan.seconds if number else min(3, plan.seconds)
                        nonce = f"{os.getpid()}-{time.time_ns()}"
                        run = drive(one, server.port, clients, seconds, nonce)
                        if number:
                            runs.setdefault((target, one.name, clients), []).append(run)
                        report(target, one, clients, run, number)
                        server.settle()
                seeded.restore()
        memory |= {"web_loaded_mb": service.megabytes, "web_started_s": round(service.seconds, 1)}
    memory["worker_idle_mb"] = idle_worker_megabytes()
    for (target, name, clients), of in runs.items():
        found[name].setdefault(target, {})[str(clients)] = median(of)
    return {"operations": found, "unused_indexes": unused_indexes(), "processes": memory}


def report(target: str, one: Operation, clients: int, run: Run, number: int) -> None:
    failed = f"  {run.failed} FAILED" if run.failed else ""
    print(
        f"  round {number}  {target:8} {one.name:18} {clients:3} clients"
        f" {run.per_second:8.0f}/s  p50 {run.p50:7.1f}  p99 {run.p99:7.1f} ms{failed}",
        flush=True,
    )


def median(runs: list[Run]) -> dict[str, float]:
    """The median of each figure; of failures the sum."""
    fields = [field for field in Run._fields if field != "failed"]
    medians = {field: statistics.median(getattr(run, field) for run in runs) for field in fields}
    return medians | {"failed": sum(run.failed for run in runs)}


def unused_indexes() -> list[str]:
    """Indexes that no query has used so far, and that no constraint needs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname || '.' || indexrelname FROM pg_stat_user_indexes"
            " JOIN pg_index USING (indexrelid)"
            " WHERE idx_scan = 0 AND NOT indisunique AND relname = ANY(%s) ORDER BY 1",
            [["documents", "document_passages", "analyses", "analysis_results", "user_sessions"]],
        )
        return [name for (name,) in cursor.fetchall()]
