"""Scans: recognised where tesseract is installed, refused in plain words where it is not."""

import io
import shutil
import struct
import zlib

import pypdfium2  # type: ignore[import-untyped]
import pytest
from fpdf import FPDF

from documents.tests.extraction_files import extract, failure, make_pdf

has_tesseract = pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not here")


def make_picture(text, kind="PNG", turned=0):
    pdf = FPDF(format=(120, 40))
    pdf.set_font("helvetica", size=20)
    pdf.add_page()
    pdf.multi_cell(0, 9, text)
    page = pypdfium2.PdfDocument(bytes(pdf.output()))[0]
    picture = page.render(scale=2).to_pil().rotate(turned, expand=True)
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def make_scan(*pages):
    """Text stays text, bytes become a picture that fills the page."""
    pdf = FPDF(format=(120, 40))
    pdf.set_font("helvetica", size=20)
    for page in pages:
        pdf.add_page()
        if isinstance(page, bytes):
            pdf.image(io.BytesIO(page), 0, 0, 120)
        else:
            pdf.cell(text=page)
    return bytes(pdf.output())


def make_png(width, height):
    """Black, a few kilobytes for each megabyte it unpacks to."""

    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@has_tesseract
def test_a_scan_is_recognised_page_by_page():
    result = extract(make_scan(make_picture("The first page"), make_picture("The second page")))

    assert (result.text, result.page_count) == ("The first page\fThe second page", 2)
    assert " + tesseract 5" in result.extractor


@has_tesseract
def test_a_scanned_page_among_others_is_recognised():
    result = extract(make_scan("Written", make_picture("Scanned page"), "Written too"))

    assert (result.text, result.unread_pages) == ("Written\fScanned page\fWritten too", ())


@has_tesseract
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_recognised(kind):
    result = extract(make_picture("Text in a picture", kind))

    assert (result.text, result.page_count) == ("Text in a picture", 1)


@has_tesseract
def test_a_picture_without_text():
    error = failure(make_picture(""))

    assert (error.code, str(error)) == (
        "no_text",
        "Text recognition (OCR) found no text in the file.",
    )


@has_tesseract
@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + bytes(99), b"\xff\xd8\xff\xe0cut"])
def test_a_damaged_picture(data):
    assert failure(data).code == "damaged"


@has_tesseract
def test_a_language_that_is_not_installed_is_not_blamed_on_the_file():
    with pytest.raises(RuntimeError, match="no data for: tlh"):
        extract(make_picture("Text"), ocr_languages="tlh+eng")


@has_tesseract
def test_more_pages_than_are_recognised():
    error = failure(make_scan(*[make_picture("x")] * 3), ocr_pages=2)

    assert error.code == "no_text"
    assert "scan of 3 pages, more than the 2" in str(error)


@has_tesseract
def test_recognition_that_takes_too_long():
    error = failure(make_scan(make_picture("x")), ocr_seconds=0.2)

    assert (error.code, str(error)[:64]) == (
        "timeout",
        "Recognising the text of this scan took more than 0.2 seconds. Sp",
    )


@has_tesseract
def test_a_huge_picture_is_refused():
    error = failure(make_png(40_000, 30_000))

    assert error.code in ("damaged", "out_of_memory")


@pytest.mark.parametrize(
    "data", [make_scan(make_picture("x")), make_picture("x")], ids=["scan", "picture"]
)
def test_without_tesseract_a_scan_says_so(data, monkeypatch):
    monkeypatch.setenv("PATH", "")

    error = failure(data)

    assert error.code == "no_text"
    assert "this server has no text recognition (OCR)" in str(error)


def test_without_tesseract_the_other_pages_are_kept(monkeypatch):
    monkeypatch.setenv("PATH", "")

    result = extract(make_scan("Written", make_picture("x")))

    assert (result.text, result.unread_pages) == ("Written\f", (2,))


def test_an_empty_pdf_is_no_scan():
    assert str(failure(make_pdf(""))) == "The file contains no text."
