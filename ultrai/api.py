"""What every view of the API is: the rules of its addresses, and of its answers, in one place."""

from django.db.models import Model
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ViewSet

from ultrai.parameters import ParametersMixin


class ApiMixin(ParametersMixin):
    """The promises that all endpoints keep. A view without it fails the contract tests."""

    def handle_exception(self, exc: Exception) -> Response:
        # An error is JSON, also where the answer would have been YAML or a page.
        self.request.accepted_renderer = APIView.renderer_classes[0]()  # type: ignore[attr-defined]
        return super().handle_exception(exc)  # type: ignore[misc, no-any-return]


class ApiViewSet(ApiMixin, ViewSet):
    """Endpoints that are about no table."""


class RowsViewSet[M: Model](ApiMixin, GenericViewSet[M]):
    """Endpoints about the rows of a table."""
