from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

# 0006 asked for the jobs' permissions before Procrastinate's migrations had made the model, so a new
# database had none to give; webhooks came after it.
LOOKING = ["view_procrastinatejob", "view_webhookendpoint", "view_webhookdelivery"]
GROUPS = {"Support": LOOKING, "Administrators": [*LOOKING, "change_procrastinatejob"]}


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in ["analysis", "procrastinate"]:
        config = installed_apps.get_app_config(label)
        create_permissions(config, verbosity=0, using=alias, apps=apps)
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(name__in=GROUPS):
        codenames = GROUPS[group.name]
        group.permissions.add(*Permission.objects.using(alias).filter(codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_indexes_of_orders"),
        ("analysis", "0014_staff_see_retention_runs"),
        ("procrastinate", "0025_add_models"),
    ]

    # Backwards nothing is to be done: 0006 gives these permissions where they are there.
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
