"""PPTX to Markdown, one page a slide: its title as a heading, then texts and tables in the order
of drawing, then the speaker's notes. A slide that the show leaves out keeps its place, empty."""

from dataclasses import dataclass, field
from typing import Final

from documents.extraction.contract import Extraction, Limits
from documents.extraction.formats import extractor
from documents.extraction.markdown import Writer
from documents.extraction.ooxml import FALLBACK, Related, is_on, related, relation_id
from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

# Placeholders that repeat on every slide what only concerns the deck.
_FURNITURE: Final = {"sldNum", "dt", "ftr", "hdr", "sldImg"}
_TITLES: Final = {"title", "ctrTitle"}


def read(data: bytes, limits: Limits) -> Extraction:
    package = Package(data, limits)
    main = related(package, "").first("officeDocument") or "ppt/presentation.xml"
    writer = Writer(limits)
    for part in _slides(package, main, related(package, main)):
        writer.start_page()
        slide = _Slide()
        slide.read(package, part)
        if slide.is_shown:
            slide.write(writer)
            if notes := related(package, part).first("notesSlide"):
                _write_notes(package, notes, writer)
    return writer.finished(extractor("pptx"))


def _slides(package: Package, main: str, parts: Related) -> list[str]:
    slides: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name.endswith("}sldId") and (part := parts.by_id.get(relation_id(attributes))):
            slides.append(part)

    parse(package.chunks(main), start)
    return slides


def _write_notes(package: Package, part: str, writer: Writer) -> None:
    notes = _Slide()
    notes.read(package, part)
    text = "\n".join(text for shape in notes.shapes for _, text in shape.paragraphs)
    if text:
        writer.write(f"Notes: {text}")


@dataclass(slots=True)
class _Shape:
    placeholder: str = ""
    is_hidden: bool = False
    paragraphs: list[tuple[int, str]] = field(default_factory=list)  # each with its depth
    rows: list[list[str]] = field(default_factory=list)  # of a table, which has no paragraphs


class _Slide:
    def __init__(self) -> None:
        self.is_shown = True
        self.shapes: list[_Shape] = []
        self._shape = _Shape()  # text outside of any shape is none of the slide's
        self._parts: list[str] = []
        self._depth = 0
        self._in_text = False
        self._in_cell = False
        self._skipped = 0

    def read(self, package: Package, part: str) -> None:
        parse(package.chunks(part), self._start, self._end, self._characters)

    def write(self, writer: Writer) -> None:
        for shape in sorted(self.shapes, key=lambda shape: shape.placeholder not in _TITLES):
            if shape.placeholder in _TITLES:
                writer.heading(1, " ".join(text for _, text in shape.paragraphs))
            elif shape.rows:
                writer.table(shape.rows)
            elif len(shape.paragraphs) == 1:
                writer.write(shape.paragraphs[0][1])
            else:
                for depth, text in shape.paragraphs:
                    writer.item(depth, text)

    def _start(self, full_name: str, attributes: Attributes) -> None:  # noqa: C901 - a table
        if self._skipped or full_name == FALLBACK:
            self._skipped += 1
            return
        match full_name.rpartition("}")[2]:
            case "sld":
                self.is_shown = is_on(attributes.get("show", "1"))
            case "sp" | "graphicFrame" | "cxnSp" | "pic":
                self._shape = _Shape()
            case "cNvPr":
                self._shape.is_hidden = is_on(attributes.get("hidden"))
            case "ph":
                self._shape.placeholder = attributes.get("type", "body")
            case "tr":
                self._shape.rows.append([])
            case "tc" if self._shape.rows:
                self._shape.rows[-1].append("")
                self._in_cell = True
            case "p":
                self._parts, self._depth = [], 0
            case "pPr":
                self._depth = min(int(attributes.get("lvl", "0")), 8)
            case "br":
                self._parts.append("\n")
            case "t":
                self._in_text = True

    def _characters(self, text: str) -> None:
        if self._in_text and not self._skipped:
            self._parts.append(text)

    def _end(self, full_name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        match full_name.rpartition("}")[2]:
            case "t":
                self._in_text = False
            case "p":
                self._end_paragraph()
            case "tc":
                self._in_cell = False
            case "sp" | "graphicFrame" | "cxnSp":
                if not self._shape.is_hidden and self._shape.placeholder not in _FURNITURE:
                    self.shapes.append(self._shape)
                self._shape = _Shape()

    def _end_paragraph(self) -> None:
        text = "".join(self._parts).replace("\v", "\n").strip()
        self._parts = []
        if text and self._in_cell:
            row = self._shape.rows[-1]
            row[-1] = f"{row[-1]} {text}".strip()
        elif text:
            self._shape.paragraphs.append((self._depth, text))
