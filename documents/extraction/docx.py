"""DOCX to Markdown, straight from the stream of XML events.

Not python-docx: it builds the whole document in memory first, over a gigabyte for a zip of a few
hundred kilobytes, and it drops what was inserted with tracked changes. Deleted and hidden text and
comments stay out. Each page header comes once, before the text; each footer once, after it and
after the footnotes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from documents.extraction.contract import Extraction, Limits
from documents.extraction.docx_styles import WORD, Styles, read_styles, value
from documents.extraction.formats import extractor
from documents.extraction.markdown import Writer
from documents.extraction.ooxml import FALLBACK, related
from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

_MATH: Final = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_MOST_COLUMNS: Final = 63  # Word's own limit
_DEEPEST_LIST: Final = 8  # likewise


def read(data: bytes, limits: Limits) -> Extraction:
    package = Package(data, limits)
    main = related(package, "").first("officeDocument") or "word/document.xml"
    parts = related(package, main)
    styles_part = parts.first("styles")
    styles = read_styles(package, styles_part) if styles_part else {}
    writer = Writer(limits)
    document = _Document(styles, writer)
    _write_furniture(package, parts.by_kind.get("header", []), styles, writer, limits)
    document.read(package, main)
    for kind in ("footnotes", "endnotes"):
        if notes := parts.first(kind):
            document.read(package, notes)
    _write_furniture(package, parts.by_kind.get("footer", []), styles, writer, limits)
    return writer.finished(extractor("docx"))


def _write_furniture(
    package: Package, parts: list[str], styles: Styles, writer: Writer, limits: Limits
) -> None:
    """Headers or footers: the first page, odd and even ones often say the same."""
    seen = set()
    for part in parts:
        own = Writer(limits)
        _Document(styles, own).read(package, part)
        if own.text not in seen and any(character.isalpha() for character in own.text):
            seen.add(own.text)
            writer.write(own.text)


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
    def __init__(self, styles: Styles, writer: Writer) -> None:
        self._styles = styles
        self._writer = writer
        # Stacks: a text box holds paragraphs within a paragraph, a cell may hold a table.
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._in_text = False
        self._skipped = 0  # how deep we are inside something to leave out
        self._hidden_runs: list[bool] = []  # of each open run: a text box is in one and has its own
        self._notes: dict[str, int] = {}  # footnotes by what they are called, in order of mention
        self._note: list[str] | None = None  # the paragraphs of the note we are in

    def read(self, package: Package, part: str) -> None:
        parse(package.chunks(part), self.start, self.end, self.characters)

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
        if self._in_text and not self._skipped:
            self.add(text)

    # Paragraphs

    def start_paragraph(self, _attributes: Attributes) -> None:
        self._paragraphs.append(_Paragraph())

    def start_text(self, _attributes: Attributes) -> None:
        self._in_text = True

    def end_text(self) -> None:
        self._in_text = False

    def add(self, text: str) -> None:
        if self._paragraphs and not (self._hidden_runs and self._hidden_runs[-1]):
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
        elif self._note is not None:
            self._note.append(text)
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
            self._writer.heading(level, text)
        elif is_numbered:
            self._writer.item(paragraph.depth, text)
        else:
            self._writer.write(text)

    # Runs and notes

    def start_run(self, _attributes: Attributes) -> None:
        self._hidden_runs.append(False)

    def hide_run(self, attributes: Attributes) -> None:
        if self._hidden_runs and value(attributes) not in ("0", "false", "off"):
            self._hidden_runs[-1] = True

    def end_run(self) -> None:
        if self._hidden_runs:
            self._hidden_runs.pop()

    def refer_to_note(self, kind: str, attributes: Attributes) -> None:
        name = kind + _identifier(attributes)
        self.add(f"[^{self._notes.setdefault(name, len(self._notes) + 1)}]")

    def start_note(self, kind: str, attributes: Attributes) -> None:
        number = self._notes.get(kind + _identifier(attributes))
        self._note = [f"[^{number}]:"] if number else []

    def end_note(self) -> None:
        if self._note and len(self._note) > 1:
            self._writer.write(" ".join(self._note))
        self._note = None

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
        table.rows[-1] += [" ".join(table.cell)] + [""] * (table.span - 1)
        table.cell = []

    def end_table(self) -> None:
        table = self._tables.pop()
        if self._tables:  # within a cell of another: Markdown has no way to say so
            self._tables[-1].cell += (text for row in table.rows for text in row if text)
        else:
            self._writer.table(table.rows)


def _identifier(attributes: Attributes) -> str:
    return next((text for name, text in attributes.items() if name.endswith("}id")), "")


def _adds(text: str) -> Callable[[_Document, Attributes], None]:
    return lambda document, _attributes: document.add(text)


def _note(
    action: Callable[[_Document, str, Attributes], None], kind: str
) -> Callable[[_Document, Attributes], None]:
    return lambda document, attributes: action(document, kind, attributes)


def _in_word(names: dict[str, Callable[..., None]]) -> dict[str, Callable[..., None]]:
    return {f"{space}}}{name}": action for space in WORD for name, action in names.items()}


# Deleted or moved away, former looks, how to pronounce a word, and the second copy of a text box.
_SKIPPED: Final = ("del", "moveFrom", "pPrChange", "rPrChange", "rt")
_SKIP: Final = frozenset([f"{space}}}{name}" for space in WORD for name in _SKIPPED] + [FALLBACK])
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
        "r": _Document.start_run,
        "vanish": _Document.hide_run,
        "footnoteReference": _note(_Document.refer_to_note, "footnote"),
        "endnoteReference": _note(_Document.refer_to_note, "endnote"),
        "footnote": _note(_Document.start_note, "footnote"),
        "endnote": _note(_Document.start_note, "endnote"),
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
        "r": _Document.end_run,
        "footnote": _Document.end_note,
        "endnote": _Document.end_note,
        "tc": _Document.end_cell,
        "tbl": _Document.end_table,
    }
) | {f"{_MATH}}}t": _Document.end_text}
