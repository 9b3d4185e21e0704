"""Plain text from bytes, and the clean-up that every format's text goes through."""

import codecs
import re
from typing import Final

# PostgreSQL refuses NUL and lone surrogates; the other control characters are never content.
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\ud800-\udfff]")

# UTF-32 first: its little-endian mark starts with that of UTF-16.
BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(data: bytes) -> str:
    return clean(_decode(data))


def clean(text: str) -> str:
    """Newlines and vertical tabs become \\n; control characters go, save tab and form feed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\v", "\n")
    return _CONTROL.sub("", text)


def _decode(data: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")  # takes every byte
