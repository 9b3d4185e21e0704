"""The rows of a list as HTML, as Django's own lists show them.

Django finds out again for each cell what its column is, and runs each through a template: most of
the time that a page of fifty rows took. Here each column is understood once, and what a value looks
like is remembered.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.urls import reverse
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString

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
PLACE = "0"  # an id like any other


@dataclass(frozen=True, slots=True)
class Column:
    shown: Callable[[Any], str]  # a row's cell, as HTML
    start: str
    end: str
    is_link: bool = False  # to the row's own page

    def cell(self, row: models.Model, url: str) -> str:
        content = self.shown(row)
        if self.is_link:
            content = f'<a href="{url}">{content}</a>'
        return f"{self.start}{content}{self.end}"


def rows_of(change_list: ChangeList) -> Iterator[str]:
    """Yield the cells of each row."""
    columns = columns_of(change_list)
    about: dict[str, Any] = {
        "preserved_filters": change_list.preserved_filters,
        "opts": change_list.opts,
    }
    filters = add_preserved_filters(about, "")
    for row in change_list.result_list:
        url = escape(f"{page_of(change_list.model, row.pk)}{filters}")
        yield "".join([column.cell(row, url) for column in columns])


def page_of(model: type[models.Model], pk: int) -> str:
    """Return the address of a row's page."""
    before, after = around_id(model)
    return f"{before}{pk:d}{after}"


@lru_cache
def around_id(model: type[models.Model]) -> tuple[str, str]:
    """What is before and after the id in the address of a row's page."""
    opts = model._meta  # noqa: SLF001  its public name
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[PLACE])
    before, _, after = url.rpartition(PLACE)
    return before, after


def columns_of(change_list: ChangeList) -> list[Column]:
    columns = []
    has_heading = False
    for name in map(str, change_list.list_display):
        shown, style = shown_by(change_list.model_admin, name)
        is_link = name in change_list.list_display_links
        tag = "th" if is_link and not has_heading else "td"
        has_heading = has_heading or is_link
        columns.append(Column(shown, f'<{tag} class="{style}">', f"</{tag}>", is_link))
    return columns


def shown_by(model_admin: ModelAdmin, name: str) -> tuple[Callable[[Any], str], str]:
    """Return how a column shows a row, and its CSS classes: a field, or a method of the admin."""
    empty = model_admin.get_empty_value_display()
    style = f"field-{name}".replace("field-action_checkbox", "action-checkbox")
    fields = {field.name: field for field in model_admin.opts.fields}
    if name not in fields:
        method = getattr(model_admin, name)
        return lambda row: value_as_html(method(row), empty), style
    field, value_of = fields[name], attrgetter(name)
    if isinstance(field, models.ForeignKey):
        return lambda row: conditional_escape(value_of(row) or empty), f"{style} nowrap"
    if isinstance(field, models.DateField):  # or one with a time
        style += " nowrap"
    as_html = field_as_html(field, empty)
    return lambda row: as_html(value_of(row)), style


@lru_cache
def field_as_html(field: models.Field, empty: str) -> Callable[[Any], str]:
    """Return a function that shows a value of this field."""

    def as_html(value: Any) -> str:
        return str(conditional_escape(display_for_field(value, field, empty)))

    return lru_cache(MOST_VALUES)(as_html) if isinstance(field, SHORT) else as_html


def value_as_html(value: Any, empty: str) -> str:
    if type(value) is SafeString and value:
        return value
    return str(conditional_escape(display_for_value(value, empty)))
