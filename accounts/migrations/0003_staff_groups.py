from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

# What each group may do with the service's own models. Support staff look; administrators do
# what the admin offers. Both still need `is_staff`.
OWN_APPS = ["accounts", "documents", "analysis"]
GROUPS = {"Support": ["view"], "Administrators": ["view", "add", "change", "delete"]}


def create_groups(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in OWN_APPS:
        # Django makes permissions after all migrations; these groups need them now.
        create_permissions(installed_apps.get_app_config(label), verbosity=0, using=alias, apps=apps)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    own = Permission.objects.using(alias).filter(content_type__app_label__in=OWN_APPS)
    for name, actions in GROUPS.items():
        group, _ = Group.objects.using(alias).get_or_create(name=name)
        group.permissions.add(*[p for p in own if p.codename.split("_")[0] in actions])


def delete_groups(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    Group.objects.using(schema_editor.connection.alias).filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_personal_access_tokens"),
        ("documents", "0001_initial"),
        ("analysis", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_groups, delete_groups)]
