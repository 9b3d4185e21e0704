"""How much is stored by file type: counted now and then, from an index that holds the sizes."""

from django.db import transaction
from django.db.models import Count, Sum, Value
from django.db.models.functions import Coalesce, Now

from documents.models import Document, StoredType


@transaction.atomic
def count_stored_types() -> None:
    rows = Document.objects.values(type=Coalesce("file_type", Value("")))
    counted = [
        StoredType(file_type=row["type"], documents=row["count"], bytes=row["size"])
        for row in rows.annotate(count=Count("*"), size=Sum("size_bytes")).order_by("type")
    ]
    for one in counted:
        one.counted_at = Now()
    StoredType.objects.bulk_create(
        counted,
        update_conflicts=True,
        unique_fields=["file_type"],
        update_fields=["documents", "bytes", "counted_at"],
    )
    StoredType.objects.exclude(pk__in=[one.pk for one in counted]).delete()
