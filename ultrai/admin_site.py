from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest


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
