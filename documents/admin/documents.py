from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.postgres.search import SearchQuery
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from documents.admin.reading import page_at, page_number
from documents.extraction.formats import FORMATS
from documents.models import Document, Passage, WordKeys
from documents.search import understand
from documents.services import request_extraction
from ultrai.admin import MachineWrittenAdmin
from ultrai.admin.actions import EVERYWHERE, act, log
from ultrai.admin.dates import DateDrillDown
from ultrai.admin.filters import Conditions

READ_DOCUMENT = "documents.read_document"
MOST_FOUND = 1_000
# The index has each word with its owner: it is asked for those of all.
EVERYBODYS = "ARRAY(SELECT word_key(id, word) FROM users, unnest(%s::text[]) AS word)"


class DocumentStatus(Conditions):
    title = parameter_name = "status"
    conditions = {
        **{status.value: Q(status=status) for status in Document.Status},
        "being read again": Q(extraction_requested_at__isnull=False),
    }


class LegalHold(Conditions):
    title, parameter_name = "legal hold", "held"
    conditions = {"held": Q(legal_hold_at__isnull=False)}


class FileType(Conditions):
    title, parameter_name = "type", "type"
    conditions = {name: Q(file_type=name) for name in FORMATS}


@admin.register(Document)
class DocumentAdmin(MachineWrittenAdmin):
    actions = ["extract_again", "hold", "lift_hold"]
    change_form_template = "admin/documents/document.html"
    exclude = ["content"]
    list_display = ["id", "filename", "user", "file_type", "status", "size_bytes", "created_at"]
    list_display_links = ["id", "filename"]
    list_select_related = ["user"]
    list_filter = [DocumentStatus, FileType, LegalHold, DateDrillDown]
    search_help_text = (
        "An id; the beginning of the owner's email address, then also words of the file name;"
        " or words of the text."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        documents: QuerySet[Document] = super().get_queryset(request)
        return documents.defer("content")

    def search_words(
        self,
        request: HttpRequest,
        rows: QuerySet[Document],
        words: list[str],
        *,
        has_owner: bool,
    ) -> QuerySet[Document]:
        if not has_owner:
            if not request.user.has_perm(READ_DOCUMENT):
                return rows.none()
            return rows.filter(pk__in=newest_with(" ".join(words)))
        for word in words:
            rows = rows.filter(filename__icontains=word)
        return rows

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["may_read"] = request.user.has_perm(READ_DOCUMENT)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        content = self.admin_site.admin_view(self.content_view)
        name = "documents_document_content"
        return [path("<int:pk>/content/", content, name=name), *super().get_urls()]

    def content_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One page of the text. Whoever opens it is written down."""
        if not (self.has_view_permission(request) and request.user.has_perm(READ_DOCUMENT)):
            raise PermissionDenied
        document = Document.objects.filter(pk=pk).first()
        if document is None:
            raise Http404
        numbers = {}
        for name in ("page", "start", "end"):
            value = request.GET.get(name, "")
            numbers[name] = int(value) if value.isdecimal() and len(value) < 12 else 0
        page = None
        if document.content is not None:
            page = (
                page_at(document.content, numbers["start"], numbers["end"])
                if numbers["end"]
                else page_number(document.content, numbers["page"])
            )
            log(request, [document], f"Opened page {page.number} of the text.")
        context = {
            **self.admin_site.each_context(request),
            "title": document.filename,
            "document": document,
            "page": page,
            "previous": page.number - 1 if page else 0,
            "next": page.number + 1 if page else 0,
        }
        return TemplateResponse(request, "admin/documents/content.html", context)

    @admin.action(description="Read the file again", permissions=["operate"], location=EVERYWHERE)
    def extract_again(
        self, request: HttpRequest, documents: QuerySet[Document]
    ) -> HttpResponse | None:
        return act(
            self,
            request,
            documents,
            question="Read these files again? A text that is there stays until there is another.",
            done="To be read again:",
            perform=request_extraction,
        )

    @admin.action(description="Put under legal hold", permissions=["hold"], location=EVERYWHERE)
    def hold(self, request: HttpRequest, documents: QuerySet[Document]) -> HttpResponse | None:
        reason = request.POST.get("reason", "").replace("\0", "").strip()
        return act(
            self,
            request,
            documents,
            question="Keep these documents and their analyses from being deleted, by anybody?",
            done=f"Under legal hold ({reason}):",
            perform=lambda document: document.hold(reason),
            field="reason",
        )

    @admin.action(description="Lift the legal hold", permissions=["hold"], location=EVERYWHERE)
    def lift_hold(self, request: HttpRequest, documents: QuerySet[Document]) -> HttpResponse | None:
        return act(
            self,
            request,
            documents,
            question="Let these documents and their analyses be deleted again?",
            done="Legal hold lifted:",
            perform=Document.lift_hold,
        )

    def has_hold_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("documents.hold_document")


def newest_with(words: str) -> QuerySet[Passage, int]:
    """Return the ids of the newest documents, whosever, with a passage that has these words."""
    passages = Passage.objects.order_by("-document_id").values_list("document_id", flat=True)
    search = understand(words)
    if search is None:
        return passages.none()
    keys = RawSQL(EVERYBODYS, [search.one_of])  # noqa: S611  a parameter is its only variable part
    query = SearchQuery(words, config=settings.SEARCH_LANGUAGE, search_type="websearch")
    found = passages.alias(keys=WordKeys()).filter(keys__overlap=keys, vector=query)
    return found[:MOST_FOUND]
