"""RTF to Markdown. Deleted and hidden text, headers and footers and comments stay out; footnotes
stand where they are mentioned, in brackets. Pages depend on the printer: none."""

import re
from dataclasses import dataclass, replace
from typing import Final

from documents.extraction.contract import Extraction, Limits
from documents.extraction.formats import extractor
from documents.extraction.markdown import Writer
from documents.extraction.rtf_words import (
    CHARACTERS,
    CODE_PAGES,
    KEPT_THOUGH_OPTIONAL,
    SKIPPED,
    code_page,
)

_HEADING: Final = re.compile(r"heading ([1-9])|(title)", re.IGNORECASE)
_BULLET: Final = "•\t"

_TOKEN: Final = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?"
    rb"|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>.)|(?P<brace>[{}])|(?P<plain>[^\\{}\r\n]+)"
    rb"|[\r\n]+|\\",
    re.DOTALL,
)


def read(data: bytes, limits: Limits) -> Extraction:
    document = _Document(Writer(limits))
    document.read(data)
    return document.writer.finished(extractor("rtf"))


@dataclass(slots=True)
class _State:
    """What a group inherits and gives back when it ends."""

    is_skipped: bool = False
    destination: str = ""
    fallback_length: int = 1  # how many characters after a Unicode one say the same for old readers
    encoding: str = ""  # that of the font
    is_hidden: bool = False
    is_deleted: bool = False


class _Document:
    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0  # being defined
        self._state = _State()
        self._groups: list[_State] = []
        self._is_optional = False  # after \*: a group that a reader may not know
        self._bytes = bytearray()  # characters of several bytes may come one byte at a time
        self._parts: list[str] = []
        self._marker: list[str] = []
        self._to_skip = 0
        self._heading = 0
        self._headings: dict[int, int] = {}  # by style
        self._style = 0  # being defined
        self._note_start = 0  # among the parts
        self._in_table = False
        self._cell: list[str] = []
        self._row: list[str] = []
        self._rows: list[list[str]] = []

    def read(self, data: bytes) -> None:
        position = data.index(b"{\\rtf")
        while token := _TOKEN.match(data, position):
            position = token.end()
            if token["word"]:
                number = token["number"]
                if token["word"] == b"bin" and number:  # bytes that are no RTF
                    position += max(0, int(number))
                else:
                    self._word(token["word"].decode(), int(number) if number else None)
            elif token["brace"] == b"{":
                self._flush()
                self._groups.append(replace(self._state))
                self._to_skip = 0
            elif token["brace"]:
                self._end_group()
                if not self._groups:
                    break  # what follows the document is not part of it
            elif token["symbol"]:
                self._symbol(token["symbol"])
            elif token["hex"]:
                self._add_bytes(bytes.fromhex(token["hex"].decode()))
            elif token["plain"]:
                self._add_bytes(token["plain"])
        self._end_paragraph()
        self._end_table()

    def _end_group(self) -> None:
        self._flush()
        ended = self._state
        if self._groups:
            self._state = self._groups.pop()
        if self._state.destination == ended.destination or ended.is_skipped:
            return
        if ended.destination == "footnote":
            note = " ".join("".join(self._parts[self._note_start :]).split())
            self._parts[self._note_start :] = [f" [{note}]"]

    # Characters

    def _symbol(self, symbol: bytes) -> None:
        match symbol:
            case b"*":
                self._is_optional = True
            case b"\r" | b"\n":
                self._end_paragraph()
            case b"~":
                self._add(" ")
            case b"_":
                self._add("-")
            case b"{" | b"}" | b"\\":
                self._add_bytes(symbol)

    def _add_bytes(self, characters: bytes) -> None:
        skipped = min(self._to_skip, len(characters))
        self._to_skip -= skipped
        if not self._state.is_skipped:
            self._bytes += characters[skipped:]

    def _flush(self) -> None:
        if self._bytes:
            text = self._bytes.decode(self._state.encoding or self._encoding, errors="replace")
            self._bytes.clear()
            self._add(text)

    def _add(self, text: str) -> None:
        if self._bytes:
            self._flush()
        state = self._state
        if state.destination == "stylesheet":
            if match := _HEADING.fullmatch(text.strip(" ;")):
                self._headings[self._style] = int(match[1] or 1)
        elif not (state.is_skipped or state.is_hidden or state.is_deleted):
            (self._marker if state.destination == "listtext" else self._parts).append(text)

    # Control words

    def _word(self, word: str, number: int | None) -> None:
        optional, self._is_optional = self._is_optional, False
        if word == "u" and number is not None:
            self._flush()
            self._add(chr(number % 65_536))
            self._to_skip = self._state.fallback_length
            return
        if self._to_skip:
            self._to_skip -= 1
            return
        self._flush()
        if optional and word not in KEPT_THOUGH_OPTIONAL:
            self._state.is_skipped = True
        elif word in SKIPPED:
            self._state.is_skipped = True
            self._state.destination = word
        elif word in CHARACTERS:
            self._add(CHARACTERS[word])
        elif self._state.destination == "stylesheet":
            if word == "s":
                self._style = number or 0
        elif not self._state.is_skipped or self._state.destination == "fonttbl":
            self._format(word, 1 if number is None else number)

    def _format(self, word: str, number: int) -> None:  # noqa: C901 - a table of words
        state = self._state
        match word:
            case "par" | "sect" | "page":
                self._end_paragraph()
            case "pard":
                self._in_table = False
                self._heading = 0
            case "intbl":
                self._in_table = True
            case "outlinelevel":
                self._heading = number + 1 if number < 9 else 0
            case "s":
                self._heading = self._headings.get(number, 0)
            case "stylesheet":
                state.destination = word
                self._style = 0
            case "cell" | "nestcell":
                self._row.append(" ".join((*self._cell, self._take())).strip())
                self._cell.clear()
            case "row" | "nestrow":
                self._rows.append(self._row)
                self._row = []
            case "listtext" | "pntext":
                state.destination = "listtext"
                self._marker.clear()
            case "footnote":
                state.destination = word
                self._note_start = len(self._parts)
            case "uc":
                state.fallback_length = max(0, min(number, 16))
            case "v":
                state.is_hidden = bool(number)
            case "deleted":
                state.is_deleted = bool(number)
            case "plain":
                state.is_hidden = state.is_deleted = False
                state.encoding = ""
            case "ansicpg":
                self._encoding = code_page(number) or self._encoding
            case "mac" | "pc" | "pca":
                self._encoding = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
            case "f":
                self._font = number
                state.encoding = self._fonts.get(number, "")
            case "fcharset":
                self._fonts[self._font] = CODE_PAGES.get(number, "")

    # Paragraphs and tables

    def _take(self) -> str:
        self._flush()
        text = "".join(self._parts).strip()
        self._parts.clear()
        # Characters beyond the first 65,536 come as two halves.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _end_paragraph(self) -> None:
        if self._state.destination == "footnote":  # of several paragraphs
            self._add(" ")
            return
        text = self._take()
        marker, self._marker = "".join(self._marker).strip(), []
        if text.startswith(_BULLET):
            marker, text = "•", text.removeprefix(_BULLET).strip()
        if self._in_table:
            self._cell.append(text)
        elif text:
            self._end_table()
            if self._heading:
                self.writer.heading(self._heading, f"{marker} {text}")
            elif marker:
                is_number = any(character.isalnum() for character in marker)
                self.writer.item(0, text, marker if is_number else "-")
            else:
                self.writer.write(text)

    def _end_table(self) -> None:
        if self._row:
            self._rows.append(self._row)
        if self._rows:
            self.writer.table(self._rows)
        self._rows, self._row = [], []
