"""The one table of formats. To add one: how to recognise it, and a module with a `read` function
`(data, limits) -> Extraction`, which only the child process ever imports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from documents.extraction import recognition as by
from documents.extraction.contract import UnsupportedFile
from documents.extraction.recognition import Upload

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    media_type: str
    is_it: Callable[[Upload], bool]
    # Modules of this package, each asked when the one before could not read the file.
    # None at all: plain text, decoded in our own process.
    readers: tuple[str, ...] = ()
    is_picture: bool = False  # there is nothing to read, only to recognise (OCR)
    # Counted up whenever the text of the same file may come out better: see `is_current`.
    version: int = 1
    libraries: tuple[str, ...] = ()


# In the order of asking: markup before the plain text it also is.
FORMATS: Final = {
    "pdf": Format(
        "PDF",
        "application/pdf",
        by.is_pdf,
        ("pdf", "pdf_lenient"),
        version=2,
        libraries=("pypdfium2", "pypdf"),
    ),
    "docx": Format(
        "Word (DOCX)", _OFFICE + "wordprocessingml.document", by.is_docx, ("docx",), version=2
    ),
    "xlsx": Format("Excel (XLSX)", _OFFICE + "spreadsheetml.sheet", by.is_xlsx, ("xlsx",)),
    "pptx": Format(
        "PowerPoint (PPTX)", _OFFICE + "presentationml.presentation", by.is_pptx, ("pptx",)
    ),
    "odt": Format("OpenDocument (ODT", _OPEN + "text", by.is_odt, ("odf",)),
    "ods": Format("ODS", _OPEN + "spreadsheet", by.is_ods, ("odf",)),
    "odp": Format("ODP)", _OPEN + "presentation", by.is_odp, ("odf",)),
    "epub": Format("EPUB", "application/epub+zip", by.is_epub, ("epub",)),
    "rtf": Format("RTF", "application/rtf", by.is_rtf, ("rtf",)),
    "png": Format("PNG", "image/png", by.is_png, is_picture=True),
    "jpeg": Format("JPEG", "image/jpeg", by.is_jpeg, is_picture=True),
    "tiff": Format("TIFF", "image/tiff", by.is_tiff, is_picture=True),
    "html": Format("HTML", "text/html", by.is_html, ("html",)),
    "eml": Format("e-mail (EML)", "message/rfc822", by.is_eml, ("eml",)),
    "json": Format("JSON", "application/json", by.is_json),
    "csv": Format("CSV", "text/csv", by.is_csv),
    "md": Format("Markdown", "text/markdown", by.is_markdown),
    "code": Format("source code", "text/plain", by.is_code),
    "txt": Format("plain text", "text/plain", by.is_text),
}
MEDIA_TYPES: Final = {file_type: known.media_type for file_type, known in FORMATS.items()}
# Decoded where they are: nothing to parse, nothing to contain.
PLAIN_TEXT: Final = frozenset(
    file_type for file_type, known in FORMATS.items() if not known.readers and not known.is_picture
)


def recognise(data: bytes, filename: str) -> str:
    """The file's type by its whole content; the name only tells one kind of plain text from
    another. Raises UnsupportedFile."""
    upload = Upload(data, filename)
    for file_type, candidate in FORMATS.items():
        if candidate.is_it(upload):
            return file_type
    accepted = ", ".join(candidate.name for candidate in FORMATS.values())
    sentence = f"This type of file is not supported. Accepted are: {accepted}."
    if newer := by.newer_format(data):
        sentence = f"This is a file in an older format: save it as {newer}. {sentence}"
    raise UnsupportedFile(sentence)


def extractor(file_type: str, library: str = "") -> str:
    """Who reads this type, such as "ultrai pdf 2, pypdfium2 5.15.2"."""
    from importlib.metadata import version  # here: slower to load than most files to read

    name = f"ultrai {file_type} {FORMATS[file_type].version}"
    return f"{name}, {library} {version(library)}" if library else name


def is_current(file_type: str, made_by: str) -> bool:
    """Whether extracting again would be done by the same programs as `Extraction.extractor`
    names. Whether tesseract is newer or has come to be installed makes no difference."""
    libraries = FORMATS[file_type].libraries or ("",)
    return made_by.partition(" + ")[0] in {extractor(file_type, name) for name in libraries}
