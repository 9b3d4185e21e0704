"""Text from files: `recognise` the type, then `extract_text`.

Whatever parses a file runs in a child process with little memory, little time and none of our
secrets, so the worst a hostile file can do is fail. Nothing here knows the database or HTTP.
"""

from documents.extraction.contract import (
    DEFAULT_LIMITS,
    Extraction,
    Limits,
    Reason,
    UnreadableFile,
    UnsupportedFile,
)
from documents.extraction.formats import (
    FORMATS,
    MEDIA_TYPES,
    PLAIN_TEXT,
    extractor,
    is_current,
    recognise,
)
from documents.extraction.text import decode_text

__all__ = [
    "DEFAULT_LIMITS",
    "FORMATS",
    "MEDIA_TYPES",
    "PLAIN_TEXT",
    "Extraction",
    "Limits",
    "Reason",
    "UnreadableFile",
    "UnsupportedFile",
    "decode_text",
    "extract_text",
    "is_current",
    "recognise",
]


async def extract_text(data: bytes, file_type: str, limits: Limits = DEFAULT_LIMITS) -> Extraction:
    """Raises UnreadableFile, whatever the libraries threw. Cancelling it kills the child.

    Each call may take `limits.memory_bytes`: the caller decides how many run at once.
    """
    # Here and not above: the child imports this package too, and asyncio would double its start.
    import asyncio

    from documents.extraction import ocr
    from documents.extraction.process import read_in_child

    if FORMATS[file_type].is_picture:
        return await ocr.recognise_picture(data, file_type, limits)
    if file_type not in PLAIN_TEXT:
        found = await read_in_child(data, file_type, limits)
        return await ocr.complete(data, found, limits) if found.unread_pages else found
    text = await asyncio.to_thread(decode_text, data)
    if not text.strip():
        raise UnreadableFile(Reason.NO_TEXT)
    if len(text) > limits.characters:
        raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
    return Extraction(text, None, extractor(file_type))
