"""What Word, Excel and PowerPoint files share: parts that name the parts they are related to."""

import posixpath
from dataclasses import dataclass, field
from typing import Final

from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package

# The common form of an attribute's namespace and ISO's strict one.
RELATIONSHIPS: Final = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
FALLBACK: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


@dataclass(slots=True)
class Related:
    """The parts that one part names, those that exist."""

    by_id: dict[str, str] = field(default_factory=dict)
    by_kind: dict[str, list[str]] = field(default_factory=dict)

    def first(self, kind: str) -> str | None:
        return next(iter(self.by_kind.get(kind, ())), None)


def related(package: Package, part: str) -> Related:
    """Those of the package itself for part ""."""
    folder, name = posixpath.split(part)
    source = posixpath.join(folder, "_rels", f"{name}.rels")
    found = Related()

    def start(_name: str, attributes: Attributes) -> None:
        if "Target" not in attributes or attributes.get("TargetMode") == "External":
            return
        target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"])).lstrip("/")
        if target in package:
            kind = attributes.get("Type", "").rpartition("/")[2]
            found.by_id.setdefault(attributes.get("Id", ""), target)
            found.by_kind.setdefault(kind, []).append(target)

    if source in package:
        parse(package.chunks(source), start)
    return found


def relation_id(attributes: Attributes) -> str:
    """The value of r:id, which says which related part is meant."""
    return next(
        (attributes[key] for space in RELATIONSHIPS if (key := f"{space}}}id") in attributes), ""
    )


def is_on(value: str | None) -> bool:
    """How these formats write yes; an attribute that is missing means its default."""
    return value in ("1", "true", "on")
