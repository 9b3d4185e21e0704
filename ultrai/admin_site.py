from collections.abc import Callable, Hashable
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import get_script_prefix

from ultrai.kept import Kept


def permissions_of(user: Any) -> Hashable:
    """What somebody may do, fit for a key. True: everything."""
    if user.is_active and user.is_superuser:
        return True
    return frozenset(user.get_all_permissions())


class UltraiAdminSite(AdminSite):
    """The admin, with the service's name on it and where it runs."""

    site_header = site_title = "UltrAI Core"
    index_title = "What the service does"
    site_url = "/docs"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.app_lists: Kept[list[dict[str, Any]]] = Kept(most=100)
        self.views: Kept[Callable[..., Any]] = Kept(most=1_000)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """As Django's, which wraps the same views anew for each request."""
        make = super().admin_view
        return self.views.get((view, cacheable), lambda: make(view, cacheable))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {
            "environment": settings.ENVIRONMENT,
            "permissions": permissions_of(request.user),
            "section": tuple(request.path.split("/")[:4]),  # /admin/app/model
        }

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """Made once for all who may do the same."""
        make = super().get_app_list
        key = permissions_of(request.user), app_label, get_script_prefix()
        return self.app_lists.get(key, lambda: make(request, app_label))

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """As Django's, which finds out twice what there is, and writes it for each request."""
        from ultrai.admin import front_page  # that package's modules register with this site

        context = self.each_context(request) | {
            "title": self.index_title,
            "subtitle": None,
            "figures": front_page.figures(request),
            "recent_actions": front_page.recent_actions(request.user),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/kept_index.html", context | (extra_context or {}))
