"""ODT, ODS and ODP to Markdown: one reader, for all three have one way to write a text.

Pages are slides and sheets; a text has none before a program lays it out. Deleted text, comments
and hidden text stay out, slides left out of the show keep their place, empty. Footnotes stand
where they are mentioned, in brackets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import extractor
from documents.extraction.markdown import Writer
from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

_NAMESPACE: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_MOST_SPACES: Final = 100
_MOST_REPEATED: Final = 1000  # the empty rest of a sheet is one row, a million times
_DEEPEST: Final = 8
_KINDS: Final = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}


def read(data: bytes, limits: Limits) -> Extraction:
    package = Package(data, limits)
    _refuse_encrypted(package)
    document = _Document(Writer(limits))
    parse(package.chunks("content.xml"), document.start, document.end, document.characters)
    return document.writer.finished(extractor(document.kind))


def _refuse_encrypted(package: Package) -> None:
    def start(name: str, _attributes: Attributes) -> None:
        if name.endswith("}encryption-data"):
            raise UnreadableFile(Reason.ENCRYPTED)

    if "META-INF/manifest.xml" in package:
        parse(package.chunks("META-INF/manifest.xml"), start, may_name_a_dtd=True)


@dataclass(slots=True)
class _Paragraph:
    heading: int = 0
    parts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    row_repeats: int = 1
    cell: list[str] = field(default_factory=list)
    cell_repeats: int = 1


class _Document:
    def __init__(self, writer: Writer) -> None:
        self.kind = "odt"
        self.writer = writer
        # Stacks: a text box holds paragraphs within a paragraph, a cell may hold a table.
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._lists = 0
        self._titles = {"Title"}
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._is_title = False  # in the frame of a slide's title
        self._notes: list[str] | None = None  # the speaker's, of the slide
        self._in_note = 0  # footnotes
        self._skipped = 0

    def start(self, full_name: str, attributes: Attributes) -> None:
        is_left_out = full_name.rpartition("}")[2] in _SKIP or self._is_hidden(attributes)
        if self._skipped or is_left_out:
            self._skipped += 1
        elif action := _START.get(full_name.removeprefix(_NAMESPACE)):
            action(self, attributes)

    def end(self, full_name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif action := _END.get(full_name.removeprefix(_NAMESPACE)):
            action(self)

    def characters(self, text: str) -> None:
        if self._paragraphs and not self._skipped:
            self._paragraphs[-1].parts.append(text)

    def _is_hidden(self, attributes: Attributes) -> bool:
        style = _attribute(attributes, "style-name")
        return bool(style) and style in self._hidden_styles

    # Styles, which come before the text

    def start_style(self, attributes: Attributes) -> None:
        self._style = _attribute(attributes, "name")
        if _attribute(attributes, "parent-style-name") in self._titles:
            self._titles.add(self._style)

    def set_look(self, attributes: Attributes) -> None:
        if "none" in (
            _attribute(attributes, "display"),
            _attribute(attributes, "text-display"),
        ) or (
            _attribute(attributes, "display") == "false"  # a sheet
        ):
            self._hidden_styles.add(self._style)

    def set_slide_look(self, attributes: Attributes) -> None:
        if _attribute(attributes, "visibility") == "hidden":
            self._hidden_styles.add(self._style)

    # Paragraphs

    def set_kind(self, kind: str) -> None:
        self.kind = kind

    def start_paragraph(self, attributes: Attributes) -> None:
        style = _attribute(attributes, "style-name")
        self._paragraphs.append(_Paragraph(int(style in self._titles or self._is_title)))

    def start_heading(self, attributes: Attributes) -> None:
        self._paragraphs.append(_Paragraph(int(_attribute(attributes, "outline-level") or "1")))

    def add(self, text: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1].parts.append(text)

    def add_spaces(self, attributes: Attributes) -> None:
        self.add(" " * min(int(_attribute(attributes, "c") or "1"), _MOST_SPACES))

    def end_paragraph(self) -> None:
        paragraph = self._paragraphs.pop()
        text = "".join(paragraph.parts).strip()
        if not text:
            return
        if self._in_note:  # within the paragraph that mentions it
            is_first = self._paragraphs and self._paragraphs[-1].parts[-1:] == [" ["]
            self.add(text if is_first else f" {text}")
        elif self._tables:
            self._tables[-1].cell.append(text)
        elif self._notes is not None:
            self._notes.append(text)
        elif paragraph.heading:
            self.writer.heading(paragraph.heading, text)
        elif self._lists:
            self.writer.item(min(self._lists, _DEEPEST) - 1, text)
        else:
            self.writer.write(text)

    def start_note(self, _attributes: Attributes) -> None:
        self._in_note += 1
        self.add(" [")

    def end_note(self) -> None:
        self._in_note -= 1
        self.add("]")

    def start_list(self, _attributes: Attributes) -> None:
        self._lists += 1

    def end_list(self) -> None:
        self._lists -= 1

    # Slides and sheets

    def start_slide(self, _attributes: Attributes) -> None:
        self.writer.start_page()

    def start_frame(self, attributes: Attributes) -> None:
        self._is_title = _attribute(attributes, "class") == "title"

    def end_frame(self) -> None:
        self._is_title = False

    def start_notes(self, _attributes: Attributes) -> None:
        self._notes = []

    def end_notes(self) -> None:
        if self._notes:
            self.writer.write("Notes: " + "\n".join(self._notes))
        self._notes = None

    # Tables

    def start_table(self, attributes: Attributes) -> None:
        if self.kind == "ods" and not self._tables:
            self.writer.start_page()
            self.writer.heading(1, _attribute(attributes, "name"))
        self._tables.append(_Table())

    def start_row(self, attributes: Attributes) -> None:
        self._tables[-1].rows.append([])
        self._tables[-1].row_repeats = _repeats(attributes, "number-rows-repeated")

    def start_cell(self, attributes: Attributes) -> None:
        self._tables[-1].cell = []
        self._tables[-1].cell_repeats = _repeats(attributes, "number-columns-repeated")

    def end_cell(self) -> None:
        table = self._tables[-1]
        table.rows[-1] += [" ".join(table.cell)] * table.cell_repeats
        table.cell = []

    def end_row(self) -> None:
        table = self._tables[-1]
        row = table.rows[-1]
        while row and not row[-1]:
            row.pop()
        if row:
            table.rows += [row] * (table.row_repeats - 1)
        elif self.kind == "ods":
            table.rows.pop()

    def end_table(self) -> None:
        table = self._tables.pop()
        if self._tables:  # within a cell of another: Markdown has no way to say so
            self._tables[-1].cell += (text for row in table.rows for text in row if text)
        else:
            self.writer.table(table.rows)


def _attribute(attributes: Attributes, name: str) -> str:
    ending = f"}}{name}"
    return next((value for key, value in attributes.items() if key.endswith(ending)), "")


def _repeats(attributes: Attributes, name: str) -> int:
    return max(1, min(int(_attribute(attributes, name) or "1"), _MOST_REPEATED))


def _adds(text: str) -> Callable[[_Document, Attributes], None]:
    return lambda document, _attributes: document.add(text)


def _is(kind: str) -> Callable[[_Document, Attributes], None]:
    return lambda document, _attributes: document.set_kind(kind)


# Deleted, said about the text, repeated on every page, or not to be seen.
_SKIP: Final = frozenset(
    [
        "tracked-changes",
        "annotation",
        "ruby-text",
        "note-citation",
        "hidden-text",
        "forms",
        "header",
        "footer",
        "date-time",
        "page-number",
        "title",
        "desc",
    ]
)
_START: Final[dict[str, Callable[[_Document, Attributes], None]]] = {
    "style:1.0}style": _Document.start_style,
    "style:1.0}text-properties": _Document.set_look,
    "style:1.0}table-properties": _Document.set_look,
    "style:1.0}drawing-page-properties": _Document.set_slide_look,
    "office:1.0}text": _is("odt"),
    "office:1.0}spreadsheet": _is("ods"),
    "office:1.0}presentation": _is("odp"),
    "text:1.0}p": _Document.start_paragraph,
    "text:1.0}h": _Document.start_heading,
    "text:1.0}s": _Document.add_spaces,
    "text:1.0}tab": _adds("\t"),
    "text:1.0}line-break": _adds("\n"),
    "text:1.0}note": _Document.start_note,
    "text:1.0}list": _Document.start_list,
    "drawing:1.0}page": _Document.start_slide,
    "drawing:1.0}frame": _Document.start_frame,
    "presentation:1.0}notes": _Document.start_notes,
    "table:1.0}table": _Document.start_table,
    "table:1.0}table-row": _Document.start_row,
    "table:1.0}table-cell": _Document.start_cell,
    "table:1.0}covered-table-cell": _Document.start_cell,
}
_END: Final[dict[str, Callable[[_Document], None]]] = {
    "text:1.0}p": _Document.end_paragraph,
    "text:1.0}h": _Document.end_paragraph,
    "text:1.0}note": _Document.end_note,
    "text:1.0}list": _Document.end_list,
    "drawing:1.0}frame": _Document.end_frame,
    "presentation:1.0}notes": _Document.end_notes,
    "table:1.0}table": _Document.end_table,
    "table:1.0}table-row": _Document.end_row,
    "table:1.0}table-cell": _Document.end_cell,
    "table:1.0}covered-table-cell": _Document.end_cell,
}
