"""Files to read, sound and hostile, and short ways to read them."""

import asyncio
import io
import zipfile
import zlib
from pathlib import Path

import pytest
from fpdf import FPDF

from documents.extraction import Limits, UnreadableFile, extract_text, recognise

FILES = Path(__file__).with_name("files")
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def extract(data, filename="upload", **limits):
    return asyncio.run(extract_text(data, recognise(data, filename), Limits(**limits)))


def failure(data, filename="upload", **limits):
    with pytest.raises(UnreadableFile) as caught:
        extract(data, filename, **limits)
    assert str(caught.value).endswith(".")
    return caught.value


def reason(data, filename="upload", **limits):
    return failure(data, filename, **limits).code


def make_pdf(*pages, compressed=True, **encryption):
    pdf = FPDF()
    pdf.set_compression(compressed)
    pdf.set_font("helvetica", size=11)
    if encryption:
        pdf.set_encryption(**encryption)
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    return bytes(pdf.output())


def make_raw_pdf(page_count, *objects, catalog=b""):
    """Pages that all show object 4, which is the first of the given ones."""
    kids = b"3 0 R " * page_count
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
    page += b"/Resources<</XObject<</X 5 0 R>>/Font<</F 6 0 R>>>>/Annots[7 0 R]>>"
    pages = b"<</Type/Pages/Count %d/Kids[%s]>>" % (page_count, kids)
    out = b"%PDF-1.7\n"
    root = b"<</Type/Catalog/Pages 2 0 R" + catalog + b">>"
    for number, body in enumerate((root, pages, page, *objects), 1):
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return out + b"trailer<</Root 1 0 R>>\n%%EOF\n"


def make_stream(body, extra=b""):
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(body), extra, body)


def make_slow_pdf():
    """Hours of work in a few kilobytes and little memory."""
    operators = zlib.compress(b"1 0 0 1 0 0 cm q Q\n" * 200_000, 9)
    return make_raw_pdf(10_000, make_stream(operators, b"/Filter/FlateDecode"))


def make_zip(parts, media_type=b""):
    """Content by name; it may come in pieces. OpenDocument and EPUB begin with their media type."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        if media_type:
            archive.writestr("mimetype", media_type, zipfile.ZIP_STORED)
        for name, content in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                for piece in [content] if isinstance(content, str | bytes) else content:
                    part.write(piece.encode() if isinstance(piece, str) else piece)
    return file.getvalue()


def make_docx(body="", before="", size=None, parts=None):
    """With `size`, as many megabytes of paragraphs."""
    pieces = [f'{before}<w:document xmlns:w="{WORD}"><w:body>{body}']
    pieces += ["<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 30_000] * (size or 0)
    pieces.append("</w:body></w:document>")
    return make_zip({"word/document.xml": pieces} | (parts or {}))


RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def make_relations(**targets):
    """By id; the kind is the id without its digits."""
    entries = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{name.rstrip("0123456789")}" Target="{target}"/>'
        for name, target in targets.items()
    )
    return f'<Relationships xmlns="{RELATIONS}">{entries}</Relationships>'
