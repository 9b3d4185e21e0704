"""The literal quotations in a model's answer: what stands in quotation marks or block quotes."""

import re
from collections.abc import Iterator
from operator import itemgetter
from typing import Final

from analysis.quotation_words import is_unspaced, words_in

FEWEST_WORDS: Final = 3  # fewer are a title, a term or a scare quote
FEWEST_CHARACTERS: Final = 6  # in scripts without spaces, where every character counts as a word
LONGEST: Final = 3_000  # characters; a mark whose partner is further away has none

_FENCE: Final = re.compile(
    r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_INLINE_CODE: Final = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,300})\1(?!`)")
_BLOCK_QUOTE: Final = re.compile(r"(?:^ {0,3}(?:[-*+] |\d+[.)] )?[ \t]*>.*\n?)+", re.MULTILINE)
_QUOTE_PREFIX: Final = re.compile(r"^ {0,3}(?:[-*+] |\d+[.)] )?[ \t]*(?:> ?)+", re.MULTILINE)
_ALERT: Final = re.compile(r"^\[![A-Z]+\][ \t]*$", re.MULTILINE)
# Who says it and where is not part of what is said.
_ATTRIBUTION: Final = re.compile(
    r"\n[ \t]*[*_]*(?:—|–|--|―)[^\n]*\Z"  # noqa: RUF001
    r"|\s*[*_]*[(\[](?:p|pp|page|pages|S|Seite|Seiten|sec|section|§)\b[^()\[\]]{0,60}[)\]][*_]*\.?\Z"
)
# A list item, a heading or a row of a table ends the paragraph before it.
_PARAGRAPH_END: Final = re.compile(r"\n[ \t]*(?:\n|(?=(?:[-*+•]|\d{1,3}[.)]) )|(?=#{1,6} )|(?=\|))")
_MARK: Final = re.compile('["“”„‟«»「」『』]')
_CODE_MARK: Final = "\ufffc"  # takes the place of a quotation mark in code
_CLOSES: Final = {  # the marks that may close it; the second group when there is none of the first
    '"': ['"'],
    "“": ["”", '"'],
    "„": ["“”‟", '"'],
    "‟": ["”"],
    "”": ["”"],  # Swedish
    "«": ["»"],
    "»": ["«"],
    "「": ["」"],
    "『": ["』"],
}
_DIRECTED: Final = "“„‟「『"
_MAY_BEGIN: Final = "'‘‚“„«»[(*_…$£€-–.¿¡<"  # noqa: RUF001


def quotations_in(answer: str) -> list[str]:
    """In the order in which they stand, each once, without their marks."""
    found = (text.strip() for _, text in sorted(_candidates(answer), key=itemgetter(0)))
    return list(dict.fromkeys(text for text in found if _is_quotation(text)))


def _is_quotation(text: str) -> bool:
    words = [word.text for word in words_in(text)]
    unspaced = sum(map(is_unspaced, words))
    return len(words) - unspaced >= FEWEST_WORDS or len(words) >= FEWEST_CHARACTERS


def _candidates(answer: str) -> Iterator[tuple[int, str]]:
    answer = answer.replace("\r\n", "\n")
    text = _FENCE.sub(lambda code: "\n" * len(code[0]), answer)
    text = _INLINE_CODE.sub(lambda code: _MARK.sub(_CODE_MARK, code[0]), text)
    for block in _BLOCK_QUOTE.finditer(text):
        for paragraph in _paragraphs(answer[block.start() : block.end()]):
            inner = [paragraph[a:b] for a, b in _in_marks(paragraph)]
            is_in_marks = inner and _MARK.match(paragraph.lstrip("*_ "))
            yield from ((block.start(), q) for q in (inner if is_in_marks else [paragraph]))
    text = _BLOCK_QUOTE.sub(lambda block: "\n" * len(block[0]), text)
    at = 0
    for stop in [*(end.start() for end in _PARAGRAPH_END.finditer(text)), len(text)]:
        for start, end in _in_marks(text[at:stop]):
            yield at + start, answer[at + start : at + end]
        at = stop


def _paragraphs(block: str) -> Iterator[str]:
    """What a block quote says: each paragraph, without its marks and where it is from."""
    text = _ALERT.sub("", _QUOTE_PREFIX.sub("", block))
    for paragraph in re.split(r"\n[ \t]*\n", text):
        yield _ATTRIBUTION.sub("", "\n" + paragraph.rstrip()).strip()


def _in_marks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands in quotation marks in one paragraph."""
    at = 0
    while mark := _MARK.search(text, at):
        at = mark.end()
        if _opens(text, mark.start()):
            close = _closing(text, mark.start())
            if close is not None:
                yield at, close
                at = close + 1


def _opens(text: str, at: int) -> bool:
    mark, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if mark in _DIRECTED:
        return bool(after) and not after.isspace()
    if before.isalnum() and not is_unspaced(before):  # 5" pipe
        return False
    return mark == "«" or after.isalnum() or (bool(after) and after in _MAY_BEGIN)


def _closing(text: str, at: int) -> int | None:
    for closes in _CLOSES[text[at]]:
        for mark in _MARK.finditer(text, at + 1, at + 1 + LONGEST):
            i = mark.start()
            if mark[0] in closes and not _is_within(text, i):
                if _opens_anew(text, i):
                    break
                return i
            if mark[0] == text[at] and mark[0] in _DIRECTED:
                break  # the first one was never closed
    return None


def _opens_anew(text: str, at: int) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return text[at] in '"”' and (before.isspace() or before in "([") and after.isalnum()


def _is_within(text: str, at: int) -> bool:
    """Whether it is no closing mark: within a word, or inches before the mark that closes."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if text[at] != '"':
        return False
    if before.isalnum() and after.isalnum() and not is_unspaced(after):
        return True
    following = text.find('"', at + 1)
    if not before.isdigit() or following < 0:
        return False
    return not _opens(text, following) and not text[following - 1].isspace()
