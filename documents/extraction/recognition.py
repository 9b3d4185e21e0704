"""How each file type gives itself away. The content decides; every check is cheap however hostile
the file, because a web request waits for it."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from documents.extraction.text import SAMPLE, find_encoding

OLE2: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_ZIP: Final = b"PK\x03\x04"
_PDF_TRAILER: Final = re.compile(rb"^startxref\s+\d+\s+%%EOF", re.MULTILINE)
# Files that have few control bytes at their start, or none, and are no text all the same.
_NO_TEXT: Final = (
    *(b"%!PS", b"MZ\x90", b"\x7fELF", b"\xca\xfe\xba\xbe", b"SQLite format 3\0", b"!<arch>\n"),
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", _ZIP, OLE2),
    *(b"GIF8", b"RIFF", b"OggS", b"fLaC", b"ID3\2", b"ID3\3", b"ID3\4", b"\xff\xfb", b"wOF"),
)
_MARKUP: Final = re.compile(
    r"(?:\s|<!--.*?-->|<\?.*?\?>)*+<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE | re.DOTALL
)
_ANY_TAG: Final = re.compile(r"<(?:!--|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
_FIELD: Final = re.compile(r"([!-9;-~]+)[ \t]*:.*(?:\n[ \t].*)*+(?:\n|$)")
_MAIL_FIELDS: Final = {"from", "date", "message-id", "mime-version", "received", "return-path"}
_JSON: Final = tuple('{["-0123456789tfn')
_CODE: Final = re.compile(
    r"\.(asm|awk|bash|bat|bib|c|cc|cfg|clj|cmake|conf|cpp|cs|css|cxx|dart|diff|env|erl|exs?|f90|fs|go"
    r"|gql|gradle|graphql|groovy|hp?p?|hs|ini|ipynb|java|jl|jsx?|kts?|less|lisp|lua|m|mjs|ml|nim"
    r"|patch|php|pl|pm|proto|ps1|pyi?|r|rb|rs|rst|sass|scala|scss|sh|sol|sql|svelte|svg|swift|tcl"
    r"|tex|tf|toml|tsx?|v|vb|vhd|vue|xml|xsd|xsl|ya?ml|zig|zsh)",
    re.IGNORECASE,
)
# What programs of the past call the stream that holds the text, and what they save as today.
_NEWER_FORMATS: Final = {
    "WordDocument": "DOCX",
    "Workbook": "XLSX",
    "Book": "XLSX",
    "PowerPoint Document": "PPTX",
    "__substg1.0_": "EML",
}


@dataclass(frozen=True)
class Upload:
    """A file to recognise; what several checks need is found once."""

    data: bytes
    filename: str

    def has_ending(self, *endings: str) -> bool:
        return self.filename.lower().endswith(endings)

    @cached_property
    def zip_names(self) -> bytes:
        """Where the names of a zip's entries are; empty when it is none."""
        if not self.data.startswith(_ZIP):
            return b""
        # Without a directory the file was cut short: say "damaged" later, not "unsupported" now.
        return zip_directory(self.data) or self.data

    @cached_property
    def opening(self) -> str | None:
        """How the text begins, lines ending in \\n; None when the file is no text."""
        sample = self.data[:SAMPLE]
        if sample.startswith(_NO_TEXT) or sample[257:262] == b"ustar":
            return None
        encoding = find_encoding(sample)
        if encoding is None:
            return None
        text = sample.decode(encoding, errors="replace")
        return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def is_pdf(upload: Upload) -> bool:
    # Readers allow junk before the header. A text that merely quotes it has no trailer.
    head = upload.data[:1024]
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-") or bool(
        b"%PDF-" in head and _PDF_TRAILER.search(upload.data[-1024:])
    )


def is_docx(upload: Upload) -> bool:
    other = upload.has_ending(".xlsx", ".pptx")
    return b"word/document" in upload.zip_names or (_is_locked_office(upload) and not other)


def is_xlsx(upload: Upload) -> bool:
    locked = _is_locked_office(upload) and upload.has_ending(".xlsx")
    return b"xl/workbook.xml" in upload.zip_names or locked


def is_pptx(upload: Upload) -> bool:
    locked = _is_locked_office(upload) and upload.has_ending(".pptx")
    return b"ppt/presentation.xml" in upload.zip_names or locked


def _is_locked_office(upload: Upload) -> bool:
    """Word, Excel and PowerPoint wrap a file with a password in their old container format."""
    return upload.data.startswith(OLE2) and _utf16("EncryptedPackage") in upload.data


def is_odt(upload: Upload) -> bool:
    return _is_open_document(upload, b"text")


def is_ods(upload: Upload) -> bool:
    return _is_open_document(upload, b"spreadsheet")


def is_odp(upload: Upload) -> bool:
    return _is_open_document(upload, b"presentation")


def _is_open_document(upload: Upload, kind: bytes) -> bool:
    media_type = b"mimetypeapplication/vnd.oasis.opendocument." + kind
    return b"content.xml" in upload.zip_names and media_type in upload.data


def is_epub(upload: Upload) -> bool:
    return b"META-INF/container.xml" in upload.zip_names and (
        b"mimetypeapplication/epub+zip" in upload.data or b".opf" in upload.zip_names
    )


def is_png(upload: Upload) -> bool:
    return upload.data.startswith(b"\x89PNG\r\n\x1a\n")


def is_jpeg(upload: Upload) -> bool:
    return upload.data.startswith(b"\xff\xd8\xff")


def is_tiff(upload: Upload) -> bool:
    return upload.data.startswith((b"II*\0", b"MM\0*"))


def is_rtf(upload: Upload) -> bool:
    return upload.data[:SAMPLE].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{\\rtf")


def is_html(upload: Upload) -> bool:
    text = upload.opening
    if not text:
        return False
    is_named = upload.has_ending(".html", ".htm", ".xhtml") and _ANY_TAG.search(text)
    return bool(_MARKUP.match(text) or is_named)


def is_eml(upload: Upload) -> bool:
    """A head of fields, two of which every letter has, and nothing else before the blank line."""
    text = upload.opening
    if not text:
        return False
    if text.startswith("From "):  # a line that mailboxes put before each letter
        text = text.partition("\n")[2]
    position, found = 0, set()
    while field := _FIELD.match(text, position):
        found.add(field[1].lower())
        position = field.end()
    return len(found & _MAIL_FIELDS) >= 2 and text[position : position + 1] in ("", "\n")


def is_json(upload: Upload) -> bool:
    opening = (upload.opening or "").lstrip()
    return upload.has_ending(".json", ".jsonl", ".ndjson", ".geojson") and opening[:1] in _JSON


def is_csv(upload: Upload) -> bool:
    return upload.has_ending(".csv", ".tsv") and is_text(upload)


def is_markdown(upload: Upload) -> bool:
    return upload.has_ending(".md", ".markdown") and is_text(upload)


def is_code(upload: Upload) -> bool:
    _, dot, ending = upload.filename.rpartition(".")
    return bool(_CODE.fullmatch(dot + ending)) and is_text(upload)


def is_text(upload: Upload) -> bool:
    return upload.opening is not None


def newer_format(data: bytes) -> str | None:
    """What to save a file of an older Microsoft program as."""
    if data.startswith(OLE2):
        for stream, newer in _NEWER_FORMATS.items():
            if _utf16(stream) in data:
                return newer
    return None


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def zip_directory(data: bytes) -> bytes:
    """The bytes that list a zip's entries, found, not parsed; empty where they are not."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if end < 0:
        return b""
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    start = int.from_bytes(data[end + 16 : end + 20], "little")
    return data[start : start + size]
