"""A document's words, where each stands, and where a run of them stands, alike or nearly."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from analysis.quotation_words import words_in

WORK: Final = 4_000_000  # words compared, at most, in looking for one run of words
BREAK: Final = "\n"  # stands between words that do not follow one another; no word is like it
_EDGE_LINES: Final = 2  # lines at a page's top and bottom that may be running titles
_FIGURES: Final = re.compile(r"\d+")
_SEEDS: Final = 16  # words that say where a near match may be
_HITS: Final = 2_000  # places of one word that are looked at
_TRIES: Final = 6  # places that are compared letter by letter
_BUCKET: Final = 8  # words
_SLACK: Final = 4  # words


class Index:
    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[str] = []
        self.starts, self.ends = array("I"), array("I")
        self._positions: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        body, self._running = _stretches(text)
        for start, end in body:
            self._take(start, end)
        # Running titles come last: a sentence goes on from page to page, whatever stands between.
        for start, end in self._running:
            self._append(BREAK, start, start)
            self._take(start, end)

    def _take(self, start: int, end: int) -> None:
        for word in words_in(self.text, start, end):
            self._append(*word)

    def _append(self, word: str, start: int, end: int) -> None:
        self._positions[word].append(len(self.words))
        self.words.append(word)
        self.starts.append(start)
        self.ends.append(end)

    def raw(self, first: int, last: int) -> str:
        """The text of the words from first to before last, without running titles between them."""
        start, end = self.starts[first], self.ends[last - 1]
        text = ""
        for cut, resume in self._running[bisect_right(self._running, (start, end)) :]:
            if resume > end:
                break
            text += self.text[start:cut]
            start = resume
        return text + self.text[start:end]

    def positions(self, word: str) -> Sequence[int]:
        return self._positions.get(word, ())

    def count(self, word: str) -> int:
        return len(self.positions(word))

    def runs(self, words: Sequence[str], low: int, high: int) -> Iterator[int]:
        """Where between low and high these words follow one another, found by the rarest."""
        words = list(words)
        rarest = min(range(len(words)), key=lambda i: self.count(words[i]))
        positions = self.positions(words[rarest])
        start = bisect_left(positions, low + rarest)
        for position in islice(positions, start, start + WORK // len(words)):
            first = position - rarest
            if first + len(words) > high:
                return
            if self.words[first : first + len(words)] == words:
                yield first

    def similar_runs(
        self, words: Sequence[str], low: int, high: int, similarity: float
    ) -> Iterator[tuple[int, int, float]]:
        """First, last (exclusive) and similarity of the few runs that share most of the words."""
        asked = " ".join(words)
        for near in self._neighbourhoods(words, low, high):
            start = max(low, near - _BUCKET - _SLACK)
            end = min(high, near + _BUCKET + len(words) + len(words) // 8 + _SLACK)
            there = self.words[start:end]
            offsets = list(accumulate((len(word) + 1 for word in there), initial=0))
            window = " ".join(there)
            if len(window) > 4 * len(asked) + 400:  # words without end are no text
                continue
            found = fuzz.partial_ratio_alignment(asked, window, score_cutoff=100 * similarity - 10)
            if found is None:
                continue
            where = (
                (0, len(window)) if len(window) < len(asked) else (found.dest_start, found.dest_end)
            )
            first = bisect_right(offsets, where[0]) - 1
            last = bisect_left(offsets, where[1])
            # The alignment knows letters only: take the whole words that fit best.
            distance, first, last = min(
                (Levenshtein.distance(asked, " ".join(there[a:b])), a, b)
                for a in range(max(0, first - 2), first + 3)
                for b in range(max(a + 1, last - 2), last + 3)
                if b <= len(there)
            )
            longest = max(len(asked), offsets[last] - offsets[first] - 1)
            if distance <= (1 - similarity) * longest:
                yield start + first, start + last, 1 - distance / longest

    def _neighbourhoods(self, words: Sequence[str], low: int, high: int) -> list[int]:
        """Where most of the rarer words stand at their distances from each other."""
        places = (
            (i, self._positions[word]) for i, word in enumerate(words) if word in self._positions
        )
        votes: Counter[int] = Counter()
        for i, positions in sorted(places, key=lambda place: len(place[1]))[:_SEEDS]:
            start = bisect_left(positions, low)
            for position in islice(positions, start, start + _HITS):
                if position >= high:
                    break
                votes[(position - i) // _BUCKET] += 1
        both = {bucket: count + votes.get(bucket + 1, 0) for bucket, count in votes.items()}
        best = sorted(both, key=lambda bucket: (-both[bucket], bucket))[:_TRIES]
        return [(bucket + 1) * _BUCKET for bucket in best]


def _stretches(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The stretches of running text, and the lines that recur at the edges of pages."""
    edges: list[tuple[str, int, int]] = []
    pages = text.split("\f")
    start = 0
    for page in pages:
        edges += _edge_lines(page, start)
        start += len(page) + 1
    counts = Counter(key for key, _, _ in edges)
    enough = min(3, len(pages)) if len(pages) > 1 else 2
    running = [(start, end) for key, start, end in edges if counts[key] >= enough]
    body, at = [], 0
    for start, end in running:
        body.append((at, start))
        at = end
    return [*body, (at, len(text))], running


def _edge_lines(page: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Its first and last lines, each as what recurs of it (page numbers do not), and its place."""
    lines = [line for line in re.finditer(r"[^\n]+", page) if not line[0].isspace()]
    if len(lines) > 2 * _EDGE_LINES:
        lines = lines[:_EDGE_LINES] + lines[-_EDGE_LINES:]
    for line in lines:
        yield (
            _FIGURES.sub("#", line[0].strip().casefold()),
            start + line.start(),
            start + line.end(),
        )
