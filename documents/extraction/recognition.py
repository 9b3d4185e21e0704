"""How each file type gives itself away. The content decides; every check is cheap however hostile
the file, because a web request waits for it."""

import re
from typing import Final

from documents.extraction.text import BYTE_ORDER_MARKS

OLE2: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_PDF_TRAILER: Final = re.compile(rb"^startxref\s+\d+\s+%%EOF", re.MULTILINE)
_SAMPLE: Final = 64 * 1024
# Bytes no text is made of. Text may hold a few by accident; a program or picture is full of them.
_BINARY: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_MARKUP_NOBODY_READS: Final = (b"{\\rtf", b"%!PS")


def is_pdf(data: bytes, _filename: str) -> bool:
    # Readers allow junk before the header. A text that merely quotes it has no trailer.
    head = data[:1024]
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-") or bool(
        b"%PDF-" in head and _PDF_TRAILER.search(data[-1024:])
    )


def is_docx(data: bytes, filename: str) -> bool:
    if data.startswith(b"PK\x03\x04"):
        # Without a directory the file was cut short: say "damaged" later, not "unsupported" now.
        return b"word/document" in (zip_directory(data) or data)
    # Word wraps a document with a password in its old container format.
    return (
        data.startswith(OLE2)
        and "EncryptedPackage".encode("utf-16-le") in data
        and filename.lower().endswith(".docx")
    )


def is_markdown(data: bytes, filename: str) -> bool:
    return filename.lower().endswith((".md", ".markdown")) and is_text(data, filename)


def is_text(data: bytes, _filename: str) -> bool:
    if data.startswith(tuple(mark for mark, _ in BYTE_ORDER_MARKS)):
        return True
    sample = data[:_SAMPLE]
    binary = len(sample) - len(sample.translate(None, _BINARY))
    return binary <= len(sample) / 50 and not sample.startswith(_MARKUP_NOBODY_READS)


def zip_directory(data: bytes) -> bytes:
    """The bytes that list a zip's entries, found, not parsed; empty where they are not."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if end < 0:
        return b""
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    start = int.from_bytes(data[end + 16 : end + 20], "little")
    return data[start : start + size]
