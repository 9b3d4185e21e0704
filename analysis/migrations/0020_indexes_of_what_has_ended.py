from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while these are built, so each has to be outside a transaction.
    atomic = False

    dependencies = [("analysis", "0019_jobs_are_told_after_the_commit")]

    operations = [
        AddIndexConcurrently(
            "analysis",
            models.Index(
                fields=["finished_at", "id"],
                condition=models.Q(finished_at__isnull=False),
                name="analyses_ended",
            ),
        ),
        RemoveIndexConcurrently("analysis", "analyses_by_finish"),
        AddIndexConcurrently(
            "analysisresult",
            models.Index(
                fields=["finished_at"],
                condition=models.Q(finished_at__isnull=False),
                name="results_ended",
            ),
        ),
        RemoveIndexConcurrently("analysisresult", "results_by_finish"),
    ]
