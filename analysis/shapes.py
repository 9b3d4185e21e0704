"""The shapes of JSON columns, for the schema. Their fields write what the column holds."""

from typing import Any, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.verdicts import Verdict


class ClaimSerializer(serializers.Serializer[Any]):
    claim = serializers.CharField()
    supported_by = serializers.ListField(child=serializers.CharField(), help_text="Models.")
    contradicted_by = serializers.ListField(child=serializers.CharField(), help_text="Models.")


class AgreementSerializer(serializers.Serializer[Any]):
    method = serializers.CharField(help_text="`lexical`, or by which model.")
    claims = ClaimSerializer(many=True)


@extend_schema_field(AgreementSerializer)
class AgreementField(serializers.JSONField):
    pass


class RankSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    mean_rank = serializers.FloatField(help_text="1 is the best.")
    reviews = serializers.IntegerField(help_text="How many ranked it.")


@extend_schema_field(RankSerializer(many=True))
class RankingField(serializers.JSONField):
    pass


class NoteSerializer(serializers.Serializer[Any]):
    strengths = serializers.CharField()
    weaknesses = serializers.CharField()


class ReviewSerializer(serializers.Serializer[Any]):
    """Who is the best and why, or why it is not known."""

    labels = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Models by the reviewer's letters."
    )
    ranking = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Models, the best first."
    )
    notes = serializers.DictField(child=NoteSerializer(), required=False, help_text="By model.")
    unusable = serializers.CharField(required=False, help_text="Why it does not count.")


@extend_schema_field(ReviewSerializer)
class ReviewField(serializers.JSONField):
    pass


class QuotationSerializer(serializers.Serializer[Any]):
    """What an answer quotes, and where the document has it."""

    text = serializers.CharField()
    verdict = serializers.ChoiceField(get_args(Verdict))
    similarity = serializers.FloatField(allow_null=True, help_text="Of one that is `near`.")
    page = serializers.IntegerField(allow_null=True)
    start = serializers.IntegerField(allow_null=True, help_text="Offset in the document's text.")
    end = serializers.IntegerField(allow_null=True)


@extend_schema_field(QuotationSerializer(many=True))
class QuotationsField(serializers.JSONField):
    pass
