"""EPUB to Markdown: the chapters in reading order. Pages depend on the reader's screen: none."""

import posixpath
from typing import Final
from urllib.parse import unquote

from documents.extraction.contract import Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import extractor
from documents.extraction.html import Page, decode
from documents.extraction.markdown import Writer
from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

_CHAPTERS: Final = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
_FONTS: Final = (".otf", ".ttf", ".woff", ".woff2")


def read(data: bytes, limits: Limits) -> Extraction:
    package = Package(data, limits)
    chapters = _chapters(package, _contents_part(package))
    _refuse_encrypted(package, chapters)
    writer = Writer(limits)
    for part in chapters:
        Page(writer).read(decode(b"".join(package.chunks(part))))
    return writer.finished(extractor("epub"))


def _contents_part(package: Package) -> str:
    found: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name.endswith("}rootfile"):
            found.append(attributes.get("full-path", ""))

    parse(package.chunks("META-INF/container.xml"), start, may_name_a_dtd=True)
    return found[0]


def _chapters(package: Package, contents: str) -> list[str]:
    folder = posixpath.dirname(contents)
    items: dict[str, str] = {}
    order: list[str] = []

    def start(full_name: str, attributes: Attributes) -> None:
        match full_name.rpartition("}")[2]:
            case "item" if attributes.get("media-type") in _CHAPTERS:
                # The list of contents, which some books show as a chapter, says nothing new.
                if "nav" not in attributes.get("properties", "").split():
                    path = posixpath.join(folder, unquote(attributes.get("href", "")))
                    items[attributes.get("id", "")] = posixpath.normpath(path)
            case "itemref":
                order.append(attributes.get("idref", ""))

    parse(package.chunks(contents), start, may_name_a_dtd=True)
    # Once each: a book that names one chapter a million times is an attack.
    return list(dict.fromkeys(items[name] for name in order if items.get(name, "") in package))


def _refuse_encrypted(package: Package, chapters: list[str]) -> None:
    """Books with protection; fonts are often made unreadable in ones without."""
    if "META-INF/encryption.xml" not in package:
        return

    def start(name: str, attributes: Attributes) -> None:
        if name.endswith("}CipherReference") and unquote(attributes.get("URI", "")) in chapters:
            raise UnreadableFile(Reason.ENCRYPTED)

    parse(package.chunks("META-INF/encryption.xml"), start)
