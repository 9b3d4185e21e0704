from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUPS = ["Support", "Administrators"]


def let_staff_look(apps, schema_editor):
    alias = schema_editor.connection.alias
    # Django makes permissions after all migrations; these groups need this one now.
    analysis = installed_apps.get_app_config("analysis")
    create_permissions(analysis, verbosity=0, using=alias, apps=apps)
    view = apps.get_model("auth", "Permission").objects.using(alias).get(
        content_type__app_label="analysis", codename="view_retentionrun"
    )
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        group.permissions.add(view)


class Migration(migrations.Migration):

    dependencies = [("analysis", "0013_retention_runs"), ("accounts", "0003_staff_groups")]

    # Backwards nothing is to be done: the permission goes with its model.
    operations = [migrations.RunPython(let_staff_look, migrations.RunPython.noop)]
