"""Key terms of a text: words and phrases, counted over their inflected forms."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.providers.text import WORD, content_stem

LONGEST_TERM = 3
REPEATED = 2
ABSORBED = 0.7  # a word that occurs this often inside a longer term is not listed beside it

type Stems = tuple[str, ...]

# A word, or a sign that ends a phrase; spaces, hyphens and apostrophes may stand inside one.
_TOKEN = re.compile(rf"(?P<word>{WORD.pattern})|\n\s*\n|[^\w\s'\u2019-]|\f")


@dataclass(frozen=True, slots=True)
class Term:
    text: str  # in its most frequent form
    stems: Stems
    count: int


class _Tokens:
    """The content words of a text, with "" wherever a stop word or punctuation parts them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stems: list[str] = []
        self.starts = array("L")
        self.ends = array("L")
        for token in _TOKEN.finditer(text):
            word = content_stem(token.group()) if token.lastgroup else ""
            if word or (self.stems and self.stems[-1]):
                self.stems.append(word)
                self.starts.append(token.start())
                self.ends.append(token.end())

    def phrases(self, length: int) -> Iterator[Stems]:
        """Every run of `length` tokens, also those with a gap in it, which belong to no term."""
        return zip(*(self.stems[first:] for first in range(length)), strict=False)

    def form(self, first: int, length: int) -> str:
        return " ".join(self.text[self.starts[first] : self.ends[first + length - 1]].split())


def key_terms(text: str, most: int) -> list[Term]:
    """The most frequent terms, longer ones preferred; those that occur once only if all do."""
    tokens = _Tokens(text)
    counts = _counts(tokens)
    fewest = min(REPEATED, max(counts.values(), default=0))
    kept = _without_parts({key: n for key, n in counts.items() if n >= fewest})
    kept.sort(key=lambda key: -counts[key] * (1 + len(key)))  # stable: else in order of appearance
    forms: dict[Stems, Counter[str]] = {key: Counter() for key in kept[:most]}
    for length in {len(key) for key in forms}:
        for first, key in enumerate(tokens.phrases(length)):
            if key in forms:
                forms[key][tokens.form(first, length)] += 1
    return [Term(form.most_common(1)[0][0], key, counts[key]) for key, form in forms.items()]


def shared_terms(texts: Sequence[str], most: int) -> list[tuple[Term, int]]:
    """The key terms of all texts together, each with the number of texts that use it."""
    tokens = [_Tokens(text) for text in texts]
    lengths = range(1, LONGEST_TERM + 1)
    used = [{key for length in lengths for key in text.phrases(length)} for text in tokens]
    terms = [
        (term, sum(term.stems in keys for keys in used))
        for term in key_terms("\n\n".join(texts), most)
    ]
    return sorted(terms, key=lambda pair: (-pair[1], -pair[0].count))


def count_words(words: str, text: str) -> list[tuple[str, int]]:
    """How often each meaningful word of `words` occurs in the text, in any form."""
    asked = {key: word for word in reversed(WORD.findall(words)) if (key := content_stem(word))}
    counts = Counter(content_stem(word) for word in WORD.findall(text))
    return [(word, counts[key]) for key, word in reversed(asked.items())]


def _counts(tokens: _Tokens) -> Counter[Stems]:
    """Count words and phrases, a phrase only where the phrases inside it are repeated too."""
    counts = Counter(key for key in tokens.phrases(1) if key[0])
    for length in range(2, LONGEST_TERM + 1):
        parts = {key for key, n in counts.items() if n >= REPEATED and len(key) == length - 1}
        counts.update(
            key for key in tokens.phrases(length) if key[1:] in parts and key[:-1] in parts
        )
    return counts


def _without_parts(counts: dict[Stems, int]) -> list[Stems]:
    absorbed = {
        part
        for key, count in counts.items()
        for length in range(1, len(key))
        for first in range(len(key) - length + 1)
        if count >= ABSORBED * counts[part := key[first : first + length]]
    }
    return [key for key in counts if key not in absorbed]
