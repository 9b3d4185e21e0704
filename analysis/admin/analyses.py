from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from analysis.admin.exports import ExportingAdmin
from analysis.admin.filters import AnalysisStatus
from analysis.admin.page import READ_ANALYSIS, page_of
from analysis.models import Analysis
from analysis.reports import report
from analysis.serializers import AnalysisDetailSerializer
from analysis.services import cancel_analysis, delete_analysis, retry_analysis
from ultrai.admin import preview
from ultrai.admin.actions import EVERYWHERE, act
from ultrai.admin.dates import DateDrillDown

DETAILS = [
    "strategy",
    "minimum_answers",
    "uses_cache",
    "parameters",
    "synthesizer",
    "estimated_cost_usd",
    "reserved_usd",
    "max_cost_usd",
    "agreement",
    "document_sha256",
    "runs",
]


@admin.register(Analysis)
class AnalysisAdmin(ExportingAdmin):
    actions = ["retry", "cancel", "export_csv", "export_json"]
    change_form_template = "admin/analysis/page.html"
    list_display = ["id", "user", "document", "question", "mode", "status", "created_at"]
    list_filter = [AnalysisStatus, "mode", DateDrillDown]
    search_help_text = (
        "An id; the beginning of the user's email address, then also words of the prompt."
    )
    export_question = "Export these analyses, with their questions and answers? This is logged."
    reading_permission = READ_ANALYSIS
    text_columns = {"question"}

    def get_fieldsets(self, request: HttpRequest, obj: Analysis | None = None) -> Any:
        # The agreement tells what the answers say.
        shown = [f for f in DETAILS if f != "agreement" or request.user.has_perm(READ_ANALYSIS)]
        return [("Details", {"fields": shown, "classes": ["collapse"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Analysis]:
        """With the document's name, and without its text."""
        analyses: QuerySet[Analysis] = super().get_queryset(request)
        return analyses.select_related("user", "document").defer("document__content")

    def search_words(
        self,
        request: HttpRequest,
        rows: QuerySet[Analysis],
        words: list[str],
        *,
        has_owner: bool,
    ) -> QuerySet[Analysis]:
        if not (has_owner and request.user.has_perm(READ_ANALYSIS)):
            return rows.none()
        for word in words:
            rows = rows.filter(prompt__icontains=word)
        return rows

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= page_of(context["original"], request)
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Analysis) -> None:
        delete_analysis(obj)  # its calls stop, and what they did cost is booked

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Analysis]) -> None:
        for analysis in queryset:
            delete_analysis(analysis)

    @admin.display(description="prompt")
    def question(self, analysis: Analysis) -> str:
        return preview(analysis.prompt)

    @admin.action(
        description="Retry what has no answer", permissions=["operate"], location=EVERYWHERE
    )
    def retry(self, request: HttpRequest, analyses: QuerySet[Analysis]) -> HttpResponse | None:
        return act(
            self,
            request,
            analyses,
            question="Make again the calls that have no answer? They cost their user money.",
            done="Queued again:",
            perform=retry_analysis,
        )

    @admin.action(description="Cancel", permissions=["operate"], location=EVERYWHERE)
    def cancel(self, request: HttpRequest, analyses: QuerySet[Analysis]) -> HttpResponse | None:
        return act(
            self,
            request,
            analyses,
            question="Stop these analyses? What has been answered stays.",
            done="Cancelled:",
            perform=cancel_analysis,
        )

    def exported(self, selected: QuerySet[Analysis], form: str) -> Iterator[bytes]:
        analyses = selected.prefetch_related("results")
        return report(analyses, form, lambda one: dict(AnalysisDetailSerializer(one).data))
