from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest

from analysis.models import Analysis, AnalysisResult
from ultrai.admin import MachineWrittenAdmin, preview


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
    list_select_related = ["user"]
    list_filter = ["status", "mode", "created_at"]
    search_fields = ["prompt", "user__email"]
    ordering = ["-id"]
    exclude = ["lease", "lease_expires_at"]
    inlines = [ResultInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Analysis]:
        """With the document's name, and without its text."""
        analyses = super().get_queryset(request).select_related("document")
        return analyses.defer("document__content")

    @admin.display(description="prompt")
    def question(self, analysis: Analysis) -> str:
        return preview(analysis.prompt)


@admin.register(AnalysisResult)
class AnalysisResultAdmin(MachineWrittenAdmin):
    list_display = [
        "id",
        "analysis",
        "stage",
        "model",
        "status",
        "error_code",
        "output_tokens",
        "cost_usd",
        "latency_ms",
        "created_at",
        "answer",
    ]
    list_display_links = ["id", "model"]
    list_filter = ["status", "stage", "llm_provider", "error_code", "created_at"]
    search_fields = ["model", "user__email", "response"]
    list_select_related = ["analysis"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnalysisResult]:
        """In the list, the first characters of each response and not the whole of it."""
        results: QuerySet[AnalysisResult] = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and "object_id" in match.kwargs:
            return results
        short = results.defer("response", "prompt", "error")
        return short.annotate(response_start=Left("response", 160))

    @admin.display(description="response")
    def answer(self, result: AnalysisResult) -> str:
        return preview(result.response_start)  # type: ignore[attr-defined]  # annotated above
