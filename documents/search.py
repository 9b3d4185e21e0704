"""Full text search: texts are kept in passages, and found by their words.

A query is what `websearch_to_tsquery` takes: words, "phrases", or, -not. All words must be in the
document, not in one passage of it: each is looked up by itself. A phrase is found where it stands
in one passage.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import batched
from typing import Any

from django.conf import settings

from documents.models import PAGE_BREAK, Document, Passage
from ultrai.compiled import run_prepared

PASSAGE_CHARACTERS = 4_000
LONGEST_PASSAGE = 5_000  # a page's last words are no passage by themselves
MAX_TERMS = 20


# Writing


def passages(text: str, *, has_pages: bool) -> Iterator[tuple[int | None, str]]:
    """Cut a text into passages with their page, at a blank where there is one."""
    for page, page_text in enumerate(text.split(PAGE_BREAK), start=1):
        start = 0
        while start < len(page_text):
            stop = len(page_text)
            if stop - start > LONGEST_PASSAGE:
                stop = start + PASSAGE_CHARACTERS
                blanks = [page_text.rfind(blank, start + 1, stop) for blank in " \n"]
                stop = max(blanks) if max(blanks) > 0 else stop
            if passage := page_text[start:stop].strip():
                yield page if has_pages else None, passage
            start = stop


def index_text(document: Document, text: str, *, has_pages: bool) -> None:
    """Have the document found by this text, and by no other."""
    Passage.objects.filter(document=document).delete()
    add_passages(document, text, has_pages=has_pages)


INSERT_PASSAGES = """
    INSERT INTO document_passages (user_id, document_id, number, page, text, vector)
    SELECT %(user_id)s, {document_id}, number, page, text,
        to_tsvector(%(language)s::regconfig, text)
    FROM {source}unnest(%(numbers)s::int[], %(pages)s::int[], %(texts)s::text[])
        AS passage (number, page, text)
    RETURNING number
"""
ADD_PASSAGES = INSERT_PASSAGES.format(document_id="%(document_id)s", source="")
PASSAGES_AT_ONCE = 50


def add_passages(document: Document, text: str, *, has_pages: bool) -> None:
    """Index the text of a document that has no passages yet."""
    numbered = enumerate(passages(text, has_pages=has_pages))
    for some in batched(numbered, PASSAGES_AT_ONCE, strict=False):
        whose = {"user_id": document.user_id, "document_id": document.pk}
        run_prepared(ADD_PASSAGES, {**whose, **in_columns(some)})


def in_columns(numbered: Sequence[tuple[int, tuple[int | None, str]]]) -> dict[str, Any]:
    """Return passages as INSERT_PASSAGES takes them."""
    return {
        "language": settings.SEARCH_LANGUAGE,
        "numbers": [number for number, _ in numbered],
        "pages": [page for _, (page, _) in numbered],
        "texts": [text for _, (_, text) in numbered],
    }


# Reading

LEXEME = re.compile(r"'((?:[^']|'')+)'")


def lexemes(query: str) -> list[str]:
    """Return the words in the text of a tsquery, where quotes and backslashes are doubled."""
    return [re.sub(r"(['\\])\1", r"\1", word) for word in LEXEME.findall(query)]


@dataclass(frozen=True, slots=True)
class Search:
    """A query as PostgreSQL understood it: alternatives of words that must and must not be there.

    Each word is the text of a tsquery, already stemmed.
    """

    alternatives: list[tuple[list[str], list[str]]]  # wanted, unwanted

    @property
    def wanted(self) -> list[str]:
        return list(dict.fromkeys(word for words, _ in self.alternatives for word in words))

    @property
    def is_one_word(self) -> bool:
        """Whether what the passages are found by is all that a document has to have."""
        return len(self.alternatives) == 1 and len(self.wanted) == 1

    @property
    def one_of(self) -> list[str]:
        """Words of which every passage that matches has one: long words tend to be rare."""
        longest = [max(wanted, key=len) for wanted, _ in self.alternatives]
        return [lexeme for word in longest for lexeme in lexemes(word)]

    @property
    def any_word(self) -> str:
        return " | ".join(f"({word})" for word in self.wanted)


def understand(query: str) -> Search | None:
    """Return the query in PostgreSQL's words; None when it has none that could be found.

    Raises ValueError, with a sentence, for a query that asks too much.
    """
    tokens = re.findall(r'-?"[^"]*"?|\S+', query)
    if len(tokens) > MAX_TERMS:
        raise ValueError(f"A search may have {MAX_TERMS} words and phrases.")
    groups: list[list[tuple[str, bool]]] = [[]]
    for token in tokens:
        if token.lower() == "or":
            groups.append([])
        else:
            groups[-1].append((token.removeprefix("-"), token.startswith("-")))
    words = [word for group in groups for word, _ in group]
    stems = iter(stemmed(settings.SEARCH_LANGUAGE, *words))
    alternatives = []
    for group in groups:
        # A word such as "the" has no stem: it is in every text and says nothing.
        found = [(stem, is_unwanted) for _, is_unwanted in group if (stem := next(stems))]
        wanted = [stem for stem, is_unwanted in found if not is_unwanted]
        if wanted:
            alternatives.append((wanted, [stem for stem, is_unwanted in found if is_unwanted]))
    return Search(alternatives) if alternatives else None


@lru_cache(maxsize=1_000)
def stemmed(language: str, *words: str) -> tuple[str, ...]:
    """Return each word or phrase as the text of a tsquery; empty if every text has it.

    Remembered, because whoever reads on or looks again asks for the same words.
    """
    found = run_prepared(
        "SELECT websearch_to_tsquery(%s::regconfig, word)::text"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS words (word, place) ORDER BY place",
        [language, list(words)],
    )
    return tuple(stem for (stem,) in found)
