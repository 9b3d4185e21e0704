"""Zips that may be bombs: checked by their directory first, and counted while they are read."""

from collections.abc import Iterator
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from documents.extraction.contract import MIB, Limits, Reason, UnreadableFile
from documents.extraction.recognition import OLE2, zip_directory

_CHUNK: Final = 64 * 1024
_SMALL: Final = 10 * MIB  # below this a high ratio is no danger, and tables of blanks have one
_ENCRYPTED_FLAG: Final = 1


class Package:
    """The parts of an office file, which all share one budget of unpacked bytes."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        if data.startswith(OLE2):
            raise UnreadableFile(Reason.ENCRYPTED)
        # Counted before ZipFile makes an object of each.
        if zip_directory(data).count(b"PK\x01\x02") > limits.zip_entries:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
        self._zip = ZipFile(BytesIO(data))
        entries = self._zip.infolist()
        if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
            raise UnreadableFile(Reason.ENCRYPTED)
        if any(entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for entry in entries):
            raise BadZipFile("office files are stored or deflated")
        unpacked = sum(entry.file_size for entry in entries)
        allowed_by_ratio = max(_SMALL, limits.unpacked_ratio * len(data))
        self._budget = min(limits.unpacked_bytes, allowed_by_ratio)
        if unpacked > self._budget:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def chunks(self, name: str) -> Iterator[bytes]:
        with self._zip.open(name) as part:
            while chunk := part.read(_CHUNK):
                self._budget -= len(chunk)
                if self._budget < 0:
                    raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
                yield chunk
