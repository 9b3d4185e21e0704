"""A quotation as it is looked for: in parts, where it leaves words out or puts its own in."""

import re
from typing import Final, NamedTuple

from analysis.quotation_words import Word, words_in

ELLIPSIS_REACH: Final = 180  # words that an ellipsis may leave out: some thousand characters
INSERTION_REACH: Final = 8  # words that an insertion in brackets may stand for

_ELLIPSIS: Final = r"[\[(]\s*(?:\.{3}|…|\. \. \.)\s*[\])]|\.{3,}|…|\. \. \."
_GAP: Final = re.compile(rf"{_ELLIPSIS}|\[(?P<insertion>[^\[\]]{{1,80}})\]")
_LETTERS: Final = r"\[([^\W\d_]{1,3})\]"
_ALTERED_WORD: Final = re.compile(rf"{_LETTERS}(?=\w)|(?<=\w){_LETTERS}")  # [T]he, approve[d]
_SIC: Final = re.compile(r"\s?\[sic!?\]")


class Part(NamedTuple):
    """What stands between two gaps of a quotation."""

    text: str
    words: list[Word]
    reach: int  # words that the gap before it may leave out
    insertion: str  # what the quotation puts there instead

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.words]

    def has_name_at(self, position: int) -> bool:
        start = self.words[position].start
        return self.text[start].isupper() and is_within_sentence(
            self.text[max(0, start - 8) : start]
        )


def part_of(text: str, reach: int = 0, insertion: str = "") -> Part:
    return Part(text, list(words_in(text)), reach, insertion)


def parts_of(quotation: str) -> list[Part]:
    """Cut at ellipses and insertions; letters in brackets and [sic] are taken as they read."""
    text = _SIC.sub("", _ALTERED_WORD.sub(r"\1\2", quotation))
    parts, at, reach, insertion = [], 0, 0, ""
    for gap in _GAP.finditer(text):
        inserted = gap["insertion"]
        if inserted is not None and not any(words_in(gap[0])):
            continue  # a reference such as [3]
        parts.append(part_of(text[at : gap.start()], reach, insertion))
        at = gap.end()
        reach = ELLIPSIS_REACH if inserted is None else INSERTION_REACH
        insertion = inserted or ""
    return [*parts, part_of(text[at:], reach, insertion)]


def without_empty(parts: list[Part]) -> list[Part]:
    """Gaps that follow one another are one."""
    kept: list[Part] = []
    reach, insertion = 0, ""
    for part in parts:
        reach, insertion = max(reach, part.reach), insertion or part.insertion
        if part.words:
            kept.append(part._replace(reach=reach, insertion=insertion))
            reach, insertion = 0, ""
    return kept


def is_within_sentence(before: str) -> bool:
    last = before.rstrip(" \t")[-1:]
    return last.isalnum() or last in {",", ";", "-", "–", "—", ")", "'", "’"}  # noqa: RUF001
