"""PDF by pypdf, which is slow but more forgiving where PDFium gives up."""

from collections.abc import Iterator
from io import BytesIO

from pypdf import PdfReader

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.pdf import extraction


def read(data: bytes, limits: Limits) -> Extraction:
    return extraction(_pages(data), "pypdf", limits)


def _pages(data: bytes) -> Iterator[tuple[str, bool]]:
    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableFile(Reason.ENCRYPTED)
    for page in reader.pages:
        yield page.extract_text(), False
