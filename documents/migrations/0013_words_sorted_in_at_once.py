from django.contrib.postgres.indexes import GinIndex
from django.db import migrations

INDEX = "document_passages_vector"


class Migration(migrations.Migration):
    dependencies = [("documents", "0012_failed_documents_by_user")]

    operations = [
        migrations.SeparateDatabaseAndState(
            # Without building it anew. What waits in its list is sorted in by the next vacuum.
            [
                migrations.RunSQL(
                    f"ALTER INDEX {INDEX} SET (fastupdate = off)",
                    f"ALTER INDEX {INDEX} RESET (fastupdate)",
                )
            ],
            [
                migrations.RemoveIndex("passage", INDEX),
                migrations.AddIndex(
                    "passage", GinIndex(fields=["vector"], name=INDEX, fastupdate=False)
                ),
            ],
        ),
        # A passage's words beside it: ranking it reads no other table. As it was for older rows.
        migrations.RunSQL(
            "ALTER TABLE document_passages ALTER COLUMN vector SET STORAGE MAIN",
            "ALTER TABLE document_passages ALTER COLUMN vector SET STORAGE EXTENDED",
        ),
    ]
