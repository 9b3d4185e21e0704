from collections.abc import Mapping
from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from documents import services
from documents.downloads import download
from documents.models import Document, DocumentVersion
from documents.serializers import VersionDetailSerializer, VersionSerializer
from ultrai.api import RowsViewSet
from ultrai.pages import CursorPages


class VersionPages(CursorPages):
    """By their numbers: the orders of the list of documents are not theirs."""

    ordering = "-number"
    ordering_fields = {"number": "number"}

    def orders_of(self, view: object) -> Mapping[str, str]:
        return self.ordering_fields

    def default_order(self, view: object) -> str:
        return self.ordering


class VersionActions(RowsViewSet[Document]):
    """What a document was before its file was replaced."""

    fields_of = {"versions": VersionSerializer, "version": VersionDetailSerializer}

    def get_version(self, number: int) -> DocumentVersion:
        """Return the version, which may be the document as it is now."""
        document = self.get_object()
        if number == document.version:
            return document.as_version()
        return get_object_or_404(document.versions.visible_to(self.request.user), number=number)

    @extend_schema(responses=VersionSerializer(many=True), filters=False)
    @action(["get"], detail=True, pagination_class=VersionPages, filter_backends=[])
    def versions(self, request: Request, pk: int) -> Response:
        """The earlier versions, the newest first. The document itself is the current one."""
        earlier = self.get_object().versions.visible_to(request.user).defer("content")
        page: Any = self.paginate_queryset(earlier)  # type: ignore[arg-type]  # not documents
        context = self.get_serializer_context()
        answer = VersionSerializer(page, many=True, context=context)
        return self.get_paginated_response(answer.data)

    @extend_schema(responses=VersionDetailSerializer)
    @action(["get"], detail=True, url_path="versions/<int:number>", url_name="version")
    def version(self, request: Request, pk: int, number: int) -> Response:
        """One version, with its text."""
        context = self.get_serializer_context()
        return Response(VersionDetailSerializer(self.get_version(number), context=context).data)

    @extend_schema(responses={204: None})
    @version.mapping.delete
    def delete_version(self, request: Request, pk: int, number: int) -> Response:
        """Delete an earlier version, its bytes included."""
        services.delete_version(self.get_version(number))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY})
    @action(["get"], detail=True, url_path="versions/<int:number>/file", url_name="version-file")
    def version_file(self, request: Request, pk: int, number: int) -> HttpResponseBase:
        """The original bytes of one version, as an attachment."""
        return download(request._request, self.get_version(number))  # noqa: SLF001
