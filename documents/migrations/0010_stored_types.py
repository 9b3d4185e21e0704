import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0009_permissions_of_staff")]

    operations = [
        migrations.CreateModel(
            name="StoredType",
            fields=[
                (
                    "file_type",
                    models.CharField(max_length=50, primary_key=True, serialize=False),
                ),
                ("documents", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                (
                    "counted_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={"db_table": "stored_types", "default_permissions": ()},
        ),
    ]
