"""What operators need: requests that wait for a person are found without reading those that are done."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0007_lanes")]
    operations: ClassVar = [
        migrations.RunSQL(
            sql="CREATE INDEX inbox_parked ON inbox (id) WHERE state = 2",
            reverse_sql="DROP INDEX inbox_parked",
        ),
        migrations.AlterModelOptions(
            name="parkedtouch",
            options={"verbose_name": "parked person", "verbose_name_plural": "parked people"},
        ),
    ]
