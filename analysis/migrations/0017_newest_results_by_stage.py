from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody waits while it is built, so it has to be outside a transaction.
    atomic = False

    dependencies = [("analysis", "0016_when_rows_changed")]

    operations = [
        AddIndexConcurrently(
            "analysisresult",
            models.Index(
                fields=["stage", "-id"],
                condition=~models.Q(stage="answer"),
                name="results_newest_by_stage",
            ),
        ),
        RemoveIndexConcurrently("analysisresult", "results_by_stage"),
    ]
