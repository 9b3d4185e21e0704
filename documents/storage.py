"""The bytes of files, in parts: whoever writes or reads them holds one part at a time."""

from collections.abc import Iterable, Iterator

from documents.models import FilePart

# Large enough that a file is few rows, small enough that eight threads' copies are nothing.
PART_BYTES = 256 * 1024


def write_file(document_id: int, version: int, chunks: Iterable[bytes]) -> None:
    """Store the bytes of a version. An empty file is one empty part: it is a file all the same."""
    for number, data in enumerate(in_parts(chunks)):
        FilePart.objects.create(document_id=document_id, version=version, number=number, data=data)


def in_parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into parts of exactly PART_BYTES, the last one excepted; at least one."""
    waiting = bytearray()
    is_empty = True
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
            is_empty = False
    if waiting or is_empty:
        yield bytes(waiting)


def has_file(document_id: int, version: int) -> bool:
    """Whether there are bytes; a document that was sent as text has none."""
    return FilePart.objects.filter(document_id=document_id, version=version).exists()


def read_file(
    document_id: int, version: int, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Yield the bytes from `start` up to `stop`, a part at a time, each by a query of its own."""
    parts = FilePart.objects.filter(document_id=document_id, version=version)
    number, last = start // PART_BYTES, None if stop is None else (stop - 1) // PART_BYTES
    while last is None or number <= last:
        data = parts.filter(number=number).values_list("data", flat=True).first()
        if data is None:
            return
        offset = number * PART_BYTES
        part = memoryview(data)[max(0, start - offset) :]
        if stop is not None:
            part = part[: stop - max(start, offset)]
        yield bytes(part)
        number += 1
