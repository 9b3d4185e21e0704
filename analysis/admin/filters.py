"""Filters that cost what they show: each goes through an index, or finds its rows everywhere.

A partial index is used only where its condition is repeated.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import F, Q
from django.http import HttpRequest

from analysis.models import Analysis, AnalysisResult
from ultrai.admin.filters import Conditions, IndexedValues
from ultrai.admin.lists import distinct_by_index

UNFINISHED = [Analysis.Status.QUEUED, Analysis.Status.RUNNING]


class AnalysisStatus(Conditions):
    title = parameter_name = "status"
    conditions = {
        status.value: Q(status__in=UNFINISHED, status=status)
        if status in UNFINISHED
        else Q(status=status)
        for status in Analysis.Status
    }


class ResultStatus(Conditions):
    title = parameter_name = "status"
    conditions = {
        "pending": Q(status="pending", analysis__status__in=UNFINISHED),
        "running": Q(status="running", analysis__status__in=UNFINISHED),
        "succeeded": Q(status="succeeded"),
        "failed": Q(status="failed") & ~Q(error_code=""),
        "cancelled": Q(status="cancelled", analysis__status="cancelled"),
    }


class Stage(Conditions):
    title = parameter_name = "stage"
    conditions = {
        stage.value: Q(stage=stage)
        if stage == AnalysisResult.Stage.ANSWER
        else ~Q(stage=AnalysisResult.Stage.ANSWER) & Q(stage=stage)
        for stage in AnalysisResult.Stage
    }


class Provider(IndexedValues):
    title, parameter_name, column = "provider", "provider", "llm_provider"


class Model(IndexedValues):
    """Offered when a provider is chosen."""

    title, parameter_name, column = "model", "model", "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        if not (provider := request.GET.get(Provider.parameter_name)):
            return []
        models = distinct_by_index(AnalysisResult, "model", within={"llm_provider": provider})
        return [(model, model) for model in models]


class ErrorCode(IndexedValues):
    title, parameter_name, column = "error", "error_code", "error_code"


class Quotations(Conditions):
    title = parameter_name = "quotations"
    conditions = {
        "some not found": Q(quotations_held__lt=F("quotations_total")),
        "all found": Q(quotations_held=F("quotations_total"), quotations_total__gt=0),
    }


class Cost(Conditions):
    title = parameter_name = "cost"
    conditions = {
        f"{dollars} USD or more": Q(cost_usd__gte=Decimal("0.10"))
        & Q(cost_usd__gte=Decimal(dollars))
        for dollars in ("0.10", "1", "10")
    }
