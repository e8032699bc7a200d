"""What a claim writes, made lighter: origins are counted by the lane that takes the touch, not by every claim."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0005_files")]
    operations: ClassVar = [
        migrations.AddField("touched", "origin_id", models.BigIntegerField(null=True)),
        migrations.AddField("touched", "events", models.IntegerField(null=True)),
        migrations.AddField("touched", "first_at", models.DateTimeField(null=True)),
        migrations.AddField("touched", "last_at", models.DateTimeField(null=True)),
    ]
