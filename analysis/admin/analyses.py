from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analysis.admin.filters import AnalysisStatus
from analysis.models import Analysis, AnalysisResult
from ultrai.admin import MachineWrittenAdmin, preview
from ultrai.admin.dates import DateDrillDown


class ResultInline(admin.TabularInline):
    model = AnalysisResult
    readonly_fields = [
        "stage",
        "model",
        "status",
        "response_start",
        "error_code",
        "latency_ms",
        "cost_usd",
    ]
    fields = tuple(readonly_fields)
    ordering = ["id"]
    can_delete = False
    show_change_link = True
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnalysisResult]:
        return super().get_queryset(request).defer("prompt")

    def has_add_permission(self, request: HttpRequest, obj: Analysis | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Analysis | None = None) -> bool:
        return False

    @admin.display(description="response")
    def response_start(self, result: AnalysisResult) -> str:
        return preview(result.response, 200)


@admin.register(Analysis)
class AnalysisAdmin(MachineWrittenAdmin):
    list_display = ["id", "user", "document", "question", "mode", "status", "created_at"]
    list_filter = [AnalysisStatus, "mode", DateDrillDown]
    search_help_text = (
        "An id; the beginning of the user's email address, then also words of the prompt."
    )
    exclude = ["lease", "lease_expires_at"]
    inlines = [ResultInline]

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
        if not has_owner:
            return rows.none()
        for word in words:
            rows = rows.filter(prompt__icontains=word)
        return rows

    @admin.display(description="prompt")
    def question(self, analysis: Analysis) -> str:
        return preview(analysis.prompt)
