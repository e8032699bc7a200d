"""A list that was uploaded is a cause of looking at somebody again."""

from typing import ClassVar

from django.db import migrations, models

CAUSES = [
    ("event", "Event"),
    ("sweep", "Sweep"),
    ("merge", "Merge"),
    ("unmerge", "Unmerge"),
    ("backfill", "Backfill"),
    ("version", "Version"),
    ("consent", "Consent"),
    ("threshold", "Threshold"),
    ("list", "List"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0012_event_context")]
    operations: ClassVar = [
        migrations.AlterField("touched", "cause", models.TextField(choices=CAUSES)),
        migrations.AlterField("parkedtouch", "cause", models.TextField(choices=CAUSES)),
    ]
