"""Parts of pages that are rendered once for all who are shown the same."""

from secrets import token_hex
from typing import Any

from django.template import Library, Node, NodeList
from django.template.base import FilterExpression, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString

from ultrai.kept import Kept

register = Library()

MOST = 100  # of one part
# In what is kept, this stands for the token of whoever is shown it.
TOKEN = token_hex(16)


class KeptNode(Node):
    """Its contents, as they were when the values were the same."""

    def __init__(self, values: list[FilterExpression], nodelist: NodeList) -> None:
        self.values, self.nodelist = values, nodelist
        self.parts: Kept[str] = Kept(most=MOST)

    def render(self, context: Context) -> SafeString:
        page: Any = context.template  # may have filled the blocks of what is here its own way
        # Links begin with the prefix, which comes with the request.
        key = page.name, get_script_prefix(), *[value.resolve(context) for value in self.values]
        html = self.parts.get(key, lambda: self.anew(context))
        if TOKEN in html:
            html = html.replace(TOKEN, str(context["csrf_token"]))
        return SafeString(html)

    def anew(self, context: Context) -> str:
        with context.push(csrf_token=TOKEN):
            return self.nodelist.render(context)


@register.tag
def kept(parser: Parser, token: Token) -> KeptNode:
    """`{% kept a b %}...{% endkept %}`: rendered once for each choice of `a` and `b`.

    What is between depends on nothing else but the page's template: not on who asks, not on the
    time. Of forms' tokens it takes care itself.
    """
    _, *names = token.split_contents()
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode([parser.compile_filter(name) for name in names], nodelist)
