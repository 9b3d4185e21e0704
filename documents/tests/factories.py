from typing import Any

from fpdf import FPDF

from accounts.models import User
from documents.models import Document
from documents.services import write_document


def make_document(
    user: User, *, filename: str = "notes.txt", content: str = "Water boils at 100 degrees."
) -> Document:
    return write_document(user=user, filename=filename, content=content)


def make_pdf(*pages: str, **options: Any) -> bytes:
    """A PDF with one text a page."""
    pdf = FPDF(**options)
    pdf.set_font("helvetica", size=12)
    for page in pages:
        pdf.add_page()
        pdf.multi_cell(0, text=page)
    return bytes(pdf.output())
