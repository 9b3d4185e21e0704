import django_filters
from django.db.models import Q, QuerySet

from analysis.models import Analysis, AnalysisResult
from ultrai.filters import TimeFilter, WholeNumberFilter


class CreatedFilter(django_filters.FilterSet):
    created_after = TimeFilter("created_at", "gte")
    created_before = TimeFilter("created_at", "lt")
    document = WholeNumberFilter("document_id")


class AnalysisFilter(CreatedFilter):
    status = django_filters.MultipleChoiceFilter(choices=Analysis.Status.choices, distinct=False)
    mode = django_filters.ChoiceFilter(choices=Analysis.Mode.choices)
    model = django_filters.CharFilter("model_ids", "contains", help_text="Asked among others.")
    search = django_filters.CharFilter(
        method="by_text", help_text="In the prompt and in the responses."
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
        choices=AnalysisResult.Status.choices, distinct=False
    )
    stage = django_filters.MultipleChoiceFilter(
        choices=AnalysisResult.Stage.choices, distinct=False
    )
    analysis = WholeNumberFilter("analysis_id")
    provider = django_filters.CharFilter("llm_provider")
    model = django_filters.CharFilter("model")
    error_code = django_filters.CharFilter("error_code")
    rating = WholeNumberFilter("rating")
    search = django_filters.CharFilter(
        method="by_text", help_text="In the prompt and in the response."
    )

    class Meta:
        model = AnalysisResult
        fields: list[str] = []

    def by_text(
        self, rows: QuerySet[AnalysisResult], name: str, text: str
    ) -> QuerySet[AnalysisResult]:
        return rows.filter(Q(prompt__icontains=text) | Q(response__icontains=text))
