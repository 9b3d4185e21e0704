from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while these are built, so each has to be outside a transaction.
    atomic = False

    dependencies = [("analysis", "0002_council_money_quotations")]

    operations = [
        AddIndexConcurrently(
            "analysis", models.Index(fields=["finished_at", "id"], name="analyses_by_finish")
        ),
        AddIndexConcurrently(
            "analysisresult",
            models.Index(
                fields=["created_at", "id"],
                condition=models.Q(analysis__isnull=True),
                name="results_recorded",
            ),
        ),
    ]
