from django.db import migrations

from cdp.append_only import AppendOnly

ROLES = ("author", "approver", "compliance", "administrator", "viewer")


def make_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name in ROLES:
        groups.get_or_create(name=name)


def drop_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [("cdp", "0001_initial")]

    operations = [
        AppendOnly("cdp_accessrecord"),
        migrations.RunPython(make_roles, drop_roles),
    ]
