"""HTML to Markdown: what a reader of the page sees, without scripts, styles and what is hidden."""

import re
from html.parser import HTMLParser
from typing import Final

from documents.extraction.contract import Extraction, Limits
from documents.extraction.formats import extractor
from documents.extraction.markdown import Writer
from documents.extraction.text import SAMPLE, decode_text, find_encoding

_DECLARED: Final = re.compile(
    rb"<(?:meta|\?xml)\s[^>]*?(?:charset|encoding)\s*=\s*[\"']?([\w-]+)", re.IGNORECASE
)
_DECLARED_WITHIN: Final = 4096
_SKIP: Final = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
        "select",
        "rt",
        "rp",
    ]
)
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "td",
        "th",
        "tr",
        "ul",
        "caption",
    ]
)
# Those whose end is always written, so that it can be waited for.
_MAY_BE_HIDDEN: Final = frozenset(
    ["div", "span", "section", "article", "aside", "form", "ul", "ol", "table", "a", "b", "i", "p"]
)
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_DEEPEST: Final = 8
_WIDEST: Final = 64


def read(data: bytes, limits: Limits) -> Extraction:
    page = Page(Writer(limits))
    page.read(decode(data))
    return page.writer.finished(extractor("html"))


def decode(data: bytes) -> str:
    """By its mark or as UTF-8 where it is that, by what it says of itself, by its bytes."""
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    if declared and not (find_encoding(data[:SAMPLE]) or "").startswith("utf-"):
        name = declared[1].decode().lower()
        try:
            # Browsers read Latin-1 as what Windows makes of it.
            return data.decode("cp1252" if name == "iso-8859-1" else name, errors="replace")
        except LookupError:
            pass
    return decode_text(data)


class Page(HTMLParser):
    """Writes what it reads; several pages may go to one writer."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(convert_charrefs=True)
        self.writer = writer
        self._parts: list[str] = []
        self._heading = 0
        self._lists: list[int | None] = []  # how far each open list has counted; None: bullets
        self._marker = ""
        self._tables: list[list[list[str]]] = []
        self._span = 1  # how many columns the open cell takes
        self._preformatted = 0
        self._skipping = ""  # the element to leave out, and how many of its name are open
        self._skip_depth = 0
        self._title: list[str] | None = None

    def read(self, text: str) -> None:
        self.feed(text)
        self.close()
        self._end_block()
        while self._tables:
            self._end_table()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping:
            self._skip_depth += tag == self._skipping
        elif tag in _SKIP or (tag in _MAY_BE_HIDDEN and _is_hidden(dict(attrs))):
            self._skipping, self._skip_depth = tag, 1
        else:
            if tag in _BLOCKS:
                self._end_block()
            self._start(tag, dict(attrs))

    def _start(self, tag: str, attributes: dict[str, str | None]) -> None:  # noqa: C901 - a table
        match tag:
            case "title":
                self._title = []
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self._heading = int(tag[1])
            case "br":
                self._parts.append("\n")
            case "ul" | "menu":
                self._lists.append(None)
            case "ol":
                self._lists.append(0)
            case "li":
                self._start_item()
            case "pre":
                self._preformatted += 1
            case "table":
                self._tables.append([])
            case "tr" if self._tables:
                self._tables[-1].append([])
            case "td" | "th" if self._tables:
                self._start_cell(attributes)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._skip_depth -= tag == self._skipping
            if not self._skip_depth:
                self._skipping = ""
            return
        if tag in _BLOCKS:
            self._end_block()
        match tag:
            case "title":
                self._end_title()
            case "ul" | "menu" | "ol" if self._lists:
                self._lists.pop()
            case "pre":
                self._preformatted = max(0, self._preformatted - 1)
            case "table" if self._tables:
                self._end_table()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":  # any other is read as opening by browsers, but closed in XHTML
            self.handle_starttag(tag, attrs)
        elif tag in _BLOCKS and not self._skipping:
            self._end_block()

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)
        elif not self._skipping:
            self._parts.append(data if self._preformatted else re.sub(r"[ \t\n\f\r]+", " ", data))

    def _end_title(self) -> None:
        title = " ".join("".join(self._title or []).split())
        self._title = None
        if title and self.writer.is_empty:
            self.writer.write(f"Title: {title}")

    def _start_item(self) -> None:
        if not self._lists:
            self._lists.append(None)
        count = self._lists[-1]
        if count is None:
            self._marker = "-"
        else:
            self._lists[-1] = count + 1
            self._marker = f"{count + 1}."

    def _start_cell(self, attributes: dict[str, str | None]) -> None:
        rows = self._tables[-1]
        if not rows:
            rows.append([])
        span = attributes.get("colspan") or ""
        self._span = max(1, min(int(span), _WIDEST)) if re.fullmatch("[0-9]{1,4}", span) else 1
        rows[-1] += [""] * self._span

    def _end_block(self) -> None:
        joined = "".join(self._parts)
        self._parts.clear()
        if self._preformatted:
            text = joined.strip("\n")
        else:
            text = "\n".join(" ".join(line.split()) for line in joined.split("\n")).strip()
        heading, self._heading = self._heading, 0
        if not text.strip():
            return
        marker, self._marker = self._marker, ""
        if self._tables:
            row = self._tables[-1][-1] if self._tables[-1] else None
            if row:
                row[-self._span] = f"{row[-self._span]} {text}".strip()
            else:  # a caption, or text that should not be where it is
                self.writer.write(text)
        elif heading:
            self.writer.heading(heading, text)
        elif self._lists and marker:
            self.writer.item(min(len(self._lists), _DEEPEST) - 1, text, marker)
        elif self._preformatted:
            self.writer.write(f"```\n{text}\n```")
        else:
            self.writer.write(text)

    def _end_table(self) -> None:
        rows = self._tables.pop()
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            inner = " ".join(text for row in rows for text in row if text)
            self._tables[-1][-1][-1] = f"{self._tables[-1][-1][-1]} {inner}".strip()
        elif max(map(len, rows), default=0) == 1:  # made for its looks
            for row in rows:
                if row and row[0]:
                    self.writer.write(row[0])
        else:
            self.writer.table(row for row in rows if row)


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    return "hidden" in attributes or bool(_HIDING.search(attributes.get("style") or ""))
