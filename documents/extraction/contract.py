"""What goes into the extraction and what comes out: limits, result, errors. Imports nothing heavy,
because the child process loads it for every file."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    seconds: float = 60
    cpu_seconds: int = 30
    # Address space. An ordinary PDF or DOCX needs 25 to 60 MiB of it.
    memory_bytes: int = 400 * MIB
    characters: int = 20_000_000
    # For formats that are zips: all entries together, unpacked.
    unpacked_bytes: int = 200 * MIB
    unpacked_ratio: int = 200
    zip_entries: int = 10_000
    # Scans: what tesseract may use. Languages as it names them, such as "eng" or "deu+eng".
    ocr_languages: str = "eng"
    ocr_pages: int = 100
    ocr_seconds: float = 300


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Extraction:
    text: str  # pages separated by one form feed each; no other form feeds when page_count is set
    page_count: int | None  # None: the format has no fixed pages
    extractor: str  # name and version of what read it, so that a better one can read it again
    # Pages (from 1) that hold a picture and no text, so what they say is missing: scanned pages
    # that were not recognised.
    unread_pages: tuple[int, ...] = ()


class Reason(StrEnum):
    ENCRYPTED = "encrypted"
    NO_TEXT = "no_text"
    TOO_LARGE_UNPACKED = "too_large_unpacked"
    DAMAGED = "damaged"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"


_SENTENCES: Final = {
    Reason.ENCRYPTED: (
        "The file is protected by a password. Remove the protection and upload it again."
    ),
    Reason.NO_TEXT: "The file contains no text.",
    Reason.TOO_LARGE_UNPACKED: (
        "The file holds more than we can take once it is unpacked. Split it into smaller files."
    ),
    Reason.DAMAGED: (
        "The file is damaged and cannot be read. Open it in the program that made it, "
        "save it again and upload the new copy."
    ),
    Reason.TIMEOUT: "The file took too long to read. Split it into smaller files.",
    Reason.OUT_OF_MEMORY: (
        "The file needs more memory to read than we can give it. Split it into smaller files."
    ),
}


class UnreadableFile(Exception):
    """We know the file's type but cannot get its text; str() is for the person who uploaded it."""

    def __init__(self, code: Reason, sentence: str = "") -> None:
        super().__init__(sentence or _SENTENCES[code])
        self.code = code


class UnsupportedFile(Exception):
    """The file is of no type we accept; str() lists those we do."""
