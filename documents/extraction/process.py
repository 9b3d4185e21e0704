"""The parent's side of the child process: feed it, read it, end it."""

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, cast

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import FORMATS
from documents.extraction.text import clean

_CHILD: Final = str(Path(__file__).with_name("child.py"))
_CHUNK: Final = 256 * 1024
# None of our secrets; and tesseract is no faster with threads, which it may not start.
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}

# A child that a signal ended had met one of its limits, or a fault in a library.
_REASONS: Final = {
    -signal.SIGXCPU: Reason.TIMEOUT,
    -signal.SIGALRM: Reason.TIMEOUT,
    -signal.SIGABRT: Reason.OUT_OF_MEMORY,  # PDFium, when it gets no memory
    -signal.SIGKILL: Reason.OUT_OF_MEMORY,  # the kernel, when the machine has none left
}


# A more forgiving reader may still manage what another gave up.
_WORTH_ANOTHER_TRY: Final = (Reason.DAMAGED, Reason.OUT_OF_MEMORY, Reason.NO_TEXT)


async def read_in_child(data: bytes, file_type: str, limits: Limits) -> Extraction:
    """By the first of the format's readers that finds text; all together have `limits.seconds`.

    A PDF of nothing but pictures comes back without text, see `Extraction.unread_pages`.
    """
    end = time.monotonic() + limits.seconds
    failure: UnreadableFile | None = None
    for reader in FORMATS[file_type].readers:
        left = replace(limits, seconds=max(0.1, end - time.monotonic()))
        try:
            answer, code = await run_child(["read", reader], data, left)
            return _extraction(*understand(answer, code))
        except UnreadableFile as error:
            # "Damaged" only says that this reader could not: the next may know why.
            if failure is None or failure.code is Reason.DAMAGED:
                failure = error
            if failure.code not in _WORTH_ANOTHER_TRY:
                break
    raise cast("UnreadableFile", failure)


async def run_child(task: list[str], data: bytes, limits: Limits) -> tuple[bytes, int]:
    """What the child says and its exit code. Raises UnreadableFile(TIMEOUT)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",  # ignores the environment, the working directory and the user's site-packages
        _CHILD,
        str(os.getpid()),
        json.dumps(asdict(limits)),
        *task,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.seconds):
            _, answer = await asyncio.gather(_feed(process, data), _collect(process, limits))
            code = await process.wait()
    except TimeoutError:
        raise UnreadableFile(Reason.TIMEOUT) from None
    finally:
        await _end(process)
    return answer, code


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    stdin = cast("asyncio.StreamWriter", process.stdin)
    # A child that died early is judged by its answer and exit code, not by the broken pipe.
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data), _CHUNK):
            stdin.write(data[start : start + _CHUNK])
            await stdin.drain()
        stdin.close()


async def _collect(process: asyncio.subprocess.Process, limits: Limits) -> bytes:
    """The child's whole answer; it is not trusted to keep to the limit itself."""
    stdout = cast("asyncio.StreamReader", process.stdout)
    answer = bytearray()
    while chunk := await stdout.read(_CHUNK):
        answer += chunk
        if len(answer) > 4 * limits.characters + _CHUNK:  # UTF-8 takes up to four bytes
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
    return bytes(answer)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()  # drains and closes the pipes, and reaps


def understand(answer: bytes, code: int) -> tuple[dict[str, Any], bytes]:
    """The header and the body of what a child said that reads or renders."""
    if code > 0:  # our own fault, not the file's: Python printed why
        raise RuntimeError(f"The extraction's child process failed to start (exit code {code}).")
    refuse_killed(code)  # what there is of an answer may be cut short
    header, _, body = answer.partition(b"\n")
    try:
        fields = json.loads(header)
        reason = Reason(fields["reason"]) if "reason" in fields else None
    except (ValueError, KeyError, TypeError):  # forged by a file that took the child over
        raise UnreadableFile(Reason.DAMAGED) from None
    if reason:
        raise UnreadableFile(reason)
    return fields, body


def refuse_killed(code: int) -> None:
    if code < 0:
        raise UnreadableFile(_REASONS.get(code, Reason.DAMAGED))


def _extraction(fields: dict[str, Any], text: bytes) -> Extraction:
    try:
        return Extraction(
            clean(text.decode()),
            fields["page_count"],
            fields["extractor"],
            tuple(fields["unread_pages"]),
        )
    except (ValueError, KeyError, TypeError):  # likewise forged
        raise UnreadableFile(Reason.DAMAGED) from None
