"""The inbox keeps the id of the request that brought the events, so that a claim's log can name it."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0008_operations")]
    operations: ClassVar = [
        migrations.RunSQL(
            "ALTER TABLE inbox ADD COLUMN request_id text NOT NULL DEFAULT ''",
            "ALTER TABLE inbox DROP COLUMN request_id",
        )
    ]
