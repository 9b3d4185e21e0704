from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [("documents", "0004_files_in_one_table")]

    operations = [
        migrations.AlterModelOptions(
            name="document",
            options={"permissions": [("hold_document", "Can set and lift legal holds")]},
        ),
        migrations.AddField(
            model_name="document",
            name="delete_after",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="legal_hold_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="legal_hold_reason",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
