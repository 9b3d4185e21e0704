import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

OLD = [("user_sessions", "43ce9642"), ("personal_access_tokens", "ea00d667")]


class Migration(migrations.Migration):
    # Nobody waits while these are built, so each has to be outside a transaction.
    atomic = False

    dependencies = [("accounts", "0006_permissions_of_staff")]

    operations = [
        AddIndexConcurrently(
            "session",
            models.Index("user", models.F("id").desc(), name="sessions_by_user"),
        ),
        AddIndexConcurrently(
            "personalaccesstoken",
            models.Index("user", models.F("id").desc(), name="access_tokens_by_user"),
        ),
        # What these served is served by the new ones. (AlterField would make the foreign keys anew.)
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {table}_user_id_{suffix}",
                    f"CREATE INDEX CONCURRENTLY {table}_user_id_{suffix} ON {table} (user_id)",
                )
                for table, suffix in OLD
            ],
            [
                migrations.AlterField(
                    model,
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name=name,
                        to=settings.AUTH_USER_MODEL,
                    ),
                )
                for model, name in [
                    ("session", "sessions"),
                    ("personalaccesstoken", "access_tokens"),
                ]
            ],
        ),
    ]
