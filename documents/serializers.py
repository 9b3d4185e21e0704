from datetime import date
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from documents.models import Document, DocumentVersion
from documents.services import safe_filename
from ultrai.fields import CopiedFieldsMixin, LongTextField
from ultrai.parameters import ChosenFieldsMixin
from ultrai.representation import RowSerializer
from ultrai.updates import SentColumnsMixin


class ExtractionErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class MetadataSerializer(serializers.Serializer[Any]):
    """How the text was read, and perhaps more."""

    extractor = serializers.CharField(required=False)
    unread_pages = serializers.ListField(child=serializers.IntegerField(), required=False)
    extraction_error = ExtractionErrorSerializer(
        required=False, help_text="Why it could not be read again."
    )


@extend_schema_field(MetadataSerializer)
class MetadataField(serializers.JSONField):
    pass


class DocumentSerializer(SentColumnsMixin[Document], ChosenFieldsMixin, RowSerializer[Document]):
    """A document without its text, as lists show it; its name and its last day can be changed."""

    metadata = MetadataField(read_only=True)

    class Meta:
        model = Document
        fields = [
            "id",
            "filename",
            "file_type",
            "size_bytes",
            "sha256",
            "version",
            "status",
            "error_code",
            "error",
            "page_count",
            "word_count",
            "metadata",
            "extraction_requested_at",
            "delete_after",
            "legal_hold_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [name for name in fields if name not in {"filename", "delete_after"}]
        extra_kwargs = {
            "delete_after": {
                "help_text": "The last day (UTC) it is kept, with its analyses, whatever the "
                "service's own retention says. Null: as that says."
            },
            "legal_hold_at": {"help_text": "Since when nobody can delete it. Null: one can."},
        }

    def validate_filename(self, value: str) -> str:
        return safe_filename(value)

    def validate_delete_after(self, value: date | None) -> date | None:
        if value is not None and value < timezone.now().date():
            raise serializers.ValidationError("This day is over. Name today or a later one.")
        return value


class DocumentDetailSerializer(DocumentSerializer):
    class Meta(DocumentSerializer.Meta):
        fields = [*DocumentSerializer.Meta.fields, "content"]


class DocumentHitSerializer(DocumentSerializer):
    """A document in a list; after a search with how well it matches, and where."""

    rank = serializers.FloatField(required=False, help_text="Only after a search.")
    snippet = serializers.CharField(
        required=False, help_text="Only after a search: text around the words, which are in `**`."
    )
    snippet_page = serializers.IntegerField(
        required=False, allow_null=True, help_text="Null where the document has no pages."
    )

    class Meta(DocumentSerializer.Meta):
        fields = [*DocumentSerializer.Meta.fields, "rank", "snippet", "snippet_page"]


class CreatedDocumentSerializer(DocumentSerializer):
    """A document just sent, which may have been there before."""

    duplicate = serializers.BooleanField(help_text="These bytes were here already.")

    class Meta(DocumentSerializer.Meta):
        fields = [*DocumentSerializer.Meta.fields, "duplicate"]


class OnDuplicateSerializer(CopiedFieldsMixin, serializers.Serializer[Any]):
    on_duplicate = serializers.ChoiceField(
        ["return", "keep"],
        default="return",
        help_text="What to do with bytes that are here already: return the document, or keep both.",
    )


class DocumentTextSerializer(OnDuplicateSerializer):
    """A document sent as JSON."""

    filename = serializers.CharField(max_length=255)
    content = LongTextField(allow_blank=True, trim_whitespace=False)


class DocumentUploadSerializer(OnDuplicateSerializer):
    """A document sent as a file. `file` may be repeated."""

    file = serializers.FileField(allow_empty_file=True)


class DocumentFileSerializer(serializers.Serializer[Any]):
    """A document's new file."""

    file = serializers.FileField(allow_empty_file=True)


@extend_schema_field({"$ref": "#/components/schemas/Problem"})
class ProblemField(serializers.DictField):
    """A problem document, as an error of its own would have it."""


class UploadResultSerializer(serializers.Serializer[Any]):
    """What became of one of several files: either there is a document, or a problem."""

    filename = serializers.CharField(help_text="As it was sent.")
    status = serializers.IntegerField(help_text="What the file alone would have been answered.")
    document = CreatedDocumentSerializer(allow_null=True)
    problem = ProblemField(allow_null=True)


class UploadResultsSerializer(serializers.Serializer[Any]):
    results = UploadResultSerializer(many=True)


class PageSerializer(ChosenFieldsMixin, serializers.Serializer[Any]):
    document_id = serializers.IntegerField()
    page = serializers.IntegerField()
    page_count = serializers.IntegerField(help_text="1 where the format has no pages.")
    content = serializers.CharField()


class VersionSerializer(ChosenFieldsMixin, RowSerializer[DocumentVersion]):
    """What a document was before its file was replaced."""

    metadata = MetadataField(read_only=True)

    class Meta:
        model = DocumentVersion
        fields = [
            "number",
            "filename",
            "file_type",
            "size_bytes",
            "sha256",
            "status",
            "error_code",
            "error",
            "page_count",
            "word_count",
            "metadata",
            "replaced_at",
        ]
        read_only_fields = fields


class VersionDetailSerializer(VersionSerializer):
    replaced_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Null: this is what the document is now."
    )

    class Meta(VersionSerializer.Meta):
        fields = [*VersionSerializer.Meta.fields, "content"]


class DocumentIdsSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=1_000,
    )


class DeletedSerializer(serializers.Serializer[Any]):
    deleted = serializers.ListField(child=serializers.IntegerField())
    not_found = serializers.ListField(
        child=serializers.IntegerField(), help_text="There are no such documents of yours."
    )
