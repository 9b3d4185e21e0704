from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from documents import services
from documents.downloads import download
from documents.models import Document, DocumentVersion
from documents.serializers import VersionDetailSerializer, VersionSerializer
from ultrai.pages import CursorPages


class NewestFirst(CursorPages):
    """Without the orders that the list of documents offers."""

    def get_order(self, request: Request, view: object) -> str:
        return "-id"

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        return [p for p in parameters if p["name"] != self.ordering_query_param]


class VersionActions(GenericViewSet[Document]):
    """What a document was before its file was replaced."""

    def get_version(self, number: int) -> DocumentVersion:
        """Return the version, which may be the document as it is now."""
        document = self.get_object()
        if number == document.version:
            return document.as_version()
        return get_object_or_404(document.versions.visible_to(self.request.user), number=number)

    @extend_schema(responses=VersionSerializer(many=True), filters=False)
    @action(["get"], detail=True, pagination_class=NewestFirst, filter_backends=[])
    def versions(self, request: Request, pk: int) -> Response:
        """The earlier versions, the newest first. The document itself is the current one."""
        earlier = self.get_object().versions.visible_to(request.user).defer("content")
        page: Any = self.paginate_queryset(earlier)  # type: ignore[arg-type]  # not documents
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(responses=VersionDetailSerializer)
    @action(["get"], detail=True, url_path="versions/<int:number>", url_name="version")
    def version(self, request: Request, pk: int, number: int) -> Response:
        """One version, with its text."""
        return Response(VersionDetailSerializer(self.get_version(number)).data)

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
