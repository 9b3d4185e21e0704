import datetime
from decimal import Decimal

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Coalesce

NEVER = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)


class Migration(migrations.Migration):
    # Nobody waits while these are built, so each has to be outside a transaction.
    atomic = False

    dependencies = [("analysis", "0011_webhooks")]

    operations = [
        AddIndexConcurrently(
            "analysis",
            models.Index(fields=["user", "created_at", "id"], name="analyses_by_created_at"),
        ),
        AddIndexConcurrently(
            "analysis",
            models.Index(
                "user",
                Coalesce("finished_at", models.Value(NEVER)),
                "id",
                name="analyses_by_finished_at",
            ),
        ),
        AddIndexConcurrently(
            "analysisresult",
            models.Index(fields=["user", "created_at", "id"], name="results_by_created_at"),
        ),
        AddIndexConcurrently(
            "analysisresult",
            models.Index(
                "user",
                Coalesce("cost_usd", models.Value(Decimal("-1"))),
                "id",
                name="results_by_cost",
            ),
        ),
    ]
