"""A document too long for a model, in parts that fit: cut at pages, else at paragraphs."""

import re
from dataclasses import dataclass

from analysis.tokens import tokens_in

# Where to cut, best first: after a page, at a heading or blank line, after a line, sentence, word.
_CUTS = [
    re.compile(p)
    for p in (r"(?<=\f)", r"(?<=\n)(?=#)|(?<=\n\n)", r"(?<=\n)", r"(?<=[.!?] )", r"(?<= )")
]


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    first_page: int


def parts_of(document: str, tokens: int) -> list[Part]:
    """Return the document in consecutive parts of at most so many tokens; joined they are it."""
    if tokens_in(document) <= tokens:
        return [Part(document, 1)]
    parts, page = [], 1
    for text in _split(document, tokens, 0):
        # A form feed at a part's end belongs to the page it ends.
        parts.append(Part(text, page))
        page += text.count("\f")
    return parts


def _split(text: str, tokens: int, level: int) -> list[str]:
    """Cut as coarsely as the limit allows, and fill each part as far as it goes."""
    if tokens_in(text) <= tokens:
        return [text]
    if level == len(_CUTS):  # one endless word: by length alone
        return [text[i : i + tokens] for i in range(0, len(text), tokens)]
    pieces = [
        p for piece in _CUTS[level].split(text) if piece for p in _split(piece, tokens, level + 1)
    ]
    filled: list[str] = []
    sizes: list[int] = []
    for piece in pieces:
        size = tokens_in(piece)
        if filled and sizes[-1] + size <= tokens:
            filled[-1] += piece
            sizes[-1] += size
        else:
            filled.append(piece)
            sizes.append(size)
    return filled
