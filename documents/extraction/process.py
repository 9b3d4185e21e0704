"""The parent's side of the child process: feed it, read it, end it."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final, cast

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile

_CHILD: Final = str(Path(__file__).with_name("child.py"))
_CHUNK: Final = 256 * 1024

# A child that a signal ended had met one of its limits, or a fault in a library.
_REASONS: Final = {
    -signal.SIGXCPU: Reason.TIMEOUT,
    -signal.SIGALRM: Reason.TIMEOUT,
    -signal.SIGABRT: Reason.OUT_OF_MEMORY,  # PDFium, when it gets no memory
    -signal.SIGKILL: Reason.OUT_OF_MEMORY,  # the kernel, when the machine has none left
}


async def read_in_child(data: bytes, file_type: str, limits: Limits) -> Extraction:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",  # ignores the environment, the working directory and the user's site-packages
        _CHILD,
        file_type,
        str(os.getpid()),
        json.dumps(asdict(limits)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"LC_ALL": "C.UTF-8"},  # none of our secrets
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
    return _understand(answer, code)


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


def _understand(answer: bytes, code: int) -> Extraction:
    if code > 0:  # our own fault, not the file's: Python printed why
        raise RuntimeError(f"The extraction's child process failed to start (exit code {code}).")
    if code < 0:  # what there is of an answer may be cut short
        raise UnreadableFile(_REASONS.get(code, Reason.DAMAGED))
    header, _, text = answer.partition(b"\n")
    try:
        fields = json.loads(header)
        if "reason" in fields:
            raise UnreadableFile(Reason(fields["reason"]))
        return Extraction(text.decode(), fields["page_count"], fields["extractor"])
    except (ValueError, KeyError, TypeError):  # forged by a file that took the child over
        raise UnreadableFile(Reason.DAMAGED) from None
