"""PDF: PDFium reads nearly everything, fast; pypdf is more forgiving where PDFium gives up."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from io import BytesIO
from typing import Final

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2.raw import (  # type: ignore[import-untyped]
    FPDF_ERR_PASSWORD,
    FPDF_ERR_SECURITY,
)
from pypdfium2.version import PYPDFIUM_INFO  # type: ignore[import-untyped]

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.text import clean

# PDFium joins a word it finds hyphenated at a line's end and leaves a mark where the hyphen was.
_HYPHEN_MARK: Final = re.compile("[\x02\ufffe]")
_SPLIT_WORD: Final = re.compile(r"(?<=[^\W\d_])[\x02\ufffe](?=[^\W\d_])")
_EVERYWHERE: Final = (-1e6, -1e6, 1e6, 1e6)


def read(data: bytes, limits: Limits) -> Extraction:
    try:
        return _extraction(_pdfium_pages(data), f"pypdfium2 {PYPDFIUM_INFO}", limits)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY):
            raise UnreadableFile(Reason.ENCRYPTED) from error
    import pypdf  # here: it takes longer to load than most files take to read

    return _extraction(_pypdf_pages(data), f"pypdf {pypdf.__version__}", limits)


def _extraction(pages: Iterable[str], extractor: str, limits: Limits) -> Extraction:
    texts = []
    size = 0
    for page in pages:
        text = clean(_join_hyphenated(page)).replace("\f", "\n").strip()
        texts.append(text)
        size += len(text) + 1
        if size > limits.characters:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
    if not any(texts):
        raise UnreadableFile(Reason.NO_TEXT)
    return Extraction("\f".join(texts), len(texts), extractor)


def _pdfium_pages(data: bytes) -> Iterator[str]:
    with pypdfium2.PdfDocument(data) as document:
        for number in range(len(document)):
            with closing(document[number]) as page, closing(page.get_textpage()) as text:
                # What the page shows; all there is where a wrong page size hides everything.
                yield text.get_text_bounded() or text.get_text_bounded(*_EVERYWHERE)


def _pypdf_pages(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableFile(Reason.ENCRYPTED)
    for page in reader.pages:
        yield page.extract_text()


def _join_hyphenated(text: str) -> str:
    """Letters on both sides, small ones after: one word. Otherwise the hyphen was meant."""
    text = _SPLIT_WORD.sub(lambda mark: "" if text[mark.end()].islower() else "-", text)
    return _HYPHEN_MARK.sub("-", text)
