from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0003_move_files_and_index'),
    ]

    operations = [
        migrations.DeleteModel(
            name='DocumentFile',
        ),
        migrations.AlterModelTable(
            name='filepart',
            table='document_files',
        ),
    ]
