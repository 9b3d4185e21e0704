from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.authentication import signed_in
from analysis.models import Analysis, AnalysisResult
from analysis.providers import UnknownModel, resolve_model
from analysis.services import draft_analysis, record_result
from analysis.shapes import AgreementField, QuotationsField, RankingField, ReviewField
from documents.models import Document
from ultrai.fields import CopiedFieldsMixin, LongTextField
from ultrai.parameters import ChosenFieldsMixin
from ultrai.representation import RowSerializer
from ultrai.updates import SentColumnsMixin

MAX_MODELS = 20


@extend_schema_field(int)
class VisibleDocumentField(serializers.PrimaryKeyRelatedField[Document]):
    def __init__(self, *, is_to_be_read: bool = False, **kwargs: Any) -> None:
        self.is_to_be_read = is_to_be_read
        super().__init__(**kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # DRF takes "" for none: a client's empty variable would buy an answer about nothing.
        if data == "" or isinstance(data, float):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().run_validation(data)

    def get_queryset(self) -> QuerySet[Document]:
        visible = Document.objects.visible_to(self.context["request"].user)
        return visible if self.is_to_be_read else visible.defer("content")


class ModelReferenceField(serializers.CharField):
    """A usable model: "provider:name", or a provider alone for its first model."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return resolve_model(super().to_internal_value(data))
        except UnknownModel as error:
            raise serializers.ValidationError(str(error), "unknown_model") from None


class NumberField(serializers.FloatField):
    """A number. DRF's takes `true` for 1, and the models would be asked with that."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class ModelListField(serializers.ListField):
    """Models to ask: counted before each is looked at, however many a request names."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=ModelReferenceField(), min_length=1, max_length=MAX_MODELS, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, list) and len(data) > MAX_MODELS:
            raise serializers.ValidationError(f"At most {MAX_MODELS} models can be asked.")
        return super().to_internal_value(data)


class ParametersSerializer(serializers.Serializer[Any]):
    """How the models are asked. What a provider does not know is not sent to it."""

    refuses_unknown_fields = True

    temperature = NumberField(min_value=0, max_value=2, required=False)
    top_p = NumberField(min_value=0, max_value=1, required=False)
    max_tokens = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    timeout = NumberField(
        min_value=1, max_value=600, required=False, help_text="Seconds for one call."
    )

    def to_internal_value(self, data: Any) -> Any:
        # A misspelt parameter that is ignored would cost money and prove nothing.
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError(
                {name: ["There is no such parameter."] for name in unknown}
            )
        return super().to_internal_value(data)


@extend_schema_serializer(component_name="NewAnalysis")
class AnalysisRequestSerializer(CopiedFieldsMixin, serializers.Serializer[Analysis]):
    """What can be asked, and estimated."""

    document_id = VisibleDocumentField(
        is_to_be_read=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="Absent: the prompt stands alone.",
    )
    prompt = LongTextField(max_length=200_000)
    models = ModelListField(required=False)
    llm_provider = ModelReferenceField(
        required=False, help_text='One model, instead of `models`; "openai" is its first model.'
    )
    mode = serializers.ChoiceField(Analysis.Mode.choices, default=Analysis.Mode.ANSWERS)
    synthesizer = ModelReferenceField(
        required=False, help_text="Who merges the answers; by default the first of `models`."
    )
    parameters = ParametersSerializer(required=False)
    strategy = serializers.ChoiceField(
        Analysis.Strategy.choices,
        default=Analysis.Strategy.AUTO,
        help_text="`auto` reads a document too long for a model in parts; `whole` refuses it.",
    )
    minimum_answers = serializers.IntegerField(min_value=1, max_value=MAX_MODELS, default=1)
    max_cost_usd = serializers.DecimalField(
        14, 8, min_value=Decimal(0), required=False, allow_null=True, default=None
    )
    cache = serializers.BooleanField(
        default=True, help_text="Whether an answer to an equal call may be reused, at no cost."
    )

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
        if attrs["minimum_answers"] > len(attrs["models"]):
            raise serializers.ValidationError({"minimum_answers": "More than models are asked."})
        attrs["document"] = attrs.pop("document_id")
        return attrs

    def draft(self) -> Analysis:
        """Return the analysis that is asked for, unsaved."""
        return draft_analysis(user=signed_in(self.context["request"]), **self.validated_data)


class RerunSerializer(serializers.Serializer[Any]):
    """What to ask differently; everything else stays as it was."""

    models = ModelListField(required=False)
    mode = serializers.ChoiceField(Analysis.Mode.choices, required=False)
    synthesizer = ModelReferenceField(required=False)
    cache = serializers.BooleanField(required=False)

    def validate_models(self, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))


@extend_schema_field(ParametersSerializer)
class StoredParametersField(serializers.JSONField):
    pass


@extend_schema_field({"type": "object", "additionalProperties": {}})
class AnyParametersField(serializers.JSONField):
    """A client records what it likes."""


class ResultSerializer(ChosenFieldsMixin, RowSerializer[AnalysisResult]):
    parameters = AnyParametersField(read_only=True)
    review = ReviewField(read_only=True, allow_null=True)
    quotations = QuotationsField(read_only=True, allow_null=True)

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
            "interrupted",
            "cached",
            "part",
            "review",
            "quotations",
            "quotations_total",
            "quotations_held",
            "rating",
            "comment",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


class OwnResultSerializer(SentColumnsMixin[AnalysisResult], ResultSerializer):
    """A result on its own: where it belongs, what was sent; rating and comment can be set."""

    analysis_id = serializers.IntegerField(allow_null=True, read_only=True)
    document_id = serializers.IntegerField(allow_null=True, read_only=True)
    rating = serializers.IntegerField(min_value=1, max_value=5, allow_null=True, required=False)

    class Meta(ResultSerializer.Meta):
        fields = ["id", "analysis_id", "document_id", *ResultSerializer.Meta.fields[1:], "sent"]
        read_only_fields = [name for name in fields if name not in {"rating", "comment"}]
        extra_kwargs = {"comment": {"max_length": 10_000}}


class RecordedResultSerializer(CopiedFieldsMixin, serializers.Serializer[AnalysisResult]):
    """A response that the client obtained itself."""

    document_id = VisibleDocumentField(required=False, allow_null=True, default=None)
    llm_provider = serializers.CharField(max_length=50)
    model = serializers.CharField(max_length=200, required=False, default="")
    prompt = LongTextField(max_length=200_000)
    response = LongTextField(max_length=1_000_000, trim_whitespace=False)
    parameters = serializers.DictField(required=False)

    def create(self, validated_data: dict[str, Any]) -> AnalysisResult:
        document = validated_data.pop("document_id")
        user = signed_in(self.context["request"])
        return record_result(user=user, document=document, **validated_data)


class CoverageSerializer(RowSerializer[Analysis]):
    """How many characters of the document's how many the models were sent."""

    class Meta:
        model = Analysis
        fields = ["characters_sent", "characters_total"]


class AnalysisSerializer(ChosenFieldsMixin, RowSerializer[Analysis]):
    """An analysis without its results, as lists show it."""

    document_id = serializers.IntegerField(allow_null=True, read_only=True)
    prompt = serializers.CharField(
        source="prompt_start", help_text="Its first 500 characters; the detail has all of it."
    )
    models = serializers.ListField(source="model_ids", child=serializers.CharField())
    coverage = CoverageSerializer(source="*", read_only=True)
    parameters = StoredParametersField(read_only=True)
    ranking = RankingField(read_only=True, allow_null=True)
    agreement = AgreementField(read_only=True, allow_null=True)
    is_stale = serializers.SerializerMethodField(
        help_text="Whether the document's file was replaced since."
    )

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
            "is_stale",
            "strategy",
            "minimum_answers",
            "estimated_cost_usd",
            "max_cost_usd",
            "ranking",
            "agreement",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_is_stale(self, analysis: Analysis) -> bool:
        document = analysis.document
        asked = analysis.document_sha256
        return document is not None and bool(asked) and asked != document.sha256


class ProgressSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    of = serializers.IntegerField(help_text="Calls planned so far.")


class AnalysisDetailSerializer(AnalysisSerializer):
    prompt = serializers.CharField()
    progress = serializers.SerializerMethodField()
    cost_usd = serializers.SerializerMethodField(
        help_text="Of the calls whose price is known; null when none is."
    )
    results = ResultSerializer(many=True, read_only=True)

    class Meta(AnalysisSerializer.Meta):
        fields = [*AnalysisSerializer.Meta.fields, "progress", "cost_usd", "results"]

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, analysis: Analysis) -> dict[str, int]:
        statuses = [result.status for result in analysis.results.all()]
        done = statuses.count(AnalysisResult.Status.SUCCEEDED)
        failed = statuses.count(AnalysisResult.Status.FAILED)
        return {"done": done, "failed": failed, "of": len(statuses)}

    @extend_schema_field(serializers.DecimalField(14, 8, allow_null=True))
    def get_cost_usd(self, analysis: Analysis) -> str | None:
        known = [r.cost_usd for r in analysis.results.all() if r.cost_usd is not None]
        return f"{sum(known):.8f}" if known else None


class PlannedCallSerializer(serializers.Serializer[Any]):
    stage = serializers.CharField()
    model = serializers.CharField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.DecimalField(14, 8, allow_null=True, help_text="null: price unknown.")


class EstimateSerializer(serializers.Serializer[Any]):
    """Upper estimates; `unpriced` names the models that the sum does not cover."""

    cost_usd = serializers.DecimalField(14, 8)
    unpriced = serializers.ListField(child=serializers.CharField())
    calls = PlannedCallSerializer(many=True)


class ProviderHealthSerializer(serializers.Serializer[Any]):
    """How the provider's calls of the last quarter of an hour went, everybody's."""

    status = serializers.ChoiceField(["ok", "degraded", "down", "unknown"])
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class ModelSerializer(ChosenFieldsMixin, serializers.Serializer[Any]):
    """A model that can be asked now."""

    id = serializers.CharField(help_text="What to write into `models`.")
    provider = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(["extractive", "generative"])
    description = serializers.CharField()
    context_window = serializers.IntegerField(allow_null=True, help_text="Tokens.")
    input_usd_per_million = serializers.DecimalField(12, 6, allow_null=True)
    output_usd_per_million = serializers.DecimalField(12, 6, allow_null=True)
    health = ProviderHealthSerializer()
