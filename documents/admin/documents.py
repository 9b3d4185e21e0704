from django.conf import settings
from django.contrib import admin
from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from documents.extraction.formats import FORMATS
from documents.models import Document, Passage
from ultrai.admin import MachineWrittenAdmin
from ultrai.admin.dates import DateDrillDown
from ultrai.admin.filters import Conditions

MOST_FOUND = 1_000


class DocumentStatus(Conditions):
    title = parameter_name = "status"
    conditions = {
        **{status.value: Q(status=status) for status in Document.Status},
        "being read again": Q(extraction_requested_at__isnull=False),
    }


class FileType(Conditions):
    title, parameter_name = "type", "type"
    conditions = {name: Q(file_type=name) for name in FORMATS}


@admin.register(Document)
class DocumentAdmin(MachineWrittenAdmin):
    list_display = ["id", "filename", "user", "file_type", "status", "size_bytes", "created_at"]
    list_display_links = ["id", "filename"]
    list_select_related = ["user"]
    list_filter = [DocumentStatus, FileType, DateDrillDown]
    search_help_text = (
        "An id; the beginning of the owner's email address, then also words of the file name;"
        " or words of the text."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """Without the text, unless this is the page of one document."""
        documents = super().get_queryset(request)
        match = request.resolver_match
        is_one = match is not None and "object_id" in match.kwargs
        return documents if is_one else documents.defer("content")

    def search_words(
        self,
        request: HttpRequest,
        rows: QuerySet[Document],
        words: list[str],
        *,
        has_owner: bool,
    ) -> QuerySet[Document]:
        if not has_owner:
            return rows.filter(pk__in=newest_with(" ".join(words)))
        for word in words:
            rows = rows.filter(filename__icontains=word)
        return rows


def newest_with(words: str) -> QuerySet[Passage, int]:
    """Return the ids of the newest documents, whosever, with a passage that has these words."""
    query = SearchQuery(words, config=settings.SEARCH_LANGUAGE, search_type="websearch")
    passages = Passage.objects.filter(vector=query).order_by("-document_id")
    return passages.values_list("document_id", flat=True)[:MOST_FOUND]
