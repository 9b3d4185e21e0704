"""PDF by PDFium, which reads nearly everything, fast."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2.raw import (  # type: ignore[import-untyped]
    FORMTYPE_NONE,
    FPDF_ERR_PASSWORD,
    FPDF_PAGEOBJ_IMAGE,
)

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import extractor
from documents.extraction.text import clean

# PDFium joins a word it finds hyphenated at a line's end and leaves a mark where the hyphen was.
_HYPHEN_MARK: Final = re.compile("[\x02\ufffe]")
_SPLIT_WORD: Final = re.compile(r"(?<=[^\W\d_])[\x02\ufffe](?=[^\W\d_])")
_EVERYWHERE: Final = (-1e6, -1e6, 1e6, 1e6)
_DEEPEST_PICTURE: Final = 3
_DOTS_PER_INCH: Final = 300
_MOST_PIXELS: Final = 12_000_000  # A4 at 300 dots per inch has 8.7 million


def read(data: bytes, limits: Limits) -> Extraction:
    with open_document(data) as document:
        return extraction(_pages(document), "pypdfium2", limits)


def open_document(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise UnreadableFile(Reason.ENCRYPTED) from error
        raise


def extraction(pages: Iterable[tuple[str, bool]], library: str, limits: Limits) -> Extraction:
    """From the text of each page and whether it has a picture.

    Where no page has text but some have pictures, there is still a result, for OCR to complete.
    """
    texts = []
    pictures = []
    size = 0
    for number, (page, has_picture) in enumerate(pages, 1):
        text = clean(_join_hyphenated(page)).replace("\f", "\n").strip()
        texts.append(text)
        if has_picture and not text:
            pictures.append(number)
        size += len(text) + 1
        if size > limits.characters:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
    if not any(texts) and not pictures:
        raise UnreadableFile(Reason.NO_TEXT)
    return Extraction("\f".join(texts), len(texts), extractor("pdf", library), tuple(pictures))


def _pages(document: pypdfium2.PdfDocument) -> Iterator[tuple[str, bool]]:
    has_form = document.get_formtype() != FORMTYPE_NONE
    if has_form:
        document.init_forms()
    for number in range(len(document)):
        if has_form:  # what people filled in becomes part of the page
            with closing(document[number]) as page:
                page.flatten()
        with closing(document[number]) as page, closing(page.get_textpage()) as text:
            # What the page shows; all there is where a wrong page size hides everything.
            found = text.get_text_bounded() or text.get_text_bounded(*_EVERYWHERE)
            yield found, not found.strip() and _has_picture(page)


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    return any(page.get_objects([FPDF_PAGEOBJ_IMAGE], max_depth=_DEEPEST_PICTURE))


def render(data: bytes, number: int) -> bytes:
    """One page (from 1) as a grey picture in the format PGM."""
    with open_document(data) as document:
        page = document[number - 1]
        width, height = page.get_size()
        scale = min(_DOTS_PER_INCH / 72, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=True)
        rows = memoryview(bitmap.buffer).cast("B")
        header = f"P5 {bitmap.width} {bitmap.height} 255\n".encode()
        if bitmap.stride == bitmap.width:
            return header + bytes(rows)
        starts = range(0, bitmap.stride * bitmap.height, bitmap.stride)
        return header + b"".join(rows[start : start + bitmap.width] for start in starts)


def _join_hyphenated(text: str) -> str:
    """Letters on both sides, small ones after: one word. Otherwise the hyphen was meant."""
    text = _SPLIT_WORD.sub(lambda mark: "" if text[mark.end()].islower() else "-", text)
    return _HYPHEN_MARK.sub("-", text)
