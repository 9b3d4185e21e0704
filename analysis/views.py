from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet, ViewSet

from analysis.models import Analysis, AnalysisResult
from analysis.providers import offered_models
from analysis.serializers import (
    AnalysisDetailSerializer,
    AnalysisRequestSerializer,
    AnalysisSerializer,
    ModelListSerializer,
)


@extend_schema(tags=["analyses"])
class AnalysisViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[Analysis],
):
    """Ask one prompt of many models; read what each of them said."""

    queryset = Analysis.objects.none()
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Analysis]:
        analyses = Analysis.objects.visible_to(self.request.user)
        if self.action == "list":
            return analyses
        return analyses.prefetch_related(Prefetch("results", AnalysisResult.objects.order_by("id")))

    def get_serializer_class(self) -> type[BaseSerializer[Analysis]]:
        return AnalysisSerializer if self.action == "list" else AnalysisDetailSerializer

    @extend_schema(request=AnalysisRequestSerializer, responses={202: AnalysisDetailSerializer})
    def create(self, request: Request) -> Response:
        """Queue the question and answer at once; `GET` the `Location` to see it progress."""
        form = AnalysisRequestSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        analysis = form.save()
        return Response(
            AnalysisDetailSerializer(self.get_queryset().get(pk=analysis.pk)).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("analysis-detail", [analysis.pk], request=request)},
        )


@extend_schema(tags=["analyses"])
class ModelViewSet(ViewSet):
    """The models that can be asked now."""

    @extend_schema(responses=ModelListSerializer, operation_id="models_list")
    def list(self, request: Request) -> Response:
        return Response(ModelListSerializer({"results": offered_models()}).data)
