from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.csp import csp_override
from django.views.generic import RedirectView
from drf_spectacular.utils import OpenApiParameter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from ultrai.api import ApiMixin
from ultrai.health import ServiceViewSet
from ultrai.metrics import metrics

# Swagger UI sets styles on its elements; nothing else may.
with_inline_styles = csp_override(
    {**settings.SECURE_CSP, "style-src": ["'self'", "'unsafe-inline'"]}
)


class DocsView(ApiMixin, SpectacularSwaggerSplitView):
    url_name = "schema"
    http_method_names = ["get", "head"]
    query_parameters = {"get": [OpenApiParameter("script")]}  # the page asks for its own script


class SchemaView(ApiMixin, SpectacularAPIView):
    def _get_version_parameter(self, request: Request) -> None:
        """There is one version; whatever `?version=` says ends up in a header otherwise."""


urlpatterns = [
    # Patterns are tried in their order. For who asks for something else this is one step ...
    path("admin/", admin.site.urls),
    # ... and each of these is many: first what is asked most.
    path("", include("documents.urls")),
    path("", include("analysis.urls")),
    path("", include("accounts.urls")),
    path("", ServiceViewSet.as_view({"get": "alive"}), name="service"),
    path("health", ServiceViewSet.as_view({"get": "health"}), name="health"),
    path("health/live", ServiceViewSet.as_view({"get": "live"}), name="health-live"),
    path("health/ready", ServiceViewSet.as_view({"get": "ready"}), name="health-ready"),
    path("health/database", ServiceViewSet.as_view({"get": "database"}), name="health-database"),
    path("metrics", metrics, name="metrics"),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", with_inline_styles(DocsView.as_view()), name="docs"),
    path("admin", RedirectView.as_view(url="/admin/", query_string=True)),
]
