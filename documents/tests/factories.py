from typing import Any

from fpdf import FPDF

from accounts.models import User
from documents.extraction import Extraction
from documents.jobs import take_in
from documents.models import Document
from documents.services import write_document


def make_document(
    user: User, *, filename: str = "notes.txt", content: str = "Water boils at 100 degrees."
) -> Document:
    stored = write_document(user=user, filename=filename, content=content, keep_duplicate=True)
    return stored.document


def make_read_document(
    user: User, content: str, *, page_count: int | None = None, filename: str = "read.pdf"
) -> Document:
    """A document whose text an extraction has read, with its pages."""
    pending = Document.objects.create(
        user=user,
        filename=filename,
        file_type="pdf",
        size_bytes=1,
        sha256="0" * 64,
        status=Document.Status.PENDING,
    )
    take_in(pending, Extraction(content, page_count, "test 1"))
    return Document.objects.get(pk=pending.pk)


def make_pdf(*pages: str, **options: Any) -> bytes:
    """A PDF with one text a page."""
    pdf = FPDF(**options)
    pdf.set_font("helvetica", size=12)
    for page in pages:
        pdf.add_page()
        pdf.multi_cell(0, text=page)
    return bytes(pdf.output())
