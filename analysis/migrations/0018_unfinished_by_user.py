from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while it is built, so it has to be outside a transaction.
    atomic = False

    dependencies = [("analysis", "0017_newest_results_by_stage")]

    operations = [
        AddIndexConcurrently(
            "analysis",
            models.Index(
                fields=["user", "id"],
                condition=models.Q(status__in=["queued", "running"]),
                name="analyses_unfinished_by_user",
            ),
        ),
        RemoveIndexConcurrently("analysis", "analyses_unfinished"),
    ]
