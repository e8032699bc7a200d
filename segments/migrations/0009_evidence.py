"""What a reviewer sees before a rule goes live: evidence, shadows, schedules."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0008_tags")]
    operations: ClassVar = []
