"""Tags that rules put on people."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models import F, Q


def _unchecked(to: str) -> models.ForeignKey:
    return models.ForeignKey(to, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0007_lists_and_thresholds")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Tagging",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("profile_id", models.BigIntegerField()),
                ("tag", models.TextField()),
                ("given_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("segment", _unchecked("segments.segment")),
                ("version", _unchecked("segments.segmentversion")),
            ],
            options={"db_table": "tagging", "verbose_name": "tag"},
        ),
        migrations.AddConstraint(
            "tagging",
            models.UniqueConstraint(
                fields=["profile_id", "tag"], condition=Q(withdrawn_at__isnull=True), name="tagging_one_open"
            ),
        ),
        migrations.AddConstraint(
            "tagging",
            models.CheckConstraint(
                condition=Q(withdrawn_at__gt=F("given_at")), name="tagging_is_withdrawn_after_it_is_given"
            ),
        ),
        migrations.AddIndex("tagging", models.Index(fields=["tag", "-id"], name="tagging_newest")),
        migrations.AddIndex("tagging", models.Index(fields=["profile_id", "-id"], name="tagging_of_person")),
    ]
