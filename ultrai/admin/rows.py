"""The rows of a list as HTML, as Django's own lists show them.

Django finds out again for each cell what its column is, and runs each through a template: most of
the time that a page of fifty rows took. Here each column is understood once, and what a value looks
like is remembered.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, NamedTuple

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.urls import get_script_prefix, reverse
from django.utils.safestring import SafeString

from ultrai.kept import Kept

MOST_VALUES = 2_000  # of a column; the one that was not seen for the longest is forgotten
# Fields whose values are short, and one of which looks like any other that is equal to it.
SHORT = (
    models.BooleanField,
    models.CharField,
    models.DateField,
    models.DecimalField,
    models.FloatField,
    models.IntegerField,
)
SPECIAL = re.compile("[&<>\"']")  # in HTML
PLAIN = str.__str__  # makes a mere str of any kind of str: what is made of those is made in C alone
PLACE = "0"  # an id like any other


@dataclass(slots=True)
class Link:
    """What a column shows that leads to a row's page; HTML wherever else it is shown."""

    text: str
    model: type[models.Model]
    pk: int
    fragment: str

    def __str__(self) -> str:
        return SafeString(self.html(get_script_prefix()))

    __html__ = __str__

    def html(self, prefix: str) -> str:
        before, after = around_id(self.model, prefix)
        return f'<a href="{before}{self.pk:d}{after}#{self.fragment}">{escaped(self.text)}</a>'


class Cell(NamedTuple):
    """What is different in each row."""

    value_of: Callable[[Any], Any]  # a row
    as_html: Callable[[Any], str]


TO_THE_ROW = None  # where a link to the row's own page begins: the page's filters go with it
type Part = str | Cell | None

known_parts: Kept[list[Part]] = Kept(most=100)


def rows_of(change_list: ChangeList) -> Iterator[str]:
    """Yield the cells of each row."""
    prefix = get_script_prefix()
    about: dict[str, Any] = {
        "preserved_filters": change_list.preserved_filters,
        "opts": change_list.opts,
    }
    before, after = around_id(change_list.model, prefix)
    filters = add_preserved_filters(about, "")
    link = f'<a href="{escaped(before)}', id_of(change_list.model), f'{escaped(after + filters)}">'
    parts: list[str | Cell] = []
    for part in parts_of(change_list, prefix):
        parts += link if part is TO_THE_ROW else (part,)
    # One text for all rows, and what goes into it.
    text = "".join(["%s" if isinstance(part, Cell) else part.replace("%", "%%") for part in parts])
    cells = [part for part in parts if isinstance(part, Cell)]
    for row in change_list.result_list:
        yield text % tuple([as_html(value_of(row)) for value_of, as_html in cells])


def id_of(model: type[models.Model]) -> Cell:
    return Cell(attrgetter(model._meta.pk.attname), "{:d}".format)  # noqa: SLF001  its public name


@lru_cache
def around_id(model: type[models.Model], prefix: str) -> tuple[str, str]:
    """What is before and after the id in the address of a row's page; the prefix is part of it."""
    opts = model._meta  # noqa: SLF001  its public name
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[PLACE])
    before, _, after = url.rpartition(PLACE)
    return before, after


def parts_of(change_list: ChangeList, prefix: str) -> list[Part]:
    """Return what a row is made of."""
    admin, names = change_list.model_admin, tuple(map(str, change_list.list_display))
    links = tuple(map(str, change_list.list_display_links))
    make = partial(made_parts, admin, names, links, prefix)
    return known_parts.get((admin, names, links, prefix), make)


def made_parts(
    admin: ModelAdmin, names: Iterable[str], links: Iterable[str], prefix: str
) -> list[Part]:
    parts: list[Part] = []
    has_heading = False
    for name in names:
        if name == "action_checkbox":
            parts += checkbox(admin.model)
            continue
        cell, style = shown_by(admin, name, prefix)
        is_link = name in links
        tag = "th" if is_link and not has_heading else "td"
        has_heading = has_heading or is_link
        shown = (TO_THE_ROW, cell, "</a>") if is_link else (cell,)
        parts += f'<{tag} class="{style}">', *shown, f"</{tag}>"
    return parts


def checkbox(model: type[models.Model]) -> list[Part]:
    """Django's, which has a template rendered for each."""
    return [
        f'<td class="action-checkbox"><input type="checkbox" name="{ACTION_CHECKBOX_NAME}" value="',
        id_of(model),
        '" class="action-select" aria-label="Select this object for an action - ',
        Cell(str, escaped),
        '"></td>',
    ]


def shown_by(model_admin: ModelAdmin, name: str, prefix: str) -> tuple[Cell, str]:
    """Return what a column shows of a row, and its CSS classes: a field, or a method of the
    admin's."""
    empty = model_admin.get_empty_value_display()
    style = f"field-{name}"
    fields = {field.name: field for field in model_admin.opts.fields}
    if name not in fields:
        return Cell(getattr(model_admin, name), method_as_html(empty, prefix)), style
    field = fields[name]
    if isinstance(field, (models.DateField, models.ForeignKey)):  # or one with a time
        style += " nowrap"
    return Cell(attrgetter(name), field_as_html(field, empty)), style


@lru_cache
def field_as_html(field: models.Field, empty: str) -> Callable[[Any], str]:
    """Return a function that shows a value of this field."""
    if isinstance(field, models.ForeignKey):
        return lambda row: escaped(str(row) if row else empty)

    def as_html(value: Any) -> str:
        return escaped(display_for_field(value, field, empty))

    return lru_cache(MOST_VALUES)(as_html) if isinstance(field, SHORT) else as_html


@lru_cache
def method_as_html(empty: str, prefix: str) -> Callable[[Any], str]:
    """Return a function that shows what a method returns."""

    def as_html(value: Any) -> str:
        if type(value) is Link:
            return value.html(prefix)
        if type(value) is str and (text := value.strip()):
            return escaped(text)
        return escaped(display_for_value(value, empty))

    return as_html


def escaped(value: Any) -> str:
    """As Django's `conditional_escape`, which is ready for texts to be translated later."""
    kind = type(value)
    if kind is SafeString:
        return PLAIN(value)
    if kind is not str:
        if hasattr(value, "__html__"):
            return str(value.__html__())
        value = str(value)
    return html.escape(value) if SPECIAL.search(value) else value
