"""What every view of the API is: the rules of its addresses, and of its answers, in one place."""

from functools import cache, partial
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.urls import reverse
from django.utils.module_loading import import_string
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ViewSet

from ultrai.conditional import ConditionalMixin, ConditionalRowsMixin
from ultrai.idempotency import HEADER
from ultrai.parameters import ParametersMixin


class ApiMixin(ConditionalMixin, ParametersMixin):
    """The promises that all endpoints keep. A view without it fails the contract tests."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Not `request.headers`, which takes the whole environment to pieces.
        is_keyed = HEADER in request._request.META  # noqa: SLF001
        if is_keyed and (handler := getattr(self, "post", None)):
            self.post = partial(import_string(settings.DO_ONCE), handler)

    def handle_exception(self, exc: Exception) -> Response:
        # An error is JSON, also where the answer would have been YAML or a page.
        self.request.accepted_renderer = APIView.renderer_classes[0]()  # type: ignore[attr-defined]
        return super().handle_exception(exc)


class ApiViewSet(ApiMixin, ViewSet):
    """Endpoints that are about no table."""


class RowsViewSet[M: Model](ApiMixin, ConditionalRowsMixin[M], GenericViewSet[M]):
    """Endpoints about the rows of a table."""

    def address_of(self, row: Model, route: str) -> str:
        """Return the URL of a row that was made, for `Location`."""
        return str(self.request.build_absolute_uri(f"{place_of(route)}{row.pk}"))


@cache
def place_of(route: str) -> str:
    """Return the path of a route to rows, up to the row's id; looking it up takes its time."""
    return reverse(route, args=[0]).removesuffix("0")
