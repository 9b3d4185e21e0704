"""The one table of formats. To add one: how to recognise it, and a module with a `read` function
`(data, limits) -> Extraction`, which only the child process ever imports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from documents.extraction.contract import UnsupportedFile
from documents.extraction.recognition import is_docx, is_markdown, is_pdf, is_text


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    is_it: Callable[[bytes, str], bool]
    reader: str | None  # None: plain text, decoded in our own process


# In the order of asking: markup before the plain text it also is.
FORMATS: Final = {
    "pdf": Format("PDF", is_pdf, "documents.extraction.pdf"),
    "docx": Format("Word (DOCX)", is_docx, "documents.extraction.docx"),
    "md": Format("Markdown", is_markdown, None),
    "txt": Format("plain text", is_text, None),
}


def recognise(data: bytes, filename: str) -> str:
    """The file's type by its whole content; the name only tells Markdown from plain text."""
    for file_type, candidate in FORMATS.items():
        if candidate.is_it(data, filename):
            return file_type
    accepted = ", ".join(candidate.name for candidate in FORMATS.values())
    raise UnsupportedFile(f"This type of file is not supported. Accepted are: {accepted}.")
