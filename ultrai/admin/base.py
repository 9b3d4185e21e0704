from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.contrib.auth import get_permission_codename
from django.db import IntegrityError, models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from ultrai.admin.lists import KeysetChangeList
from ultrai.admin.search import narrowed_to_owner

REFUSED_BY_THE_DATABASE = "23001"  # PostgreSQL's SQLSTATE of restrict_violation


class LargeTableAdmin(admin.ModelAdmin):
    """A list that is as fast over millions of rows as over ten: newest first, page by page, found
    through indexes."""

    change_list_template = "admin/kept_change_list.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each count would be a scan
    list_per_page = 50
    ordering = ["-pk"]
    sortable_by = ()  # any other order would sort the whole table
    search_fields = ["pk"]  # `get_search_results` decides; the field only makes the box appear
    search_help_text = "An id, or the beginning of the owner's email address."
    owner = "user"  # the path to the user whose row it is; empty for rows of nobody
    # Columns that quote what people wrote, and the permission to read them.
    reading_permission = ""
    text_columns: set[str] = set()

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        if request.user.has_perm(self.reading_permission):
            return shown
        return [column for column in shown if column not in self.text_columns]

    def get_actions(
        self, request: HttpRequest, action_location: Any = ActionLocation.CHANGE_LIST
    ) -> Any:
        """As Django's, which asks for them three times a page."""
        found: dict[Any, Any] = vars(request).setdefault("admin_actions", {})
        key = self, action_location
        if key not in found:
            found[key] = super().get_actions(request, action_location)
        return found[key]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        view = super().changelist_view
        return self._unless_refused(request, lambda: view(request, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        view = super().delete_view
        return self._unless_refused(request, lambda: view(request, object_id, extra_context))

    def _unless_refused(
        self, request: HttpRequest, view: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """The database itself keeps what is under legal hold; say so instead of failing."""
        try:
            return view()
        except IntegrityError as error:
            if getattr(error.__cause__, "sqlstate", None) != REFUSED_BY_THE_DATABASE:
                raise
            self.message_user(
                request, "Not deleted: something of it is under legal hold.", messages.ERROR
            )
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

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
            elif "@" in word and self.owner:
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
