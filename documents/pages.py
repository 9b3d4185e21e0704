from typing import Any

from django.db.models import QuerySet

from documents.hits import Hits
from documents.models import Document
from ultrai.pages import MOST_COUNTED, CursorPages


class DocumentPages(CursorPages):
    """Pages of documents, or of a search's hits."""

    def rows_after(
        self,
        values: list[Any],
        queryset: QuerySet[Document] | Hits,
        names: list[str],
        limit: int,
        *,
        is_descending: bool,
    ) -> list[Document]:
        if isinstance(queryset, Hits):
            return queryset.after(values, names, limit, is_descending=is_descending)
        return super().rows_after(values, queryset, names, limit, is_descending=is_descending)

    def count(self, queryset: QuerySet[Document] | Hits) -> int:
        if isinstance(queryset, Hits):
            return queryset.count(MOST_COUNTED + 1)
        return super().count(queryset)
