from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.functional import cached_property

from analysis.admin.exports import ExportingAdmin
from analysis.admin.filters import Cost, ErrorCode, Model, Provider, Quotations, ResultStatus, Stage
from analysis.admin.page import READ_ANALYSIS
from analysis.models import Analysis, AnalysisResult
from analysis.reports import objects, rows
from analysis.serializers import OwnResultSerializer
from ultrai.admin import preview
from ultrai.admin.dates import DateDrillDown
from ultrai.admin.rows import Link

CALL = ["llm_provider", "model", "resolved_model", "stage", "part", "parameters", "created_at"]
OUTCOME = [
    "status",
    "attempts",
    "interrupted",
    "cached",
    "error_code",
    "error",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "finish_reason",
    "quotations_total",
    "quotations_held",
    "rating",
    "started_at",
    "finished_at",
]
LISTED = [
    "stage",
    "model",
    "status",
    "error_code",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "created_at",
]
TEXTS = ["prompt", "sent", "response", "review", "quotations", "comment"]


@admin.register(AnalysisResult)
class AnalysisResultAdmin(ExportingAdmin):
    actions = ["export_csv", "export_json"]
    list_display = ["id", "user", "of_analysis", *LISTED, "answer"]
    list_display_links = ["id", "model"]
    list_filter = [
        ResultStatus,
        ErrorCode,
        Stage,
        Provider,
        Model,
        Quotations,
        Cost,
        DateDrillDown,
    ]
    list_select_related = ["user"]
    readonly_fields = ["of_analysis"]
    export_question = "Export these results, with their prompts and responses? This is logged."
    reading_permission = READ_ANALYSIS
    text_columns = {"answer"}
    search_help_text = (
        "An id; the beginning of the user's email address, then also words of the response;"
        " a model, such as openai:gpt-5."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnalysisResult]:
        match = request.resolver_match
        if match is not None and "object_id" in match.kwargs:
            return super().get_queryset(request)
        return self.listed.all()

    @cached_property
    def listed(self) -> QuerySet[AnalysisResult]:
        """What the list shows: the first characters of a response, not the whole of it."""
        shown = AnalysisResult.objects.only("user__email", "analysis_id", *LISTED)
        return shown.annotate(response_start=Left("response", 160)).order_by(*self.ordering)

    def search_words(
        self,
        request: HttpRequest,
        rows: QuerySet[AnalysisResult],
        words: list[str],
        *,
        has_owner: bool,
    ) -> QuerySet[AnalysisResult]:
        for word in words:
            provider, colon, _ = word.partition(":")
            if colon:
                rows = rows.filter(llm_provider=provider, model=word)
            elif has_owner and request.user.has_perm(READ_ANALYSIS):
                rows = rows.filter(response__icontains=word)
            else:
                return rows.none()
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: AnalysisResult | None = None) -> Any:
        fieldsets = [
            (None, {"fields": ["of_analysis", "user", "document", *CALL]}),
            ("Outcome", {"fields": OUTCOME}),
        ]
        if request.user.has_perm(READ_ANALYSIS):
            fieldsets.append(("Texts", {"fields": TEXTS}))
        return fieldsets

    def exported(self, selected: QuerySet[AnalysisResult], form: str) -> Iterator[bytes]:
        results = selected.defer(None)  # the list does without the texts
        if form == "csv":
            return rows(results)
        return objects(results, lambda result: dict(OwnResultSerializer(result).data))

    @admin.display(description="analysis")
    def of_analysis(self, result: AnalysisResult) -> str | Link:
        analysis = result.analysis_id
        if analysis is None:
            return "recorded by the client"
        return Link(f"Analysis {analysis:d}", Analysis, analysis, f"result-{result.id:d}")

    @admin.display(description="response")
    def answer(self, result: AnalysisResult) -> str:
        return preview(result.response_start)  # type: ignore[attr-defined]  # annotated above
