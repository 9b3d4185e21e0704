from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from documents.models import Document
from ultrai.admin import MachineWrittenAdmin


@admin.register(Document)
class DocumentAdmin(MachineWrittenAdmin):
    list_display = ["id", "filename", "user", "file_type", "status", "size_bytes", "created_at"]
    list_display_links = ["id", "filename"]
    list_select_related = ["user"]
    list_filter = ["status", "file_type", "created_at"]
    search_fields = ["filename", "user__email", "=sha256"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """Without the text, unless this is the page of one document."""
        documents = super().get_queryset(request)
        match = request.resolver_match
        is_one = match is not None and "object_id" in match.kwargs
        return documents if is_one else documents.defer("content")
