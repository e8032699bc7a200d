"""Who was in a segment on a day, how its size went, and how far a backfill has come."""

from typing import ClassVar

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

STATUSES = [
    ("backfilling", "Backfilling"),
    ("ready", "Ready"),
    ("broken", "no longer fits the catalogue"),
    ("cancelled", "called off"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("segments", "0009_evidence"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations: ClassVar = [
        migrations.AlterField(
            model_name="ruleepoch",
            name="status",
            field=models.CharField(choices=STATUSES, default="backfilling", max_length=16),
        ),
        migrations.AddField(
            model_name="ruleepoch", name="people", field=models.BigIntegerField(null=True, db_default=None)
        ),
        migrations.AddField(
            model_name="ruleepoch", name="judged", field=models.BigIntegerField(default=0, db_default=0)
        ),
        migrations.AddField(
            model_name="ruleepoch", name="started_at", field=models.DateTimeField(null=True, db_default=None)
        ),
        migrations.AddField(
            model_name="ruleepoch", name="cancelled_at", field=models.DateTimeField(null=True, db_default=None)
        ),
        migrations.AddField(
            model_name="ruleepoch",
            name="cancelled_by",
            field=models.ForeignKey(
                db_default=None,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="SegmentDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "segment_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("segment_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("entered", models.BigIntegerField()),
                ("left", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
            ],
            options={"db_table": "segment_day"},
        ),
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(
                fields=["segment", "profile_id"], condition=Q(left_at__isnull=False), name="membership_past"
            ),
        ),
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(fields=["left_at"], condition=Q(left_at__isnull=False), name="membership_left"),
        ),
        migrations.AddIndex(
            model_name="membership",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["entered_at"], name="membership_entered", pages_per_range=32
            ),
        ),
    ]
