import django_filters
from django.db.models import Q, QuerySet

from analysis.models import Analysis, AnalysisResult
from ultrai.filters import TimeFilter, WholeNumberFilter


class CreatedFilter(django_filters.FilterSet):
    created_after = TimeFilter("created_at", "gte", label="At this time or later (ISO 8601).")
    created_before = TimeFilter("created_at", "lt", label="Earlier than this (ISO 8601).")
    document = WholeNumberFilter("document_id", label="The id of the document asked about.")


class AnalysisFilter(CreatedFilter):
    status = django_filters.MultipleChoiceFilter(
        choices=Analysis.Status.choices, distinct=False, label="May be repeated: any of these."
    )
    mode = django_filters.ChoiceFilter(choices=Analysis.Mode.choices, label="How it was asked.")
    model = django_filters.CharFilter(
        "model_ids", "contains", label="`provider:name`, asked among others."
    )
    search = django_filters.CharFilter(
        method="by_text", label="Contained in the prompt or in a response, in any case."
    )

    class Meta:
        model = Analysis
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Analysis]) -> QuerySet[Analysis]:
        # An array contains a list, not a text.
        model = self.form.cleaned_data.pop("model", "")
        found = super().filter_queryset(queryset)
        return found.filter(model_ids__contains=[model]) if model else found

    def by_text(self, rows: QuerySet[Analysis], name: str, text: str) -> QuerySet[Analysis]:
        hits = AnalysisResult.objects.filter(response__icontains=text, analysis__in=rows)
        return rows.filter(Q(prompt__icontains=text) | Q(pk__in=hits.values("analysis_id")))


class ResultFilter(CreatedFilter):
    status = django_filters.MultipleChoiceFilter(
        choices=AnalysisResult.Status.choices,
        distinct=False,
        label="May be repeated: any of these.",
    )
    stage = django_filters.MultipleChoiceFilter(
        choices=AnalysisResult.Stage.choices, distinct=False, label="May be repeated: any of these."
    )
    analysis = WholeNumberFilter("analysis_id", label="The id of the analysis it is part of.")
    provider = django_filters.CharFilter("llm_provider", label="Such as `openai`.")
    model = django_filters.CharFilter("model", label="`provider:name`, as it was asked for.")
    error_code = django_filters.CharFilter("error_code", label="Such as `timeout`.")
    rating = WholeNumberFilter("rating", label="1 to 5, as you rated it.")
    search = django_filters.CharFilter(
        method="by_text", label="Contained in the prompt or in the response, in any case."
    )

    class Meta:
        model = AnalysisResult
        fields: list[str] = []

    def by_text(
        self, rows: QuerySet[AnalysisResult], name: str, text: str
    ) -> QuerySet[AnalysisResult]:
        return rows.filter(Q(prompt__icontains=text) | Q(response__icontains=text))
