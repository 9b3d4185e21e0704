"""XML read as a stream of events: no tree in memory, no DTD, hence no entities to expand."""

from collections.abc import Callable, Iterable
from typing import NoReturn
from xml.parsers import expat

Attributes = dict[str, str]


class ForbiddenXML(Exception):
    """A document type declaration: office files never have one, attacks do."""


def _refuse(*_declaration: object) -> NoReturn:
    raise ForbiddenXML


def parse(
    chunks: Iterable[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
) -> None:
    """Names arrive as `namespace}name`."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    for chunk in chunks:
        parser.Parse(chunk)
    parser.Parse(b"", True)
