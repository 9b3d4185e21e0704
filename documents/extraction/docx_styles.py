"""Which styles of a DOCX are headings or lists. Style ids are in the language of Word; names and
outline levels are not."""

import re
from dataclasses import dataclass
from typing import Final

from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

# The common form and ISO's strict one.
WORD: Final = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_HEADING_NAME: Final = re.compile(r"heading ?([1-9])", re.IGNORECASE)
_LONGEST_CHAIN: Final = 11  # Word's own limit on styles based on styles


@dataclass(slots=True)
class Style:
    heading: int = 0  # 1 to 9; 0: none
    is_numbered: bool = False


@dataclass(slots=True)
class _Definition:
    name: str = ""
    based_on: str = ""
    outline: int | None = None
    numbering: str | None = None


Styles = dict[str, Style]


def value(attributes: Attributes) -> str:
    return next((text for name, text in attributes.items() if name.endswith("}val")), "")


def read_styles(package: Package, part: str) -> Styles:
    definitions: dict[str, _Definition] = {}
    current = _Definition()

    def start(full_name: str, attributes: Attributes) -> None:
        nonlocal current
        space, _, name = full_name.rpartition("}")
        if space not in WORD:
            return
        match name:
            case "style":
                current = _Definition()
                definitions[attributes.get(f"{space}}}styleId", "")] = current
            case "name":
                current.name = value(attributes)
            case "basedOn":
                current.based_on = value(attributes)
            case "outlineLvl":
                current.outline = int(value(attributes))
            case "numId":
                current.numbering = value(attributes)

    parse(package.chunks(part), start)
    return {identifier: _resolve(identifier, definitions) for identifier in definitions}


def _resolve(identifier: str, definitions: dict[str, _Definition]) -> Style:
    """A style has what the nearest of its ancestors says."""
    heading: int | None = None
    numbering: str | None = None
    for _ in range(_LONGEST_CHAIN):
        definition = definitions.get(identifier)
        if definition is None:
            break
        if heading is None:
            heading = _heading(definition)
        if numbering is None:
            numbering = definition.numbering
        identifier = definition.based_on
    return Style(heading or 0, numbering not in (None, "0"))


def _heading(definition: _Definition) -> int | None:
    if match := _HEADING_NAME.fullmatch(definition.name):
        return int(match[1])
    if definition.name.lower() == "title":
        return 1
    if definition.outline is not None:
        return definition.outline + 1 if definition.outline < 9 else 0
    return None
