import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    # The index is built while others write.
    atomic = False

    dependencies = [("accounts", "0008_staff_see_jobs_and_webhooks")]

    operations = [
        migrations.AddField("idempotencykey", "answer", models.BinaryField(null=True)),
        # The version that runs meanwhile keeps answers in this column: it goes one release later.
        # Rows of that version are a day old at the most when they are deleted.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("idempotencykey", "body")]
        ),
        # (AlterField would make the foreign key anew.)
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    "ALTER TABLE idempotency_keys ALTER COLUMN user_id DROP NOT NULL",
                    "DELETE FROM idempotency_keys WHERE user_id IS NULL;"
                    " ALTER TABLE idempotency_keys ALTER COLUMN user_id SET NOT NULL",
                )
            ],
            [
                migrations.AlterField(
                    "idempotencykey",
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="idempotency_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                )
            ],
        ),
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_key_of_nobody"
                    " ON idempotency_keys (key) WHERE user_id IS NULL",
                    "DROP INDEX CONCURRENTLY IF EXISTS one_key_of_nobody",
                )
            ],
            [
                migrations.AddConstraint(
                    "idempotencykey",
                    models.UniqueConstraint(
                        condition=models.Q(user=None), fields=["key"], name="one_key_of_nobody"
                    ),
                )
            ],
        ),
    ]
