"""Markdown that strangers wrote, as HTML that can do nothing."""

from functools import cache
from urllib.parse import urlsplit

from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

LINKS = {"http", "https", "mailto"}
LONGEST = 200_000  # characters; longer texts are shown as they are


@cache
def parser() -> MarkdownIt:
    # HTML in the text stays text. No images: each would tell its server who reads this.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    markdown.validateLink = is_harmless  # type: ignore[method-assign]
    return markdown


def is_harmless(url: str) -> bool:
    try:
        return urlsplit(url.strip()).scheme.lower() in LINKS
    except ValueError:
        return False


def rendered(text: str) -> SafeString:
    """Return the text as HTML without scripts, styles, images or links but to web and mail."""
    if len(text) > LONGEST:
        return format_html("<pre>{}</pre>", text)
    return SafeString(parser().render(text))  # the parser escapes what it is given
