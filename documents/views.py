from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from accounts.authentication import signed_in
from documents.models import Document, DocumentFile
from documents.serializers import (
    DocumentDetailSerializer,
    DocumentSerializer,
    DocumentTextSerializer,
    DocumentUploadSerializer,
)
from documents.services import upload_document
from ultrai.api import PayloadTooLarge, StrictJSONParser

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}


@extend_schema(tags=["documents"])
@extend_schema_view(
    create=extend_schema(
        request={
            "application/json": DocumentTextSerializer,
            "multipart/form-data": DocumentUploadSerializer,
        },
        responses={201: DocumentSerializer},
    )
)
class DocumentViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[Document],
):
    """Upload, read, rename and delete one's documents."""

    queryset = Document.objects.none()
    lookup_value_converter = "int"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    parser_classes = [StrictJSONParser, MultiPartParser]

    def get_queryset(self) -> QuerySet[Document]:
        documents = Document.objects.visible_to(self.request.user)
        return documents if self.action == "retrieve" else documents.defer("content")

    def get_serializer_class(self) -> type[BaseSerializer[Document]]:
        return DocumentDetailSerializer if self.action == "retrieve" else DocumentSerializer

    def create(self, request: Request) -> Response:
        """Store a document, as JSON `{filename, content}` or as an uploaded `file`."""
        if request.content_type.startswith("multipart/"):
            document = self._upload(request)
        else:
            form = DocumentTextSerializer(data=request.data, context={"request": request})
            form.is_valid(raise_exception=True)
            document = form.save()
        return Response(
            DocumentSerializer(document).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("document-detail", [document.pk], request=request)},
        )

    def _upload(self, request: Request) -> Document:
        # Before the body is read: it has the file and a few hundred bytes around it.
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MAX_UPLOAD_BYTES + 10_000:
            raise PayloadTooLarge(
                f"A file may have {settings.MAX_UPLOAD_BYTES // 1024 // 1024} MiB "
                f"({settings.MAX_UPLOAD_BYTES:,} bytes)."
            )
        form = DocumentUploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        file: UploadedFile[Any] = form.validated_data["file"]
        return upload_document(user=signed_in(request), filename=file.name or "", data=file.read())

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(["get"], detail=True)
    def file(self, request: Request, pk: int) -> HttpResponse:
        """The original bytes, as an attachment. A document sent as JSON has its text here."""
        document = self.get_object()
        stored = DocumentFile.objects.filter(document=document).first()
        data = bytes(stored.data) if stored else (document.content or "").encode()
        response = HttpResponse(
            data, content_type=MEDIA_TYPES.get(document.file_type or "", "application/octet-stream")
        )
        response["ETag"] = f'"{document.sha256}"'
        # Always a download: a browser must never show an uploaded file as a page of ours.
        response["Content-Disposition"] = content_disposition_header(True, document.filename) or ""
        return response
