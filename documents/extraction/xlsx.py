"""XLSX to Markdown, one page a sheet: its name as a heading, its cells as a table.

Formulas count with the value that was last calculated, dates as ISO writes them. Hidden sheets
stay out; rows and columns that a filter or a fold hides stay in, for they are data.
"""

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import extractor
from documents.extraction.markdown import Writer
from documents.extraction.ooxml import is_on, related, relation_id
from documents.extraction.xlsx_values import Kind, as_written, column_number, read_kinds
from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package


def read(data: bytes, limits: Limits) -> Extraction:
    package = Package(data, limits)
    main = related(package, "").first("officeDocument") or "xl/workbook.xml"
    parts = related(package, main)
    sheets: list[tuple[str, str]] = []
    is_1904 = False

    def start(name: str, attributes: Attributes) -> None:
        nonlocal is_1904
        if name.endswith("}workbookPr"):
            is_1904 = is_on(attributes.get("date1904"))
        if name.endswith("}sheet") and attributes.get("state", "visible") == "visible":
            part = parts.by_id.get(relation_id(attributes))
            if part and "worksheets" in part:  # not a chart that fills a sheet
                sheets.append((attributes.get("name", ""), part))

    parse(package.chunks(main), start)
    strings = _Strings(limits)
    if part := parts.first("sharedStrings"):
        parse(package.chunks(part), strings.start, strings.end, strings.characters)
    styles = parts.first("styles")
    kinds = read_kinds(package, styles) if styles else []
    writer = Writer(limits)
    has_cells = False
    for name, part in sheets:
        writer.start_page()
        sheet = _Sheet(strings.found, kinds, is_1904, limits)
        parse(package.chunks(part), sheet.start, sheet.end, sheet.characters)
        has_cells = has_cells or bool(sheet.rows)
        writer.heading(1, name)
        columns = sorted(set().union(*sheet.rows))
        writer.table([row.get(column, "") for column in columns] for row in sheet.rows)
    if not has_cells:
        raise UnreadableFile(Reason.NO_TEXT)
    return writer.finished(extractor("xlsx"))


class _Strings:
    """The texts of cells, each once, which the sheets name by number."""

    def __init__(self, limits: Limits) -> None:
        self.found: list[str] = []
        self._limit = limits.characters
        self._parts: list[str] = []
        self._in_text = False
        self._skipped = 0  # inside how to pronounce a Japanese text

    def start(self, full_name: str, _attributes: Attributes) -> None:
        name = full_name.rpartition("}")[2]
        if self._skipped or name == "rPh":
            self._skipped += 1
        elif name == "si":
            self._parts = []
        elif name == "t":
            self._in_text = True

    def characters(self, text: str) -> None:
        if self._in_text and not self._skipped:
            self._parts.append(text)

    def end(self, full_name: str) -> None:
        name = full_name.rpartition("}")[2]
        if self._skipped:
            self._skipped -= 1
        elif name == "t":
            self._in_text = False
        elif name == "si":
            text = "".join(self._parts)
            self._limit -= len(text)
            if self._limit < 0:
                raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
            self.found.append(text)


class _Sheet:
    """Rows by column number; there are none for empty rows and no columns for empty cells."""

    def __init__(
        self, strings: list[str], kinds: list[Kind], is_1904: bool, limits: Limits
    ) -> None:
        self.rows: list[dict[int, str]] = []
        self._strings = strings
        self._kinds = kinds
        self._is_1904 = is_1904
        self._limit = limits.characters
        self._row: dict[int, str] = {}
        self._column = 0
        self._type = "n"
        self._style = 0
        self._parts: list[str] = []
        self._in_value = False

    def start(self, full_name: str, attributes: Attributes) -> None:
        match full_name.rpartition("}")[2]:
            case "row":
                self._row, self._column = {}, 0
            case "c":
                reference = attributes.get("r")
                self._column = column_number(reference) if reference else self._column + 1
                self._type = attributes.get("t", "n")
                self._style = int(attributes.get("s", "0"))
                self._parts = []
            case "v" | "t":
                self._in_value = True

    def characters(self, text: str) -> None:
        if self._in_value:
            self._parts.append(text)

    def end(self, full_name: str) -> None:
        match full_name.rpartition("}")[2]:
            case "v" | "t":
                self._in_value = False
            case "c":
                self._end_cell("".join(self._parts))
            case "row":
                if self._row:
                    self.rows.append(self._row)

    def _end_cell(self, raw: str) -> None:
        match self._type:
            case "s":
                text = self._strings[int(raw)] if raw else ""
            case "b":
                text = {"1": "TRUE", "0": "FALSE"}.get(raw, raw)
            case "n" if 0 <= self._style < len(self._kinds):
                text = as_written(raw, self._kinds[self._style], self._is_1904)
            case _:
                text = raw
        self._limit -= len(text) + 1
        if self._limit < 0:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)
        if text.strip():
            self._row[self._column] = text
