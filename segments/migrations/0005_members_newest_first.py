"""A segment's stays in the order in which its list shows them."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0004_unmerge_is_a_cause")]
    operations: ClassVar = [
        migrations.AddIndex("membership", models.Index(fields=["segment", "-id"], name="membership_newest")),
    ]
