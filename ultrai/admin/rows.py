"""The rows of a list as HTML, as Django's own lists show them.

Django finds out again for each cell what its column is, and runs each through a template: most of
the time that a page of fifty rows took. Here each column is understood once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Column:
    shown: Callable[[Any], Any]  # what people see of a row
    style: str  # its CSS classes
    tag: str = "td"
    is_link: bool = False  # to the row's own page

    def cell(self, row: models.Model, url: str) -> str:
        content: str = conditional_escape(self.shown(row))
        if self.is_link:
            content = f'<a href="{url}">{content}</a>'
        return f'<{self.tag} class="{self.style}">{content}</{self.tag}>'


def rows_of(change_list: ChangeList) -> Iterator[SafeString]:
    """Yield the cells of each row."""
    columns = columns_of(change_list)
    about: dict[str, Any] = {
        "preserved_filters": change_list.preserved_filters,
        "opts": change_list.opts,
    }
    filters = add_preserved_filters(about, "")
    for row in change_list.result_list:
        url = escape(change_list.url_for_result(row) + filters)
        yield SafeString("".join(column.cell(row, url) for column in columns))


def columns_of(change_list: ChangeList) -> list[Column]:
    columns = []
    has_heading = False
    for name in map(str, change_list.list_display):
        shown, style = shown_by(change_list.model_admin, name)
        is_link = name in change_list.list_display_links
        is_heading = is_link and not has_heading
        has_heading = has_heading or is_link
        columns.append(Column(shown, style, "th" if is_heading else "td", is_link))
    return columns


def shown_by(model_admin: ModelAdmin, name: str) -> tuple[Callable[[Any], Any], str]:
    """Return how a column shows a row, and its CSS classes: a field, or a method of the admin."""
    empty = model_admin.get_empty_value_display()
    style = f"field-{name}".replace("field-action_checkbox", "action-checkbox")
    fields = {field.name: field for field in model_admin.opts.fields}
    if name not in fields:
        method = getattr(model_admin, name)
        return lambda row: display_for_value(method(row), empty), style
    field = fields[name]
    if isinstance(field, models.ForeignKey):
        return lambda row: getattr(row, name) or empty, f"{style} nowrap"
    if isinstance(field, models.DateField):  # or one with a time
        style += " nowrap"
    return lambda row: display_for_field(getattr(row, name), field, empty), style
