from typing import Any

from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from ultrai.admin.lists import KeysetChangeList
from ultrai.admin.search import narrowed_to_owner


class LargeTableAdmin(admin.ModelAdmin):
    """A list that is as fast over millions of rows as over ten: newest first, page by page, found
    through indexes."""

    change_list_template = "admin/keyset_change_list.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each count would be a scan
    list_per_page = 50
    ordering = ["-pk"]
    sortable_by = ()  # any other order would sort the whole table
    search_fields = ["pk"]  # `get_search_results` decides; the field only makes the box appear
    search_help_text = "An id, or the beginning of the owner's email address."
    owner = "user"  # the path to the user whose row it is

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Narrow by ids and email addresses; the words that are left are `search_words`' own."""
        words = search_term.replace("\0", " ").split()
        others: list[str] = []
        has_owner = False
        for word in words:
            if word.isdecimal() and len(word) <= 18:
                queryset = queryset.filter(pk=int(word))
            elif "@" in word:
                queryset = narrowed_to_owner(queryset, self.owner, word)
                has_owner = True
            else:
                others.append(word)
        if others:
            queryset = self.search_words(request, queryset, others, has_owner=has_owner)
        return queryset, False

    def search_words(
        self, request: HttpRequest, rows: QuerySet[Any], words: list[str], *, has_owner: bool
    ) -> QuerySet[Any]:
        """Narrow the rows by words that are neither an id nor an address. `has_owner`: they are
        those of a few users, and may be looked at one by one."""
        return rows.none()


class MachineWrittenAdmin(LargeTableAdmin):
    """For rows that the service writes: to be looked at and, by those who may, deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered: the rows stay as they are, but the service acts on
        them."""
        codename = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")


def preview(value: str | None, length: int = 80) -> str:
    """Return the beginning of a text for a table cell."""
    text = " ".join((value or "")[: length * 2].split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
