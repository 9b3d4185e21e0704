"""Pages, and parts of them, that are rendered once for all who are shown the same.

What differs nevertheless is marked in the midst of it, and rendered for each request.
"""

from collections.abc import Callable
from contextvars import ContextVar
from secrets import token_hex
from typing import Any

from django.template import Library, Node, NodeList
from django.template.base import FilterExpression, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString

from ultrai.kept import Kept

register = Library()

type Render = Callable[[Context], str]

MOST = 100  # of one tag, on all pages together
MARK = token_hex(16)  # around the place of what is rendered each time; nobody can guess it
# While something is rendered to be kept: what in it is rendered each time.
places: ContextVar[list[Render] | None] = ContextVar("places", default=None)


def csrf_token(context: Context) -> str:
    return str(context.get("csrf_token", ""))


def shown(piece: str | Render, context: Context) -> str:
    """Return a text as it is, and of what is rendered each time either that or, where it is part of
    something else that is being rendered to be kept, its place."""
    if isinstance(piece, str):
        return piece
    around = places.get()
    if around is None:
        return piece(context)
    around.append(piece)
    return f"{MARK}{len(around) - 1}{MARK}"


class KeptNode(Node):
    """Its contents, as they were when the values were the same."""

    def __init__(self, values: list[FilterExpression], nodelist: NodeList) -> None:
        self.values, self.nodelist = values, nodelist
        self.parts: Kept[list[str | Render]] = Kept(most=MOST)

    def render(self, context: Context) -> SafeString:
        page: Any = context.template  # may have filled the blocks of what is here its own way
        # Links begin with the prefix, which comes with the request.
        key = page.name, get_script_prefix(), *[value.resolve(context) for value in self.values]
        pieces = self.parts.get(key, lambda: self.anew(context))
        return SafeString("".join([shown(piece, context) for piece in pieces]))

    def anew(self, context: Context) -> list[str | Render]:
        """Return texts and, at every second place, what is between them each time."""
        fresh: list[Render] = [csrf_token]
        before = places.set(fresh)
        try:
            with context.push(csrf_token=f"{MARK}0{MARK}"):
                pieces = self.nodelist.render(context).split(MARK)
        finally:
            places.reset(before)
        return [fresh[int(piece)] if at % 2 else piece for at, piece in enumerate(pieces)]


class FreshNode(Node):
    """Its contents as they are now, also in what is kept."""

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        return SafeString(shown(self.nodelist.render, context))


@register.tag
def kept(parser: Parser, token: Token) -> KeptNode:
    """`{% kept a b %}...{% endkept %}`: rendered once for each choice of `a` and `b`.

    What is between depends on nothing else but the page's template and the prefix of its links: not
    on who asks, not on the time. Of forms' tokens it takes care itself. Parts of it may be kept by
    less, so that it is made anew sooner.
    """
    _, *names = token.split_contents()
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode([parser.compile_filter(name) for name in names], nodelist)


@register.tag
def fresh(parser: Parser, token: Token) -> FreshNode:
    """`{% fresh %}...{% endfresh %}`, somewhere in what is kept: rendered for each request.

    It sees what the page of the outermost `kept` was given, but nothing that tags around it set,
    and no `block.super`.
    """
    nodelist = parser.parse(("endfresh",))
    parser.delete_first_token()
    return FreshNode(nodelist)
