from typing import Any

from rest_framework import serializers

from accounts.authentication import signed_in
from documents.models import Document
from documents.services import safe_filename, write_document


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document without its text, as lists show it; only its name can be changed."""

    class Meta:
        model = Document
        fields = [
            "id",
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
            "created_at",
            "updated_at",
        ]
        read_only_fields = [name for name in fields if name != "filename"]

    def validate_filename(self, value: str) -> str:
        return safe_filename(value)


class DocumentDetailSerializer(DocumentSerializer):
    class Meta(DocumentSerializer.Meta):
        fields = [*DocumentSerializer.Meta.fields, "content"]


class DocumentTextSerializer(serializers.Serializer[Document]):
    """A document sent as JSON."""

    filename = serializers.CharField(max_length=255)
    content = serializers.CharField(allow_blank=True, trim_whitespace=False)

    def create(self, validated_data: dict[str, Any]) -> Document:
        return write_document(user=signed_in(self.context["request"]), **validated_data)


class DocumentUploadSerializer(serializers.Serializer[Any]):
    """A document sent as a file: PDF, DOCX, Markdown or plain text."""

    file = serializers.FileField(allow_empty_file=True)
