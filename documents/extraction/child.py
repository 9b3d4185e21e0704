"""The child process: one file comes in on stdin, its text goes out on stdout, nothing else happens.

`process.py` runs this file by its path, with one of the tasks below. Limits are set between
loading our own code and touching the file's bytes. The answer is one line of JSON, then the text
in UTF-8; that of `run` is whatever the program says.
"""

import ctypes
import importlib
import json
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from documents.extraction.contract import Limits

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, limits_as_json, task, *arguments = sys.argv[1:]
    die_with(int(parent))
    sys.path.append(str(Path(__file__).parents[2]))
    from documents.extraction.contract import Limits

    limits = Limits(**json.loads(limits_as_json))
    if task == "run":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it comments on every picture
        confine(limits)
        os.execv(arguments[0], arguments)  # noqa: S606 - the limits stay, and there is no shell
    module = importlib.import_module(f"documents.extraction.{arguments[0]}")
    stdout = take_stdout()
    confine(limits)
    answer, body = attempt(task, module, arguments[1:], limits)
    with os.fdopen(stdout, "wb") as pipe:
        pipe.write(json.dumps(answer).encode() + b"\n")
        pipe.write(body)
    os._exit(0)  # a library that crashes on its way out must not spoil the answer


def attempt(
    task: str, module: Any, arguments: list[str], limits: "Limits"
) -> tuple[dict[str, Any], bytes]:
    """`read`: the file's text. `render`: the picture of one page, by number."""
    from documents.extraction.contract import Reason, UnreadableFile

    try:
        data = sys.stdin.buffer.read()
        if task == "render":
            return {}, module.render(data, int(arguments[0]))
        extraction = module.read(data, limits)
        if len(extraction.text) > limits.characters:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
        answer = {
            "page_count": extraction.page_count,
            "extractor": extraction.extractor,
            "unread_pages": extraction.unread_pages,
        }
        return answer, extraction.text.encode()
    except UnreadableFile as error:
        return {"reason": error.code}, b""
    except MemoryError:
        return {"reason": Reason.OUT_OF_MEMORY}, b""
    except Exception:  # noqa: BLE001 - the libraries throw nearly everything at a broken file
        return {"reason": Reason.DAMAGED}, b""


def die_with(parent: int) -> None:
    """End when the worker ends, even by kill -9. Elsewhere than on Linux the alarm must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)


def take_stdout() -> int:
    """Keep the pipe for the answer: whatever a library prints from here on goes nowhere."""
    pipe = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    return pipe


def confine(limits: "Limits") -> None:
    os.nice(5)
    signal.alarm(math.ceil(limits.seconds) + 1)
    if sys.platform == "linux":
        # If the machine itself runs out of memory, the kernel takes this process, not the worker.
        Path("/proc/self/oom_score_adj").write_text("1000")
        lower(resource.RLIMIT_AS, limits.memory_bytes)  # macOS refuses it
    # One second apart: the soft limit's SIGXCPU, which tells why, comes before SIGKILL.
    lower(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    lower(resource.RLIMIT_FSIZE, 0)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_NOFILE, 32)
    lower(resource.RLIMIT_NPROC, 0)


def lower(what: int, soft: int, hard: int | None = None) -> None:
    """Never above what the system set already, which would be an error."""
    _, allowed = resource.getrlimit(what)
    limits = (soft, soft if hard is None else hard)
    if allowed != resource.RLIM_INFINITY:
        limits = (min(limits[0], allowed), min(limits[1], allowed))
    resource.setrlimit(what, limits)


if __name__ == "__main__":
    main()
