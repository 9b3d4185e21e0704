from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse


class UltraiAdminSite(AdminSite):
    """The admin, with the service's name on it and where it runs."""

    site_header = site_title = "UltrAI Core"
    index_title = "What the service does"
    site_url = "/docs"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {
            "environment": settings.ENVIRONMENT,
            "version": settings.VERSION,
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """As Django's, which finds out twice what there is, and writes it for each request."""
        from ultrai.admin import front_page  # that package's modules register with this site

        context = self.each_context(request)
        context |= {
            "title": self.index_title,
            "subtitle": None,
            "figures": front_page.figures(request),
            "app_list": front_page.app_list(context["available_apps"]),
            "recent_actions": front_page.recent_actions(request.user),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/index.html", context | (extra_context or {}))
