from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from analysis.admin.page import READ_ANALYSIS
from analysis.reports import MEDIA_TYPES
from ultrai.admin import MachineWrittenAdmin
from ultrai.admin.actions import EVERYWHERE, MOST_ROWS, confirmation, log
from ultrai.patience import unhurried


class ExportingAdmin(MachineWrittenAdmin):
    """Adds the actions that hand out what is selected as a file, to those who may read it."""

    export_question = ""

    def exported(self, selected: QuerySet[Any], form: str) -> Iterator[bytes]:
        """Yield the file, piece by piece."""
        raise NotImplementedError

    @admin.action(description="Export as CSV", permissions=["read"], location=EVERYWHERE)
    def export_csv(self, request: HttpRequest, selected: QuerySet[Any]) -> HttpResponseBase:
        return self._export(request, selected, "csv")

    @admin.action(description="Export as JSON", permissions=["read"], location=EVERYWHERE)
    def export_json(self, request: HttpRequest, selected: QuerySet[Any]) -> HttpResponseBase:
        return self._export(request, selected, "json")

    def has_read_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(READ_ANALYSIS)

    def _export(self, request: HttpRequest, selected: QuerySet[Any], form: str) -> HttpResponseBase:
        rows = list(selected[:MOST_ROWS])
        if "confirmed" not in request.POST:
            return confirmation(self, request, rows, self.export_question, "")
        log(request, rows, f"Exported as {form.upper()}.")
        name = str(self.opts.verbose_name_plural).replace(" ", "-")
        return StreamingHttpResponse(
            unhurried(self.exported(selected[:MOST_ROWS], form)),
            content_type=MEDIA_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
        )
