"""What a passage says around the words that a search found in it."""

import re

from django.conf import settings

from documents.search import lexemes
from ultrai.compiled import run_prepared

HIGHLIGHT = "**"  # around the words that were found; a snippet is text, not HTML
MOST_WORDS = 35
# PostgreSQL takes a millisecond for a whole passage, and shows that many words of it. So it gets
# what stands around words that look like those: characters enough for long words.
BEFORE, AFTER = 200, 500
OPTIONS = f'StartSel="{HIGHLIGHT}", StopSel="{HIGHLIGHT}", MaxWords={MOST_WORDS}'


def snippets(passages: list[str], query: str) -> list[str]:
    """Return, for each of the passages, which a tsquery has found, what it says there."""
    similar = similar_words(query)
    found = headlines([around(passage, similar) for passage in passages], query)
    # A word may begin otherwise than its stem ("dying", "die"), and another one like it.
    missed = [place for place, snippet in enumerate(found) if HIGHLIGHT not in snippet]
    if missed:
        whole = headlines([passages[place] for place in missed], query)
        for place, snippet in zip(missed, whole, strict=True):
            found[place] = snippet
    return found


def headlines(texts: list[str], query: str) -> list[str]:
    found = run_prepared(
        "SELECT ts_headline(%s::regconfig, text, %s::tsquery, %s)"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS texts (text, place) ORDER BY place",
        [settings.SEARCH_LANGUAGE, query, OPTIONS, texts],
    )
    return [headline for (headline,) in found]


def similar_words(query: str) -> re.Pattern[str]:
    """What begins like the stems of a tsquery, but for their last letter: it may have changed."""
    return re.compile("|".join(re.escape(stem[:-1] or stem) for stem in lexemes(query)))


def around(text: str, similar: re.Pattern[str]) -> str:
    """Return the parts of a text that have such words in them; all of it if there are none."""
    lowered = text.lower()
    parts: list[list[int]] = []
    for match in similar.finditer(lowered):
        first, last = match.span()
        if first and lowered[first - 1].isalnum():
            continue
        start = text.rfind(" ", 0, max(first - BEFORE, 0)) + 1
        stop = text.find(" ", last + AFTER)
        stop = len(text) if stop < 0 else stop
        if parts and start <= parts[-1][1]:
            parts[-1][1] = stop
        else:
            parts.append([start, stop])
    return " … ".join(text[start:stop] for start, stop in parts) or text
