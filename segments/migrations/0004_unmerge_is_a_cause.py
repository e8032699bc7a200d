"""An undone merge is a cause of entering and leaving."""

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
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0003_rule_cost")]
    operations: ClassVar = [
        migrations.AlterField("membership", "cause", models.CharField(choices=CAUSES, max_length=16)),
        migrations.AlterField("membership", "left_cause", models.CharField(choices=CAUSES, max_length=16, null=True)),
    ]
