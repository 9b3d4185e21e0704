"""Markdown as every reader writes it: blocks, headings, lists, tables, pages."""

import io
from collections.abc import Iterable
from typing import Final

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.text import clean

_WIDEST: Final = 200  # columns of a table; what is further right is joined in the last one


class Writer:
    """Blocks with a blank line between them; the lines of one list or table stand together.

    Raises UnreadableFile as soon as there is more text than the limits allow.
    """

    def __init__(self, limits: Limits) -> None:
        self._text = io.StringIO()
        self._limit = limits.characters
        self._group: object = None
        self._page_start = 0
        self._pages = 0

    def write(self, text: str, group: object = None) -> None:
        if self._text.tell() > self._page_start:
            self._text.write("\n" if group is not None and group == self._group else "\n\n")
        self._text.write(text)
        self._group = group
        if self._text.tell() > self._limit:
            raise UnreadableFile(Reason.TOO_LARGE_UNPACKED)

    def heading(self, level: int, text: str) -> None:
        if words := text.split():
            self.write("#" * max(1, min(level, 6)) + " " + " ".join(words))

    def item(self, depth: int, text: str, marker: str = "-") -> None:
        indent = "  " * depth
        self.write(f"{indent}{marker} " + text.replace("\n", f"\n{indent}  "), "list")

    def table(self, rows: Iterable[list[str]]) -> None:
        """The first row is the header, because Markdown knows no table without one."""
        filled = [[cell(text) for text in row] for row in rows]
        if not any(any(row) for row in filled):
            return
        width = min(max(len(row) for row in filled), _WIDEST)
        group = object()
        for number, row in enumerate(filled):
            cells = [*row[: width - 1], " ".join(row[width - 1 :]).strip()]
            cells += [""] * (width - len(cells))
            self.write("| " + " | ".join(cells) + " |", group)
            if number == 0:
                self.write("|" + " --- |" * width, group)

    def start_page(self) -> None:
        if self._pages:
            self._text.write("\f")
        self._pages += 1
        self._page_start = self._text.tell()

    @property
    def is_empty(self) -> bool:
        return not self._text.tell()

    @property
    def text(self) -> str:
        return self._text.getvalue()

    def finished(self, extractor: str) -> Extraction:
        text = clean(self.text)
        if not text.strip():
            raise UnreadableFile(Reason.NO_TEXT)
        return Extraction(text, self._pages or None, extractor)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
