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


class Column(NamedTuple):
    value_of: Callable[[Any], Any]  # a row
    as_html: Callable[[Any], str]
    start: str
    end: str
    is_link: bool = False  # to the row's own page


known_columns: Kept[list[Column]] = Kept(most=100)


def rows_of(change_list: ChangeList) -> Iterator[str]:
    """Yield the cells of each row."""
    prefix = get_script_prefix()
    columns = columns_of(change_list, prefix)
    about: dict[str, Any] = {
        "preserved_filters": change_list.preserved_filters,
        "opts": change_list.opts,
    }
    filters = add_preserved_filters(about, "")
    before, after = around_id(change_list.model, prefix)
    before, after = escaped(before), escaped(f"{after}{filters}")
    id_of = attrgetter(change_list.pk_attname)
    for row in change_list.result_list:
        url = f"{before}{id_of(row):d}{after}"
        yield "".join(
            [
                f'{start}<a href="{url}">{as_html(value_of(row))}</a>{end}'
                if is_link
                else f"{start}{as_html(value_of(row))}{end}"
                for value_of, as_html, start, end, is_link in columns
            ]
        )


@lru_cache
def around_id(model: type[models.Model], prefix: str) -> tuple[str, str]:
    """What is before and after the id in the address of a row's page; the prefix is part of it."""
    opts = model._meta  # noqa: SLF001  its public name
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[PLACE])
    before, _, after = url.rpartition(PLACE)
    return before, after


def columns_of(change_list: ChangeList, prefix: str) -> list[Column]:
    admin, names = change_list.model_admin, tuple(map(str, change_list.list_display))
    links = tuple(map(str, change_list.list_display_links))
    make = partial(made_columns, admin, names, links, prefix)
    return known_columns.get((admin, names, links, prefix), make)


def made_columns(
    admin: ModelAdmin, names: Iterable[str], links: Iterable[str], prefix: str
) -> list[Column]:
    columns = []
    has_heading = False
    for name in names:
        value_of, as_html, style = shown_by(admin, name, prefix)
        is_link = name in links
        tag = "th" if is_link and not has_heading else "td"
        has_heading = has_heading or is_link
        start, end = f'<{tag} class="{style}">', f"</{tag}>"
        columns.append(Column(value_of, as_html, start, end, is_link))
    return columns


def shown_by(
    model_admin: ModelAdmin, name: str, prefix: str
) -> tuple[Callable[[Any], Any], Callable[[Any], str], str]:
    """Return what a column shows of a row, how, and its CSS classes: a field, or a method of the
    admin's."""
    empty = model_admin.get_empty_value_display()
    style = f"field-{name}".replace("field-action_checkbox", "action-checkbox")
    fields = {field.name: field for field in model_admin.opts.fields}
    if name not in fields:
        return getattr(model_admin, name), method_as_html(empty, prefix), style
    field = fields[name]
    if isinstance(field, (models.DateField, models.ForeignKey)):  # or one with a time
        style += " nowrap"
    return attrgetter(name), field_as_html(field, empty), style


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
        if isinstance(value, Link):
            return value.html(prefix)
        kind = type(value)
        if kind is SafeString and value:
            return PLAIN(value)
        if kind is str and (text := value.strip()):
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
