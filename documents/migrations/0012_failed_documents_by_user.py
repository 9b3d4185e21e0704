from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while the index is built, so it has to be outside a transaction.
    atomic = False

    dependencies = [("documents", "0011_sizes_in_the_index_of_types")]

    operations = [
        AddIndexConcurrently(
            "document",
            models.Index(
                fields=["user", "id"],
                condition=models.Q(status="failed"),
                name="documents_failed_by_user",
            ),
        ),
        RemoveIndexConcurrently("document", "documents_by_status"),
    ]
