from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while the index is built, so it has to be outside a transaction.
    atomic = False

    dependencies = [("documents", "0010_stored_types")]

    operations = [
        AddIndexConcurrently(
            "document",
            models.Index(
                fields=["file_type"], include=["size_bytes"], name="documents_by_type_and_size"
            ),
        ),
        RemoveIndexConcurrently("document", "documents_by_format"),
    ]
