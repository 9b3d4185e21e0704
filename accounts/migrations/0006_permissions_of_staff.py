from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

# Support staff see everything but the text of documents. Questions and answers may quote it: who
# does not want that takes `read_analysis` from the group.
LOOKING = ["read_analysis", "view_procrastinatejob"]
GROUPS = {
    "Support": LOOKING,
    "Administrators": [
        *LOOKING,
        "read_document",
        "hold_document",
        "change_procrastinatejob",
        "view_logentry",
    ],
}


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in ["documents", "analysis", "procrastinate", "admin"]:
        config = installed_apps.get_app_config(label)
        create_permissions(config, verbosity=0, using=alias, apps=apps)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        for group in Group.objects.using(alias).filter(name=name):
            group.permissions.add(*Permission.objects.using(alias).filter(codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_admin_lists"),
        ("documents", "0009_permissions_of_staff"),
        ("analysis", "0010_permissions_of_staff"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("procrastinate", "__first__"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
