from collections.abc import Iterator

from django.db.models import Model, QuerySet

from accounts.models import User
from accounts.own_data import ExportedFile, json_lines
from documents.models import Document, DocumentVersion
from documents.storage import has_file, read_file


def exported_documents(user: User) -> Iterator[ExportedFile]:
    """Each document and each earlier version as JSON, and the originals of what was uploaded."""
    documents = Document.objects.visible_to(user)
    versions = DocumentVersion.objects.visible_to(user)
    for pk in documents.order_by("pk").values_list("pk", flat=True).iterator():
        yield f"documents/{pk}.json", as_json(documents, pk)
    for pk, document_id, number in versions.order_by("pk").values_list(
        "pk", "document_id", "number"
    ):
        yield f"versions/{document_id}-{number}.json", as_json(versions, pk)
    # One part of one file at a time; they are the largest thing there is.
    for pk, number, filename in documents.order_by("pk").values_list("pk", "version", "filename"):
        if has_file(pk, number):
            yield f"originals/{pk}-{filename}", read_file(pk, number)
    for pk, number, filename in versions.order_by("pk").values_list(
        "document_id", "number", "filename"
    ):
        if has_file(pk, number):
            yield f"originals/versions/{pk}-{number}-{filename}", read_file(pk, number)


def as_json(rows: QuerySet[Model], pk: int) -> Iterator[bytes]:
    """All columns of one row."""
    fields = [field.attname for field in rows.model._meta.concrete_fields]  # noqa: SLF001
    return json_lines(rows.filter(pk=pk).values(*fields))
