"""Sends requests as fast as they are answered, with wrk, and tells how long they took."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.service.operations import UNIQUE, Operation, Request

SCRIPT = """
local requests = {
%(requests)s
}
local nonce, count = "", 0
function init(arguments) nonce = arguments[1] end
function request()
  count = count + 1
  local one = requests[count %% #requests + 1]
  local body = one[4]
  if body then body = body:gsub("%(unique)s", nonce .. "-" .. count) end
  return wrk.format(one[1], one[2], one[3], body)
end
function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format(
    'RESULT {"requests": %%d, "microseconds": %%d, "failed": %%d, "p50": %%f, "p95": %%f, '
      .. '"p99": %%f}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50),
    latency:percentile(95), latency:percentile(99)))
end
"""


class Run(NamedTuple):
    per_second: float
    p50: float  # ms
    p95: float
    p99: float
    failed: int


def find_wrk() -> str:
    if wrk := shutil.which("wrk"):
        return wrk
    raise SystemExit("The load is made by wrk, which is not installed: apt install wrk")


def drive(operation: Operation, port: int, clients: int, seconds: int, nonce: str) -> Run:
    """Have so many clients send the operation's requests for so long."""
    lines = ",\n".join(map(in_lua, operation.requests))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % {"requests": lines, "unique": UNIQUE})
        script.flush()
        command = [
            find_wrk(),
            "-t1",
            f"-c{clients}",
            f"-d{seconds}s",
            "--timeout=30s",
        ]
        done = subprocess.run(
            [*command, "-s", script.name, f"http://127.0.0.1:{port}", "--", nonce],
            capture_output=True,
            text=True,
            cwd=Path(script.name).parent,
            check=False,
        )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not results:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    found = json.loads(results[0].removeprefix("RESULT "))
    return Run(
        per_second=found["requests"] / (found["microseconds"] / 1e6),
        p50=found["p50"] / 1e3,
        p95=found["p95"] / 1e3,
        p99=found["p99"] / 1e3,
        failed=found["failed"],
    )


def in_lua(request: Request) -> str:
    """The request as a Lua table; JSON's strings of ASCII are Lua's, too."""
    headers = ", ".join(f"[{json.dumps(n)}] = {json.dumps(v)}" for n, v in request.headers.items())
    parts = [json.dumps(request.method), json.dumps(request.path), f"{{{headers}}}"]
    if request.body is not None:
        parts.append(json.dumps(request.body))
    return f"{{{', '.join(parts)}}}"
