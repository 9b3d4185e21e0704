from typing import Any

import django_filters
from rest_framework import exceptions
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from accounts.authentication import signed_in
from documents.hits import Hits
from documents.models import Document
from documents.search import understand
from ultrai.filters import TimeFilter

MAX_SEARCH_CHARACTERS = 400


class DocumentFilter(django_filters.FilterSet):
    type = django_filters.CharFilter("file_type", label="Such as `pdf`.")
    status = django_filters.ChoiceFilter(
        choices=Document.Status.choices, label="`pending`: the file is still to be read."
    )
    created_after = TimeFilter(
        "created_at", lookup_expr="gte", label="At this time or later (ISO 8601)."
    )
    created_before = TimeFilter(
        "created_at", lookup_expr="lt", label="Earlier than this (ISO 8601)."
    )
    filename = django_filters.CharFilter(
        lookup_expr="icontains", label="Contained in the name, in any case."
    )

    class Meta:
        model = Document
        fields: list[str] = []


class SearchBackend(BaseFilterBackend):
    """`?search=`: the documents whose text matches, the best first.

    The view says whether it `is_searching`, and whether it `is_asked_for_snippets`.
    """

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        """Return what DocumentPages take: the queryset as it is, or the search's hits."""
        if not view.is_searching:
            return queryset
        query = request.query_params["search"]
        if "\0" in query or len(query) > MAX_SEARCH_CHARACTERS:
            message = f"Text of at most {MAX_SEARCH_CHARACTERS} characters, without NUL."
            raise exceptions.ValidationError({"search": [message]})
        try:
            search = understand(query)
        except ValueError as error:
            raise exceptions.ValidationError({"search": [str(error)]}) from None
        with_text = view.is_asked_for_snippets()
        return Hits(queryset, search, signed_in(request).pk, with_text)

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, object]]:
        return [
            {
                "name": "search",
                "in": "query",
                "required": False,
                "description": 'Words that the text has, "phrases", `or`, and `-words` that it has '
                "not. The best comes first, unless `ordering` says otherwise.",
                "schema": {"type": "string", "maxLength": MAX_SEARCH_CHARACTERS},
            }
        ]
