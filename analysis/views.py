from typing import Any

from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Left
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from analysis import reports, services
from analysis.filters import AnalysisFilter, ResultFilter
from analysis.health import provider_health
from analysis.models import FINISHED_OR_NEVER, KNOWN_COST, Analysis, AnalysisResult
from analysis.progress import EventStream, wait_for_change
from analysis.providers import offered_models
from analysis.serializers import (
    AnalysisDetailSerializer,
    AnalysisRequestSerializer,
    AnalysisSerializer,
    EstimateSerializer,
    ModelSerializer,
    OwnResultSerializer,
    RecordedResultSerializer,
    RerunSerializer,
    ResultSerializer,
)
from ultrai.api import RowsViewSet
from ultrai.pages import ListPages
from ultrai.patience import unhurried

LONGEST_WAIT_SECONDS = 30.0

FORMAT = OpenApiParameter(
    "format", enum=list(reports.MEDIA_TYPES), default="md", description="Markdown, JSON or CSV."
)
# Where a list or a detail is asked for as a file; described are the exports.
ALSO_FORMAT = OpenApiParameter("format", exclude=True)
WAIT = OpenApiParameter(
    "wait",
    {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_SECONDS},
    description="Answer when something has changed, at the latest after so many seconds (30).",
)
EXPORT = {
    (200, "text/markdown"): OpenApiTypes.STR,
    (200, "text/csv"): OpenApiTypes.STR,
    (200, "application/json"): AnalysisDetailSerializer(many=True),
}


class AnalysisViewSet(mixins.ListModelMixin, RowsViewSet[Analysis]):
    """Ask one prompt of many models; read what each of them said."""

    queryset = Analysis.objects.none()
    lookup_value_converter = "int"
    filterset_class = AnalysisFilter
    query_parameters = {
        "list": [ALSO_FORMAT],
        "retrieve": [WAIT, ALSO_FORMAT],
        "export": [FORMAT],
        "export_all": [FORMAT],
    }
    list_actions = ["list", "export_all"]
    ordering_fields = {
        "id": "id",
        "created_at": "created_at",
        "finished_at": "finished_or_never",
    }

    def get_queryset(self) -> QuerySet[Analysis]:
        mine = Analysis.objects.visible_to(self.request.user)
        analyses = mine.select_related("document").defer("document__content")
        if self.action == "list" and not self.request.query_params.get("format"):
            # A list reads the beginning of each prompt, not megabytes.
            return analyses.defer("prompt").annotate(
                prompt_start=Left("prompt", 500), finished_or_never=FINISHED_OR_NEVER
            )
        if self.action == "retrieve":
            return analyses
        return analyses.prefetch_related(Prefetch("results", AnalysisResult.objects.in_order()))

    def get_object(self) -> Analysis:
        analysis = super().get_object()
        if self.action == "retrieve" and self.reads_results:
            # As prefetch_related() leaves them, without what it does for many rows.
            results = AnalysisResult.objects.in_order().filter(analysis_id=analysis.pk)
            analysis._prefetched_objects_cache = {"results": results}  # noqa: SLF001
        return analysis

    def lock(self) -> Analysis:
        analysis = super().lock()
        # They are a part of what was seen.
        list(analysis.results.in_order().select_for_update(no_key=True).values_list("pk"))
        return analysis

    @property
    def reads_results(self) -> bool:
        return any(map(self.is_asked_for, ["results", "progress", "cost_usd"]))

    def get_serializer_class(self) -> type[BaseSerializer[Analysis]]:
        return AnalysisSerializer if self.action == "list" else AnalysisDetailSerializer

    @extend_schema(request=AnalysisRequestSerializer, responses={202: AnalysisDetailSerializer})
    def create(self, request: Request) -> Response:
        """Queue the question and answer at once; `GET` the `Location` to see it progress."""
        form = AnalysisRequestSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        return self._accepted(services.request_analysis(form.draft()))

    @extend_schema(request=AnalysisRequestSerializer, responses={200: EstimateSerializer})
    @action(["post"], detail=False)
    def estimate(self, request: Request) -> Response:
        """What it would cost at the most, call by call. Nothing is stored, nothing is sent."""
        form = AnalysisRequestSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        found = services.estimate(form.draft())
        calls = [
            {
                "stage": call.stage,
                "model": call.model,
                "input_tokens": call.input_tokens,
                "output_tokens": call.output_tokens,
                "cost_usd": cost,
            }
            for call, cost in found.calls
        ]
        body = {"cost_usd": found.cost_usd, "unpriced": found.unpriced, "calls": calls}
        return Response(EstimateSerializer(body).data)

    def list(  # type: ignore[override]  # a stream is no Response
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """The newest first, without results; with `format` everything, as a file."""
        if form := request.query_params.get("format"):
            return self._file_of_all(form)
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, pk: int) -> HttpResponseBase:
        """With results. `wait` answers as soon as something changes."""
        analysis = self.get_object()
        if form := request.query_params.get("format"):
            return self._file([analysis], form, f"analysis-{analysis.pk}")
        if seconds := self._wait_seconds():
            wait_for_change(analysis, seconds)
            analysis = self.get_object()
        return Response(self.get_serializer(analysis).data)

    @extend_schema(responses=EXPORT, filters=False)
    @action(["get"], detail=True, pagination_class=None)
    def export(self, request: Request, pk: int) -> StreamingHttpResponse:
        """A file with the question and all results, as `?format=` on the analysis itself gives."""
        form = request.query_params.get("format", "md")
        return self._file([self.get_object()], form, f"analysis-{pk}")

    @extend_schema(responses=EXPORT, filters=True)
    @action(["get"], detail=False, url_path="export", url_name="export-all", pagination_class=None)
    def export_all(self, request: Request) -> StreamingHttpResponse:
        """One file with everything that the filters leave, streamed, the newest first."""
        return self._file_of_all(request.query_params.get("format", "md"))

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete it with its results; what is still running is stopped."""
        services.delete_analysis(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={200: AnalysisDetailSerializer})
    @action(["post"], detail=True)
    def cancel(self, request: Request, pk: int) -> Response:
        """Stop the calls, at the provider too, within two seconds. Keeps what came."""
        services.cancel_analysis(self.get_object())
        return Response(AnalysisDetailSerializer(self.get_object()).data)

    @extend_schema(request=None, responses={202: AnalysisDetailSerializer})
    @action(["post"], detail=True)
    def retry(self, request: Request, pk: int) -> Response:
        """Make again the calls that have no answer, and only those."""
        services.retry_analysis(self.get_object())
        return self._accepted(self.get_object())

    @extend_schema(request=RerunSerializer, responses={202: AnalysisDetailSerializer})
    @action(["post"], detail=True)
    def rerun(self, request: Request, pk: int) -> Response:
        """Ask the same question again, in a new analysis: of other models, in another mode."""
        form = RerunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self._accepted(services.rerun_analysis(self.get_object(), **form.validated_data))

    @extend_schema(
        responses={(200, "text/event-stream"): OpenApiTypes.ANY},
        parameters=[OpenApiParameter("Last-Event-ID", location=OpenApiParameter.HEADER)],
    )
    @action(["get"], detail=True)
    def events(self, request: Request, pk: int) -> StreamingHttpResponse:
        """Server-sent events: `result` for each call that has ended, `analysis` at the end."""
        seen = request.headers.get("Last-Event-ID", "0")
        stream = EventStream(
            self.get_object(),
            int(seen) if seen.isdecimal() and len(seen) < 9 else 0,
            lambda result: ResultSerializer(result).data,
        )
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(stream, content_type="text/event-stream", headers=headers)

    def _accepted(self, analysis: Analysis) -> Response:
        where = self.address_of(analysis, "analysis-detail")
        body = AnalysisDetailSerializer(analysis).data
        return Response(body, status.HTTP_202_ACCEPTED, headers={"Location": where})

    def _file_of_all(self, form: str) -> StreamingHttpResponse:
        found = self.filter_queryset(self.get_queryset()).order_by("-id")
        return self._file(found.iterator(chunk_size=50), form, "analyses")

    def _file(self, analyses: Any, form: str, name: str) -> StreamingHttpResponse:
        if form not in reports.MEDIA_TYPES:
            known = ", ".join(reports.MEDIA_TYPES)
            raise ValidationError({"format": [f"There are these formats: {known}."]})
        pieces = reports.report(analyses, form, lambda one: AnalysisDetailSerializer(one).data)
        disposition = f'attachment; filename="{name}.{form}"'
        return StreamingHttpResponse(
            unhurried(pieces),
            content_type=reports.MEDIA_TYPES[form],
            headers={"Content-Disposition": disposition},
        )

    def _wait_seconds(self) -> float:
        text = self.request.query_params.get("wait", "0")
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
            raise ValidationError({"wait": [f"Seconds from 0 to {LONGEST_WAIT_SECONDS:.0f}."]})
        return seconds


class ResultViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    RowsViewSet[AnalysisResult],
):
    """Every response one has, of all analyses; and those one obtained oneself."""

    queryset = AnalysisResult.objects.none()
    serializer_class = OwnResultSerializer
    lookup_value_converter = "int"
    filterset_class = ResultFilter
    http_method_names = ["get", "post", "patch", "head", "options"]
    ordering_fields = {"id": "id", "created_at": "created_at", "cost_usd": "known_cost_usd"}

    def get_queryset(self) -> QuerySet[AnalysisResult]:
        results = AnalysisResult.objects.visible_to(self.request.user)
        heavy = ["prompt", "sent", "response", "review", "quotations"]
        results = results.defer(*(name for name in heavy if not self.is_asked_for(name)))
        by_cost = "cost_usd" in self.request.query_params.get("ordering", "")
        return results.annotate(known_cost_usd=KNOWN_COST) if by_cost else results

    @extend_schema(request=RecordedResultSerializer, responses={201: OwnResultSerializer})
    def create(self, request: Request) -> Response:
        """Record a response that the client obtained itself."""
        form = RecordedResultSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        result = form.save()
        where = self.address_of(result, "result-detail")
        stored = OwnResultSerializer(self.get_queryset().get(pk=result.pk))
        return Response(stored.data, status.HTTP_201_CREATED, headers={"Location": where})


class ModelViewSet(RowsViewSet[Any]):
    """The models that can be asked now."""

    serializer_class = ModelSerializer
    pagination_class = ListPages
    filter_backends = []

    def list(self, request: Request) -> Response:
        """Context window, list price, and how the provider has been doing lately."""
        lately = provider_health()
        nothing = {"status": "unknown", "succeeded": 0, "failed": 0}
        models = [
            {
                **{name: getattr(info, name) for name in info.__dataclass_fields__},
                "health": lately.get(info.provider, nothing),
            }
            for info in offered_models()
        ]
        page: Any = self.paginate_queryset(models)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
