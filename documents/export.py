from collections.abc import Iterator

from accounts.models import User
from accounts.own_data import ExportedFile, json_lines
from documents.models import Document, DocumentFile


def exported_documents(user: User) -> Iterator[ExportedFile]:
    """Each document as JSON, and its original where it was uploaded as a file."""
    mine = Document.objects.visible_to(user)
    fields = [field.attname for field in Document._meta.concrete_fields]  # noqa: SLF001
    for pk in mine.order_by("pk").values_list("pk", flat=True).iterator():
        yield f"documents/{pk}.json", json_lines(mine.filter(pk=pk).values(*fields))
    # One file's bytes at a time; they are the largest thing there is.
    files = DocumentFile.objects.filter(document__in=mine).order_by("pk")
    for pk, filename in files.values_list("pk", "document__filename").iterator():
        data = files.values_list("data", flat=True).filter(pk=pk)
        yield f"originals/{pk}-{filename}", (bytes(one) for one in data)
