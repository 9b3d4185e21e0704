"""What RowSerializer writes is what DRF's own ModelSerializer writes."""

import json
from decimal import Decimal

import pytest
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer as StandardRenderer

from accounts.models import Session
from accounts.serializers import UserSerializer
from accounts.tokens import start_session
from analysis.models import AnalysisResult
from analysis.serializers import AnalysisDetailSerializer, OwnResultSerializer
from analysis.tests.factories import make_analysis
from documents.serializers import DocumentDetailSerializer, DocumentHitSerializer
from documents.tests.factories import make_document
from ultrai.rendering import to_json
from ultrai.representation import RowSerializer


@pytest.fixture
def rows(alice):
    document = make_document(alice, filename="één.txt")
    analysis = make_analysis(
        user=alice, document=document, prompt="What?", models=["builtin:summary"]
    )
    AnalysisResult.objects.update(cost_usd=Decimal("0.00000001"), input_tokens=2**40)
    start_session(alice)
    return {
        DocumentDetailSerializer: document,
        DocumentHitSerializer: document,
        AnalysisDetailSerializer: analysis,
        OwnResultSerializer: analysis.results.get(),
        UserSerializer: Session.objects.select_related("user").get().user,
    }


def standard(serializer_class, row):
    """The JSON that DRF itself makes of the row."""
    serializer = serializer_class(row)
    data = serializers.ModelSerializer.to_representation(serializer, row)
    return json.loads(StandardRenderer().render(data))


def test_rows_are_written_as_drf_writes_them(rows):
    written = {kind: json.loads(to_json(kind(row).data)) for kind, row in rows.items()}

    assert written == {kind: standard(kind, row) for kind, row in rows.items()}


def test_fields_come_in_their_order_and_only_those_chosen(rows):
    document = rows[DocumentDetailSerializer]
    chosen = {"fields": frozenset({"status", "id"})}

    everything = DocumentDetailSerializer(document).data
    (few,) = DocumentDetailSerializer([document], many=True, context=chosen).data

    assert list(everything) == DocumentDetailSerializer.Meta.fields
    assert list(few.items()) == [("id", document.pk), ("status", "ready")]


def test_every_serializer_of_rows_is_quick():
    """A ModelSerializer with output fields is a RowSerializer, unless it only reads input."""

    def kinds(base):
        for kind in base.__subclasses__():
            yield from {kind, *kinds(kind)}

    ours = {k for k in kinds(serializers.ModelSerializer) if "rest_framework" not in k.__module__}
    slow = {k.__name__ for k in ours if not issubclass(k, RowSerializer)}

    assert slow == {"ProfileSerializer", "RegistrationSerializer"}


@pytest.mark.parametrize(
    "data",
    [
        {"n": 2**80, "list": [1.5, None, True], "text": "é\u2028\n"},
        {1: "a", "decimal": Decimal("1.50")},
        [],
        "",
    ],
)
def test_json_is_what_drf_would_have_written(data):
    assert json.loads(to_json(data)) == json.loads(StandardRenderer().render(data))
