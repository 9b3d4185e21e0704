from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.authentication import signed_in
from analysis.models import Analysis, AnalysisResult
from analysis.providers import UnknownModel, resolve_model
from analysis.services import request_analysis
from documents.models import Document

MAX_MODELS = 20


@extend_schema_field(int)
class VisibleDocumentField(serializers.PrimaryKeyRelatedField[Document]):
    def get_queryset(self) -> QuerySet[Document]:
        visible = Document.objects.visible_to(self.context["request"].user)
        return visible.defer("content")


class ModelReferenceField(serializers.CharField):
    """A usable model: "provider:name", or a provider alone for its first model."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return resolve_model(super().to_internal_value(data))
        except UnknownModel as error:
            raise serializers.ValidationError(str(error), "unknown_model") from None


class ParametersSerializer(serializers.Serializer[Any]):
    """How the models are asked. What a provider does not know is not sent to it."""

    temperature = serializers.FloatField(min_value=0, max_value=2, required=False)
    top_p = serializers.FloatField(min_value=0, max_value=1, required=False)
    max_tokens = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    timeout = serializers.FloatField(
        min_value=1, max_value=600, required=False, help_text="Seconds for one call."
    )

    def to_internal_value(self, data: Any) -> Any:
        # A misspelt parameter that is ignored would cost money and prove nothing.
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError(
                {name: ["There is no such parameter."] for name in unknown}
            )
        return super().to_internal_value(data)


class AnalysisRequestSerializer(serializers.Serializer[Analysis]):
    document_id = VisibleDocumentField(
        required=False, allow_null=True, default=None, help_text="Absent: the prompt stands alone."
    )
    prompt = serializers.CharField(max_length=200_000)
    models = serializers.ListField(
        child=ModelReferenceField(), min_length=1, max_length=MAX_MODELS, required=False
    )
    llm_provider = ModelReferenceField(
        required=False, help_text='One model, instead of `models`; "openai" is its first model.'
    )
    mode = serializers.ChoiceField(Analysis.Mode.choices, default=Analysis.Mode.ANSWERS)
    synthesizer = ModelReferenceField(
        required=False, help_text="Who merges the answers; by default the first of `models`."
    )
    parameters = ParametersSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("models" in attrs) == ("llm_provider" in attrs):
            raise serializers.ValidationError({"models": "Name `models` or `llm_provider`."})
        if "synthesizer" in attrs and attrs["mode"] == Analysis.Mode.ANSWERS:
            raise serializers.ValidationError(
                {"synthesizer": "Only the mode `synthesis` has a synthesizer."}
            )
        # Two names of one model are one model: it is asked once.
        names = attrs.pop("models", None) or [attrs.pop("llm_provider")]
        attrs["models"] = list(dict.fromkeys(names))
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Analysis:
        user = signed_in(self.context["request"])
        document = validated_data.pop("document_id")
        return request_analysis(user=user, document=document, **validated_data)


class ResultSerializer(serializers.ModelSerializer[AnalysisResult]):
    class Meta:
        model = AnalysisResult
        fields = [
            "id",
            "stage",
            "status",
            "llm_provider",
            "model",
            "resolved_model",
            "prompt",
            "response",
            "parameters",
            "attempts",
            "error_code",
            "error",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            "latency_ms",
            "finish_reason",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class CoverageSerializer(serializers.ModelSerializer[Analysis]):
    """How many characters of the document's how many the models were sent."""

    class Meta:
        model = Analysis
        fields = ["characters_sent", "characters_total"]


class AnalysisSerializer(serializers.ModelSerializer[Analysis]):
    """An analysis without its results, as lists show it."""

    document_id = serializers.IntegerField(allow_null=True, read_only=True)
    models = serializers.ListField(source="model_ids", child=serializers.CharField())
    coverage = CoverageSerializer(source="*", read_only=True)

    class Meta:
        model = Analysis
        fields = [
            "id",
            "status",
            "document_id",
            "document_sha256",
            "prompt",
            "models",
            "mode",
            "synthesizer",
            "parameters",
            "coverage",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class AnalysisDetailSerializer(AnalysisSerializer):
    results = ResultSerializer(many=True, read_only=True)

    class Meta(AnalysisSerializer.Meta):
        fields = [*AnalysisSerializer.Meta.fields, "results"]


class ModelSerializer(serializers.Serializer[Any]):
    """A model that can be asked now."""

    id = serializers.CharField(help_text="What to write into `models`.")
    provider = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(["extractive", "generative"])
    description = serializers.CharField()
    context_window = serializers.IntegerField(allow_null=True, help_text="Tokens.")
    input_usd_per_million = serializers.DecimalField(12, 6, allow_null=True)
    output_usd_per_million = serializers.DecimalField(12, 6, allow_null=True)


class ModelListSerializer(serializers.Serializer[Any]):
    results = ModelSerializer(many=True)
