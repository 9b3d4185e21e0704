import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.service.environment import prepare_environment

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / ".data" / "benchmarks"
FULL = 1_000_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.service", description=__doc__)
    parser.add_argument("--documents", type=int, default=FULL, help="how many there are (1000000)")
    parser.add_argument("--clients", default="1,16,64", help="at once, comma-separated (1,16,64)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are taken (3)")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--only", default="", help="names of operations, comma-separated")
    parser.add_argument("--seed-only", action="store_true", help="fill the database, no more")
    parser.add_argument("--growth", default="", help="also at these sizes, as 10000,100000")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    sizes = [int(size) for size in options.growth.split(",") if size]
    for size in sizes:
        # The settings name one database: each size is a process of its own.
        command = [sys.executable, "-m", "benchmarks.service", f"--documents={size}"]
        flags = [f"--seconds={options.seconds}", f"--rounds={options.rounds}", "--clients=16"]
        seed_only = ["--seed-only"] if options.seed_only else []
        subprocess.run([*command, *flags, *seed_only], cwd=ROOT, check=True)
    server = prepare_environment(options.documents)

    import django

    django.setup()

    from django.core.management import call_command

    # As a deployment does, before anything asks for the files: the admin's pages name them.
    call_command("collectstatic", interactive=False, verbosity=0)

    from benchmarks.service import database, measuring, report

    database.prepare_database(server, options.documents)
    if options.seed_only:
        return
    print(f"Measuring with {options.documents:,} documents ...", flush=True)
    plan = measuring.Plan(
        documents=options.documents,
        clients=[int(number) for number in options.clients.split(",")],
        rounds=options.rounds,
        seconds=options.seconds,
        only=[name.strip() for name in options.only.split(",") if name.strip()],
    )
    found = measuring.measure(plan) | circumstances(options)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{options.documents}.json").write_text(json.dumps(found, indent=1))
    print(report.table(found))
    if options.report:
        others = [json.loads((RESULTS / f"{size}.json").read_text()) for size in sizes]
        report.write(found, [*others, found])


def circumstances(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on besides the code."""
    from django.db import connection

    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgresql = cursor.fetchone()[0]
        cursor.execute("SHOW shared_buffers")
        postgresql += f" with {cursor.fetchone()[0]} of shared buffers"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "documents": options.documents,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": postgresql,
    }


main()
