from typing import Any

from django.db.models import F, Func, QuerySet, TextField, Value
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.authentication import signed_in
from documents import services
from documents.downloads import download, tag_of_file
from documents.filters import DocumentFilter, SearchBackend
from documents.hits import Hits
from documents.models import PAGE_BREAK, Document
from documents.pages import DocumentPages
from documents.serializers import (
    CreatedDocumentSerializer,
    DeletedSerializer,
    DocumentDetailSerializer,
    DocumentFileSerializer,
    DocumentHitSerializer,
    DocumentIdsSerializer,
    DocumentSerializer,
    DocumentTextSerializer,
    DocumentUploadSerializer,
    OnDuplicateSerializer,
    PageSerializer,
    UploadResultsSerializer,
)
from documents.snippets import snippets
from documents.uploads import UploadParser
from documents.version_views import VersionActions
from ultrai.api import RowsViewSet
from ultrai.exceptions import DomainError
from ultrai.filters import FilterBackend
from ultrai.parsing import StrictJSONParser
from ultrai.problems import problem

BINARY = {(200, "*/*"): OpenApiTypes.BINARY}
WITHOUT_TEXT = Document.objects.defer("content")


class NoText(DomainError):
    status = 409
    code = "no_text"


@extend_schema_view(
    list=extend_schema(responses=DocumentHitSerializer(many=True)),
    create=extend_schema(
        request={
            "application/json": DocumentTextSerializer,
            "multipart/form-data": DocumentUploadSerializer,
        },
        responses={
            201: OpenApiResponse(
                CreatedDocumentSerializer, "The document; of several files UploadResults."
            ),
            200: OpenApiResponse(
                CreatedDocumentSerializer, "The document was here already; nothing was stored."
            ),
        },
    ),
)
class DocumentViewSet(
    VersionActions,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    RowsViewSet[Document],
):
    """Upload, search, read, rename, replace and delete one's documents."""

    queryset = Document.objects.none()
    lookup_value_converter = "int"
    parser_classes = [StrictJSONParser, UploadParser]
    filter_backends = [FilterBackend, SearchBackend]
    filterset_class = DocumentFilter
    pagination_class = DocumentPages
    query_parameters = {
        "create": [
            OpenApiParameter(
                "on_duplicate", str, enum=["return", "keep"], description="As in the body."
            )
        ]
    }
    list_actions = ["list", "versions"]
    fields_of = {**VersionActions.fields_of, "page": PageSerializer}

    def get_queryset(self) -> QuerySet[Document]:
        reads_text = self.action == "retrieve" and self.is_asked_for("content")
        return (Document.objects if reads_text else WITHOUT_TEXT).visible_to(self.request.user)

    def get_serializer_class(self) -> type[BaseSerializer[Document]]:
        if self.action == "retrieve":
            return DocumentDetailSerializer
        return DocumentHitSerializer if self.is_searching else DocumentSerializer

    # Lists

    @property
    def is_searching(self) -> bool:
        request: Request | None = getattr(self, "request", None)
        is_list = getattr(self, "action", None) == "list"
        return bool(request and is_list and request.query_params.get("search", "").strip())

    @property
    def ordering(self) -> str:
        return "-rank" if self.is_searching else "-id"

    @property
    def ordering_fields(self) -> dict[str, str]:
        fields = {"created_at": "created_at", "filename": "filename", "size": "size_bytes"}
        return fields | {"id": "id"} | ({"rank": "rank"} if self.is_searching else {})

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        if isinstance(queryset, Hits) and queryset.search and page and queryset.with_text:
            found = snippets([row.passage for row in page], queryset.search.any_word)
            for row, snippet in zip(page, found, strict=True):
                row.snippet = snippet
        return page

    def is_asked_for_snippets(self) -> bool:
        return self.is_asked_for("snippet") or self.is_asked_for("snippet_page")

    # Coming in

    def create(self, request: Request) -> Response:
        """Store a document, as JSON `{filename, content}` or as an uploaded `file`.

        Bytes that you have sent before are not stored again: the answer is the document that has
        them, with 200 and `duplicate: true`; `on_duplicate=keep` stores them nonetheless.

        Several files (`file` repeated) are accepted or refused each on its own. The answer has a
        result for each, in their order; it is 201 when at least one was stored.
        """
        keep = self.keeps_duplicates()
        is_upload = request.content_type.startswith("multipart/")
        form = (DocumentUploadSerializer if is_upload else DocumentTextSerializer)(
            data=request.data
        )
        form.is_valid(raise_exception=True)
        if not is_upload:
            name, text = form.validated_data["filename"], form.validated_data["content"]
            return self.answer(
                services.write_document(
                    user=signed_in(request), filename=name, content=text, keep_duplicate=keep
                )
            )
        files = request.FILES.getlist("file")
        if len(files) == 1:
            return self.answer(self.upload(files[0], keep=keep))
        results = [self.result(file, keep=keep) for file in files]
        has_new = any(result["status"] == status.HTTP_201_CREATED for result in results)
        return Response(
            UploadResultsSerializer({"results": results}).data,
            status.HTTP_201_CREATED if has_new else status.HTTP_200_OK,
        )

    def keeps_duplicates(self) -> bool:
        """What `on_duplicate` says, in the address or in the body."""
        for source in (self.request.query_params, self.request.data):
            if isinstance(source, dict) and "on_duplicate" in source:
                form = OnDuplicateSerializer(data={"on_duplicate": source["on_duplicate"]})
                form.is_valid(raise_exception=True)
                return bool(form.validated_data["on_duplicate"] == "keep")
        return False

    def upload(self, file: Any, *, keep: bool) -> services.Stored:
        return services.upload_document(
            user=signed_in(self.request), filename=file.name or "", file=file, keep_duplicate=keep
        )

    def result(self, file: Any, *, keep: bool) -> dict[str, Any]:
        """What became of one of several files."""
        common = {"filename": file.name or "", "document": None, "problem": None}
        try:
            stored = self.upload(file, keep=keep)
        except DomainError as error:
            refusal = problem(error.status, error.code, str(error))
            return {**common, "status": error.status, "problem": refusal}
        code = status.HTTP_200_OK if stored.is_duplicate else status.HTTP_201_CREATED
        return {**common, "status": code, "document": with_duplicate(stored)}

    def answer(self, stored: services.Stored) -> Response:
        document = with_duplicate(stored)
        return Response(
            CreatedDocumentSerializer(document).data,
            status=status.HTTP_200_OK if stored.is_duplicate else status.HTTP_201_CREATED,
            headers={"Location": self.address_of(document, "document-detail")},
        )

    # One document

    @extend_schema(request={"application/json": DocumentSerializer}, responses=DocumentSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Rename the document, or say how long it is kept."""
        document = self.get_object()
        form = DocumentSerializer(document, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(DocumentSerializer(document).data)

    @extend_schema(responses=BINARY)
    @action(["get"], detail=True)
    def file(self, request: Request, pk: int) -> HttpResponseBase:
        """The original bytes, as an attachment. A document sent as JSON has its text here.

        Knows `If-None-Match`, and one `Range` at a time, with `If-Range`.
        """
        return download(request._request, self.get_object())  # noqa: SLF001  DRF's wraps Django's

    @extend_schema(
        request={"multipart/form-data": DocumentFileSerializer}, responses=DocumentSerializer
    )
    @file.mapping.put
    def replace_file(self, request: Request, pk: int) -> Response:
        """Replace the file. What the document was stays readable as an earlier version."""
        document = self.get_object()
        form = DocumentFileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        file = form.validated_data["file"]
        replaced = services.replace_file(document=document, filename=file.name or "", file=file)
        answer = Response(DocumentSerializer(replaced).data)
        answer["ETag"] = tag_of_file(replaced)
        return answer

    @extend_schema(request=None, responses={202: DocumentSerializer})
    @action(["post"], detail=True)
    def extract(self, request: Request, pk: int) -> Response:
        """Read the file once more. A text that is there stays until there is another.

        It is done when `status` is not `pending` and `extraction_requested_at` is null.
        """
        document = services.request_extraction(self.get_object())
        return Response(DocumentSerializer(document).data, status.HTTP_202_ACCEPTED)

    @extend_schema(responses=PageSerializer)
    @action(["get"], detail=True, url_path="pages/<int:number>", url_name="page")
    def page(self, request: Request, pk: int, number: int) -> Response:
        """One page of the text, counted from 1. A format without pages has one."""
        document = self.get_object()
        if document.status != Document.Status.READY:
            raise NoText(document.error or "The document is still being read. Try again shortly.")
        page_count = document.page_count or 1
        if not 1 <= number <= page_count:
            raise Http404(f"The document has {page_count} pages.")
        content: F | Func = F("content")
        if document.page_count is not None:
            content = Func(
                content,
                Value(PAGE_BREAK),
                Value(number),
                function="split_part",
                output_field=TextField(),
            )
        text = Document.objects.filter(pk=document.pk).values_list(content, flat=True).get()
        page = {"document_id": document.pk, "page": number, "page_count": page_count}
        answer = PageSerializer({**page, "content": text}, context=self.get_serializer_context())
        return Response(answer.data)

    # Many documents

    @extend_schema(
        request={"application/json": DocumentIdsSerializer},
        responses=DeletedSerializer,
        filters=False,
    )
    @action(["post"], detail=False, url_path="delete", url_name="bulk-delete")
    def bulk_delete(self, request: Request) -> Response:
        """Delete documents with all that hangs on them, all at once."""
        form = DocumentIdsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        ids = dict.fromkeys(form.validated_data["ids"])
        deleted = services.delete_documents(user=signed_in(request), ids=ids)
        missing = [pk for pk in ids if pk not in set(deleted)]
        return Response(DeletedSerializer({"deleted": deleted, "not_found": missing}).data)


def with_duplicate(stored: services.Stored) -> Document:
    """The document as CreatedDocumentSerializer shows it."""
    document = stored.document
    document.duplicate = stored.is_duplicate  # type: ignore[attr-defined]
    return document
