"""`kill -9` of the worker at random moments, while it runs councils of five models.

`.venv/bin/python -m benchmarks.kill_drill [kills] [seed]`: starts the service with a database of
its own and a peer that takes 0.1 to 1 s a call; keeps asking, keeps killing, then lets everything
end and holds the rows against what the peer was asked. Fails when an analysis does not end, when
an answer that was stored is changed or asked for again, or when the peer was asked more often than
the rows admit.
"""

import random
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime

from benchmarks.peer import Peer
from benchmarks.stand import Stand, call, free_port, new_user, stand, wait_until

MODELS = ["peer:a", "peer:b", "peer:c", "peer:d", "peer:e"]
ASKED_BETWEEN_KILLS = 4
UNFINISHED = "SELECT count(*) FROM analyses WHERE finished_at IS NULL"
ANSWERED = "SELECT id, response FROM analysis_results WHERE status = 'succeeded'"


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    moments = random.Random(seed)
    peer = Peer(delay=lambda: moments.uniform(0.1, 1.0)).start()
    with stand(**peer.variables("a", "b", "c", "d", "e")) as service:
        port = free_port()
        service.web(port)
        token = new_user(port, "drill")
        stored: dict[int, str] = {}  # what was there at some kill
        in_flight = asked = 0
        started = time.monotonic()
        for _ in range(kills):
            worker = service.worker()
            for _ in range(ASKED_BETWEEN_KILLS):
                ask(port, token, asked)
                asked += 1
            time.sleep(moments.uniform(3, 9))
            in_flight += peer.in_flight
            service.kill(worker)
            stored |= dict(service.rows(ANSWERED))
        service.worker()
        wait_until(lambda: service.rows(UNFINISHED)[0][0] == 0, seconds=300)
        print(f"{kills} kills (seed {seed}), {in_flight} calls in flight at them, ", end="")
        print(f"{asked} analyses, {time.monotonic() - started:.0f} s in all")
        judge(service, peer, stored)


def ask(port: int, token: str, number: int) -> None:
    question = {"prompt": f"This is question {number} of the drill.", "models": MODELS}
    status, _, body = call(port, "POST", "/analyses", question | {"mode": "council"}, token)
    assert status == 202, body


def judge(service: Stand, peer: Peer, stored: dict[int, str]) -> None:
    """Print what came out, and fail when a promise was broken."""
    statuses = Counter(s for (s,) in service.rows("SELECT status FROM analyses"))
    print("analyses:", ", ".join(f"{count} {status}" for status, count in statuses.items()))
    reasons = service.rows(
        "SELECT error_code, count(*) FROM analysis_results WHERE status = 'failed' GROUP BY 1"
    )
    print("calls that failed:", ", ".join(f"{n} {code}" for code, n in reasons) or "none")

    now = dict(service.rows(ANSWERED))
    changed = [pk for pk, text in stored.items() if now.get(pk) != text]
    print(f"answers stored before a kill: {len(stored):,}; lost or changed since: {len(changed)}")

    asked: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in peer.asked:
        asked[one.question, one.stage, one.model].append(one.at)
    # A request to repair a block does not hold the question: those are counted by model.
    rows: dict[tuple[str, str, str], tuple[int, int, datetime]] = {}
    for number, stage, model, attempts, interrupted, end in service.rows(
        "SELECT substring(prompt FROM 'question ([0-9]+)'), stage, model, attempts, interrupted,"
        " finished_at FROM analysis_results"
    ):
        question = "" if stage == "repair" else f"question {number}"
        key = question, stage, model.removeprefix("peer:")
        before = rows.get(key, (0, 0, end))
        rows[key] = before[0] + attempts, before[1] + interrupted, max(before[2], end)
    unknown = set(asked) - set(rows)
    hidden = [key for key in asked if key in rows and len(asked[key]) > rows[key][0]]
    again = [
        key
        for key, times in asked.items()
        if key in rows and datetime.fromtimestamp(max(times), UTC) > rows[key][2]
    ]
    repeated = sum(len(times) - 1 for times in asked.values())
    admitted = sum(interrupted for _, interrupted, _ in rows.values())
    print(f"requests the peer had: {len(peer.asked):,}, of these repeated: {repeated}")
    print(f"requests whose outcome nobody knows, as the rows say: {admitted}")
    print(f"asked without a row: {len(unknown)}; more often than the row admits: {len(hidden)}")
    print(f"asked again after the answer was stored: {len(again)}")
    unfinished = set(statuses) - {"succeeded", "partial", "failed"}
    if changed or unknown or hidden or again or unfinished:
        raise SystemExit("A promise was broken.")


if __name__ == "__main__":
    main()
