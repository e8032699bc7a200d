"""Device, place and local time of an event, and what a person was last known by."""

from typing import ClassVar

from django.db import migrations, models

_METHODS = [(0, "Inferred"), (1, "Imputed"), (2, "Observed"), (3, "Verified")]

# Without a default, so that no row is written; what was stored before has none of these, which reads as unknown.
COLUMNS = """
ALTER TABLE events ADD COLUMN device_type text, ADD COLUMN browser text, ADD COLUMN os text, ADD COLUMN country text,
    ADD COLUMN region text, ADD COLUMN city text, ADD COLUMN time_zone text;
"""
UNDO_COLUMNS = """
ALTER TABLE events DROP COLUMN device_type, DROP COLUMN browser, DROP COLUMN os, DROP COLUMN country,
    DROP COLUMN region, DROP COLUMN city, DROP COLUMN time_zone;
"""
# Rewritten in place by nearly every claim.
STORAGE = "ALTER TABLE last_context SET (fillfactor = 70); ALTER TABLE last_context ALTER told SET STORAGE MAIN;"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0011_card_by_name")]
    operations: ClassVar = [
        migrations.RunSQL(COLUMNS, UNDO_COLUMNS),
        migrations.CreateModel(
            name="LastContext",
            fields=[
                ("origin_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("told", models.JSONField()),
            ],
            options={"db_table": "last_context"},
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.AddField("touched", "context", models.TextField(null=True)),
        migrations.AddField("profile", "time_zone", models.TextField(null=True)),
        migrations.AlterField("trait", "method", models.SmallIntegerField(choices=_METHODS)),
        migrations.AlterField("traitvalue", "method", models.SmallIntegerField(choices=_METHODS)),
    ]
