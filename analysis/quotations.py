"""Whether the quotations in a model's answer stand in the document.

A quotation is `exact`, `normalised` (the same words and punctuation, set differently), `near` (a
slip of copying or scanning that leaves the statement as it is) or `not_found`. Figures, units,
negations and names may never differ: such a quotation is an invention, however similar.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, NamedTuple

from rapidfuzz.distance import Levenshtein

from analysis.quotation_index import BREAK, Index
from analysis.quotation_marks import quotations_in
from analysis.quotation_parts import (
    INSERTION_REACH,
    Part,
    is_within_sentence,
    part_of,
    parts_of,
    without_empty,
)
from analysis.quotation_words import (
    has_same_figures,
    is_misread,
    is_misread_letter,
    is_misspelt,
    is_number,
    is_small,
    may_not_differ,
    punctuation,
    references,
    turns_the_statement,
    words_in,
)
from analysis.verdicts import Verdict

__all__ = ["Finding", "Source", "quotations_in", "verify"]

# How similar a near match is at least. What may differ is decided word by word, so this is no
# safeguard against inventions: on the test set of benchmarks/quotations.py none passes at 0.70
# either. It bounds how much is slipped; at 0.90 a short quotation without its "the" is lost.
NEAR: Final = 0.85
LONGEST: Final = 20_000  # characters of a quotation that is compared other than exactly
LONGEST_NEAR: Final = 2_000
SHORTEST_NEAR: Final = 15
PARTS: Final = 20  # of one quotation
PLACES: Final = 50  # places of a run of words that are looked at

_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a quotation stands: text[start:end] of the document, which begins on that page."""

    text: str
    verdict: Verdict
    start: int | None = None
    end: int | None = None
    page: int | None = None
    similarity: float | None = None  # of a near match


class Place(NamedTuple):
    """Words of the document, the last exclusive."""

    first: int
    last: int
    similarity: float | None = None  # None: not only near


class Source:
    """A document, prepared once to be asked for many quotations. Form feeds end its pages."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = Index(text)
        self._page_ends = [end.start() for end in re.finditer("\f", text)]

    def find(self, quotation: str) -> Finding:
        asked = quotation.strip()
        if (start := self._exactly(asked)) is not None:
            return self._finding(quotation, "exact", start, start + len(asked))
        place = self._place(asked) if len(asked) <= LONGEST else None
        if place is None:
            return Finding(quotation, "not_found")
        start, end = self._index.starts[place.first], self._index.ends[place.last - 1]
        if not references(asked) <= references(self._text[max(0, start - 20) : end + 20]):
            return Finding(quotation, "not_found")  # [3] may be left out, but not be made up
        verdict: Verdict = "normalised" if place.similarity is None else "near"
        return self._finding(quotation, verdict, start, end, place.similarity)

    def _finding(
        self, text: str, verdict: Verdict, start: int, end: int, similarity: float | None = None
    ) -> Finding:
        page = bisect_left(self._page_ends, start) + 1
        return Finding(text, verdict, start, end, page, similarity and round(similarity, 3))

    def _exactly(self, asked: str) -> int | None:
        """Where it stands character by character, in whole words: 480 is not in 1,480."""
        start = self._text.find(asked) if any(map(str.isalnum, asked)) else -1
        for _ in range(PLACES):
            if start < 0:
                break
            if not any(self._cuts_a_word(cut) for cut in (start, start + len(asked))):
                return start
            start = self._text.find(asked, start + 1)
        return None

    def _cuts_a_word(self, cut: int) -> bool:
        around = words_in(self._text, max(0, cut - 60), cut + 60)
        return any(word.start < cut < word.end for word in around)

    def _place(self, asked: str) -> Place | None:
        whole = part_of(asked)
        if not whole.words:
            return None
        literal = self._literally(whole)
        if literal is not None and literal.similarity is None:
            return literal
        parts = parts_of(asked)
        if parts == [whole]:
            return literal or self._nearly(whole)
        return self._in_parts(whole, parts) or literal

    def _literally(self, part: Part, low: int = 0, high: int | None = None) -> Place | None:
        """The same words; with other punctuation between them it is only near."""
        expected = punctuation(part.text)
        other = None
        for first in islice(self._runs(part, low, high), PLACES):
            last = first + len(part.words)
            found = punctuation(self._index.raw(first, last))
            if found == expected:
                return Place(first, last)
            if other is None and self._is_punctuated_alike(part, first, found, expected):
                similarity = Levenshtein.normalized_similarity(found, expected)
                other = Place(first, last, similarity)
        return other

    def _is_punctuated_alike(self, part: Part, first: int, found: str, expected: str) -> bool:
        """Where it matters: in figures, and after negations: "No, repairs ..." """
        for i, (word, following) in enumerate(pairwise(part.words)):
            if turns_the_statement(word.text):
                there = self._text[self._index.ends[first + i] : self._index.starts[first + i + 1]]
                if ("," in there) != ("," in part.text[word.end : following.start]):
                    return False
        return has_same_figures(found, expected)

    def _runs(self, part: Part, low: int, high: int | None = None) -> Iterator[int]:
        end = len(self._index.words)
        return self._index.runs(part.texts, low, end if high is None else min(end, high))

    def _in_parts(self, whole: Part, parts: list[Part]) -> Place | None:
        """All parts, in order, with no more between them than a gap may leave out."""
        insertions = [word.text for part in parts for word in words_in(part.insertion)]
        if any(turns_the_statement(word) or is_number(word) for word in insertions):
            return None
        parts = without_empty(parts)
        if not 0 < len(parts) <= PARTS or (
            len(parts) > 1 and min(len(part.words) for part in parts) < 2
        ):
            return None
        starts: Iterator[Place | None] = (
            self._literally(parts[0], first, first + len(parts[0].words))
            for first in islice(self._runs(parts[0], 0), PLACES)
        )
        chains = (self._chain(start, parts) for start in starts if start)
        place = next(filter(None, chains), None)
        if place is None and (start := self._nearly(parts[0])):
            place = self._chain(start, parts)
        if place is not None and insertions:
            # What stands in brackets is not the document's and counts against the similarity.
            found = " ".join(self._index.words[place.first : place.last])
            similarity = Levenshtein.normalized_similarity(" ".join(whole.texts), found)
            place = place._replace(similarity=similarity)
        return place

    def _chain(self, start: Place, parts: list[Part]) -> Place | None:
        """From the first part, which stands there, to the last."""
        place = start
        for part in parts[1:]:
            low, high = place.last, place.last + part.reach + len(part.words)
            following = self._literally(part, low, high) or self._nearly(part, low, high)
            if following is None or not self._may_be_left_out(low, following.first, part):
                return None
            similarities = [s for s in (place.similarity, following.similarity) if s is not None]
            place = Place(place.first, following.last, min(similarities, default=None))
        return place

    def _may_be_left_out(self, first: int, last: int, part: Part) -> bool:
        """Not what turns the statement: "did not agree" may not become "did ... agree"."""
        left_out = self._index.words[first:last]
        if not left_out or BREAK in left_out:
            return not left_out
        if part.reach == INSERTION_REACH:
            is_renamed = part.insertion[0].isupper() and any(map(self._is_name, range(first, last)))
            return not is_renamed and not any(
                turns_the_statement(word) or is_number(word) for word in left_out
            )
        between = self._text[self._index.ends[first - 1] : self._index.starts[last]]
        sentences = _SENTENCE_END.split(between)
        if len(sentences) == 1 and len(left_out) <= 4:
            return not any(map(turns_the_statement, left_out))
        ends = [word.text for word in words_in(sentences[0])][:2]
        ends += [word.text for word in words_in(sentences[-1])][-2:]
        return not any(map(turns_the_statement, ends))

    def _nearly(self, part: Part, low: int = 0, high: int | None = None) -> Place | None:
        """The most similar run of words that says the same."""
        if not SHORTEST_NEAR <= len(part.text) <= LONGEST_NEAR or len(part.words) < 3:
            return None
        end = len(self._index.words)
        best = None
        for first, last, similarity in self._index.similar_runs(
            part.texts, low, end if high is None else min(end, high), NEAR
        ):
            slips = self._slips(part, first, last) if similarity < 1 else None
            if slips is None or (best and best.similarity and best.similarity >= similarity):
                continue
            found = punctuation(self._index.raw(first, last))
            if not has_same_figures(found, punctuation(part.text)):
                continue
            if slips == 0 and found == punctuation(part.text):
                return Place(first, last)  # only spaces and hyphens differ
            best = Place(first, last, similarity)
        return best

    def _slips(self, part: Part, first: int, last: int) -> int | None:
        """How many runs of words differ by a slip; None when one differs by more."""
        asked, there = part.texts, self._index.words[first:last]
        slips = small = 0
        for a, b, c, d in _differences(asked, there):
            is_spacing = "".join(asked[a:b]) == "".join(there[c:d])
            if b - a == d - c == 1 and is_misread_letter(asked[a], there[c]):
                slips += 1
                continue
            if any(may_not_differ(asked, i) for i in range(a, b)) or any(
                may_not_differ(there, i) for i in range(c, d)
            ):
                return None
            if is_spacing:
                continue
            if any(part.has_name_at(i) for i in range(a, b)) or any(
                self._is_name(first + i) for i in range(c, d)
            ):
                return None
            if not self._is_slip(asked[a:b], there[c:d]):
                return None
            slips += 1
            small += b - a + d - c if a == b or c == d else 0
        return slips if small <= max(1, len(asked) // 12) else None

    def _is_slip(self, asked: list[str], there: list[str]) -> bool:
        if not asked or not there:
            return all(map(is_small, asked + there))
        if len(asked) == len(there):
            return all(map(self._is_same_word, asked, there))
        return len(asked) + len(there) <= 4 and self._is_same_word("".join(asked), "".join(there))

    def _is_same_word(self, asked: str, there: str) -> bool:
        if asked == there:
            return True
        known, instead = self._index.count(asked), self._index.count(there)
        if is_misread(asked, there) and (instead == 1 or not known or known > 3 * instead):
            return True
        # Two words which the document both uses are two words, not one and its misspelling.
        return is_misspelt(asked, there) and (instead == 1 or not known)

    def _is_name(self, position: int) -> bool:
        """Capitalised within a sentence, or wherever the document has the word."""
        start = self._index.starts[position]
        if not self._text[start].isupper():
            return False
        if is_within_sentence(self._text[max(0, start - 8) : start]):
            return True
        positions = islice(self._index.positions(self._index.words[position]), PLACES)
        return all(self._text[self._index.starts[i]].isupper() for i in positions)


def verify(answer: str, source: Source) -> list[Finding]:
    return [source.find(quotation) for quotation in quotations_in(answer)]


def _differences(asked: Sequence[str], there: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """The runs of words that differ: asked[a:b] where there is there[c:d]."""
    run: tuple[int, int, int, int] | None = None
    for step in Levenshtein.opcodes(asked, there):
        if step.tag == "equal":
            if run:
                yield run
            run = None
        elif run:
            run = (run[0], step.src_end, run[2], step.dest_end)
        else:
            run = (step.src_start, step.src_end, step.dest_start, step.dest_end)
    if run:
        yield run
