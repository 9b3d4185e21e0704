from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest

from analysis.admin.filters import Cost, ErrorCode, Model, Provider, Quotations, ResultStatus, Stage
from analysis.models import AnalysisResult
from ultrai.admin import MachineWrittenAdmin, preview
from ultrai.admin.dates import DateDrillDown


@admin.register(AnalysisResult)
class AnalysisResultAdmin(MachineWrittenAdmin):
    list_display = [
        "id",
        "user",
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
    list_select_related = ["user", "analysis"]
    search_help_text = (
        "An id; the beginning of the user's email address, then also words of the response;"
        " a model, such as openai:gpt-5."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnalysisResult]:
        """In the list, the first characters of each response and not the whole of it."""
        results: QuerySet[AnalysisResult] = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and "object_id" in match.kwargs:
            return results
        short = results.defer("response", "prompt", "sent", "error", "quotations", "review")
        return short.annotate(response_start=Left("response", 160))

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
            elif has_owner:
                rows = rows.filter(response__icontains=word)
            else:
                return rows.none()
        return rows

    @admin.display(description="response")
    def answer(self, result: AnalysisResult) -> str:
        return preview(result.response_start)  # type: ignore[attr-defined]  # annotated above
