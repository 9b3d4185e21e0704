"""DOCX to Markdown, straight from the stream of XML events.

Not python-docx: it builds the whole document in memory first, over a gigabyte for a zip of a few
hundred kilobytes, and it drops what was inserted with tracked changes. Deleted text stays out.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.docx_styles import WORD, Styles, read_styles, relationships, value
from documents.extraction.text import clean
from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

_MATH: Final = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_FALLBACK: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MOST_COLUMNS: Final = 63  # Word's own limit
_DEEPEST_LIST: Final = 8  # likewise


def read(data: bytes, limits: Limits) -> Extraction:
    package = Package(data, limits)
    main = relationships(package, "").get("officeDocument", "word/document.xml")
    styles_part = relationships(package, main).get("styles")
    styles = read_styles(package, styles_part) if styles_part else {}
    writer = _Writer(limits)
    document = _Document(styles, writer)
    parse(package.chunks(main), document.start, document.end, document.characters)
    return Extraction(writer.finished(), None, "ultrai docx 1")


class _Writer:
    """Blocks with a blank line between them; the lines of one list or table stand together."""

    def __init__(self, limits: Limits) -> None:
        self._text = io.StringIO()
        self._limit = limits.characters
        self._group: object = None

    def write(self, text: str, group: object = None) -> None:
        if self._text.tell():
            self._text.write("\n" if group is not None and group == self._group else "\n\n")
        self._text.write(text)
        self._group = group
        if self._text.tell() > self._limit:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)

    def finished(self) -> str:
        text = clean(self._text.getvalue())
        if not text.strip():
            raise UnreadableFile(Reason.NO_TEXT)
        return text


@dataclass(slots=True)
class _Paragraph:
    parts: list[str] = field(default_factory=list)
    style: str = ""
    outline: int | None = None
    numbering: str | None = None  # "0" takes the style's numbering away
    depth: int = 0


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    cell: list[str] = field(default_factory=list)  # the paragraphs of the open cell
    span: int = 1


class _Document:
    def __init__(self, styles: Styles, writer: _Writer) -> None:
        self._styles = styles
        self._writer = writer
        # Stacks: a text box holds paragraphs within a paragraph, a cell may hold a table.
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._in_text = False
        self._skipped = 0  # how deep we are inside something to leave out

    def start(self, name: str, attributes: Attributes) -> None:
        if self._skipped or name in _SKIP:
            self._skipped += 1
        elif action := _START.get(name):
            action(self, attributes)

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif action := _END.get(name):
            action(self)

    def characters(self, text: str) -> None:
        if self._in_text and not self._skipped and self._paragraphs:
            self._paragraphs[-1].parts.append(text)

    # Paragraphs

    def start_paragraph(self, _attributes: Attributes) -> None:
        self._paragraphs.append(_Paragraph())

    def start_text(self, _attributes: Attributes) -> None:
        self._in_text = True

    def end_text(self) -> None:
        self._in_text = False

    def add(self, text: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1].parts.append(text)

    def set_style(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].style = value(attributes)

    def set_outline(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].outline = int(value(attributes))

    def set_numbering(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].numbering = value(attributes)

    def set_depth(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].depth = min(int(value(attributes)), _DEEPEST_LIST)

    def end_paragraph(self) -> None:
        paragraph = self._paragraphs.pop()
        text = "".join(paragraph.parts).strip()
        if not text:
            return
        if self._tables:
            self._tables[-1].cell.append(text)
        else:
            self._write_paragraph(paragraph, text)

    def _write_paragraph(self, paragraph: _Paragraph, text: str) -> None:
        style = self._styles.get(paragraph.style)
        level = style.heading if style else 0
        if paragraph.outline is not None:
            level = paragraph.outline + 1 if paragraph.outline < 9 else 0
        is_numbered = bool(style and style.is_numbered)
        if paragraph.numbering is not None:
            is_numbered = paragraph.numbering != "0"
        if level:
            self._writer.write("#" * min(level, 6) + " " + " ".join(text.split()))
        elif is_numbered:
            indent = "  " * paragraph.depth
            self._writer.write(f"{indent}- " + text.replace("\n", f"\n{indent}  "), "list")
        else:
            self._writer.write(text)

    # Tables

    def start_table(self, _attributes: Attributes) -> None:
        self._tables.append(_Table())

    def start_row(self, _attributes: Attributes) -> None:
        self._tables[-1].rows.append([])

    def start_cell(self, _attributes: Attributes) -> None:
        self._tables[-1].cell = []
        self._tables[-1].span = 1

    def set_span(self, attributes: Attributes) -> None:
        if self._tables:
            self._tables[-1].span = max(1, min(int(value(attributes)), _MOST_COLUMNS))

    def end_cell(self) -> None:
        table = self._tables[-1]
        text = " ".join(" ".join(table.cell).split()).replace("|", "\\|")
        table.rows[-1] += [text] + [""] * (table.span - 1)
        table.cell = []

    def end_table(self) -> None:
        table = self._tables.pop()
        if not any(any(row) for row in table.rows):
            return
        if self._tables:  # within a cell of another: Markdown has no way to say so
            self._tables[-1].cell += (text for row in table.rows for text in row if text)
            return
        width = max(len(row) for row in table.rows)
        lines = iter(table.rows)
        self._write_row(next(lines), width, table)
        self._writer.write("|" + " --- |" * width, table)
        for row in lines:
            self._write_row(row, width, table)

    def _write_row(self, row: list[str], width: int, table: _Table) -> None:
        cells = row + [""] * (width - len(row))
        self._writer.write("| " + " | ".join(cells) + " |", table)


def _adds(text: str) -> Callable[[_Document, Attributes], None]:
    return lambda document, _attributes: document.add(text)


def _in_word(names: dict[str, Callable]) -> dict[str, Callable]:
    return {f"{space}}}{name}": action for space in WORD for name, action in names.items()}


# Deleted or moved away, the former look of a paragraph, and the second copy of a text box.
_SKIP: Final = frozenset(
    [f"{space}}}{name}" for space in WORD for name in ("del", "moveFrom", "pPrChange")]
    + [_FALLBACK]
)
_START: Final = _in_word(
    {
        "p": _Document.start_paragraph,
        "pStyle": _Document.set_style,
        "outlineLvl": _Document.set_outline,
        "numId": _Document.set_numbering,
        "ilvl": _Document.set_depth,
        "t": _Document.start_text,
        "tab": _adds("\t"),
        "ptab": _adds("\t"),
        "br": _adds("\n"),
        "cr": _adds("\n"),
        "noBreakHyphen": _adds("-"),
        "tbl": _Document.start_table,
        "tr": _Document.start_row,
        "tc": _Document.start_cell,
        "gridSpan": _Document.set_span,
    }
) | {f"{_MATH}}}t": _Document.start_text}
_END: Final = _in_word(
    {
        "p": _Document.end_paragraph,
        "t": _Document.end_text,
        "tc": _Document.end_cell,
        "tbl": _Document.end_table,
    }
) | {f"{_MATH}}}t": _Document.end_text}
