"""XML read as a stream of events: no tree in memory, no DTD, hence no entities to expand."""

from collections.abc import Callable, Iterable
from typing import NoReturn
from xml.parsers import expat

Attributes = dict[str, str]


class ForbiddenXML(Exception):
    """A document type declaration: office files never have one, attacks do."""


def _refuse(*_declaration: object) -> NoReturn:
    raise ForbiddenXML


def _refuse_own_definitions(
    _name: str, _system_id: str | None, _public_id: str | None, has_internal_subset: bool
) -> None:
    if has_internal_subset:
        raise ForbiddenXML


def parse(
    chunks: Iterable[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
    *,
    may_name_a_dtd: bool = False,
) -> None:
    """Names arrive as `namespace}name`. A DTD that may be named is still never looked at."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_own_definitions if may_name_a_dtd else _refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    for chunk in chunks:
        parser.Parse(chunk)
    parser.Parse(b"", True)
