"""What each live rule costs, as last measured."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0002_four_eyes_and_storage")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="RuleCost",
            fields=[
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="cost",
                        serialize=False,
                        to="segments.segment",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="segments.segmentversion"
                    ),
                ),
                ("people", models.PositiveIntegerField()),
                ("seconds", models.FloatField()),
                ("measured_at", models.DateTimeField()),
            ],
            options={"db_table": "rule_cost"},
        )
    ]
