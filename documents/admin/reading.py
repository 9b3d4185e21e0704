"""A document's text, a page at a time."""

from dataclasses import dataclass

from documents.models import PAGE_BREAK

LONGEST_PAGE = 50_000  # characters; a text without pages is cut


@dataclass(frozen=True, slots=True)
class Page:
    """`marked` is what was asked for, between what comes before and after it."""

    number: int
    of: int
    before: str
    marked: str
    after: str


def sheets(content: str) -> list[tuple[int, int]]:
    """Return where each page starts and ends."""
    found: list[tuple[int, int]] = []
    start = 0
    for text in content.split(PAGE_BREAK):
        cuts = range(0, max(len(text), 1), LONGEST_PAGE)
        found += [(start + cut, start + min(cut + LONGEST_PAGE, len(text))) for cut in cuts]
        start += len(text) + 1
    return found


def page_number(content: str, number: int) -> Page:
    """Return the page of this number, or the nearest that there is."""
    found = sheets(content)
    number = min(max(number, 1), len(found))
    start, end = found[number - 1]
    return Page(number, len(found), content[start:end], "", "")


def page_at(content: str, first: int, last: int) -> Page:
    """Return the page on which content[first:last] begins, with that marked."""
    found = sheets(content)
    number = next((n for n, (_, end) in enumerate(found, 1) if first < end), len(found))
    start, end = found[number - 1]
    first, last = max(first, start), min(last, end)
    return Page(number, len(found), content[start:first], content[first:last], content[last:end])
