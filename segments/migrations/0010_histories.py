"""Who was in a segment, and how its size went."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0009_evidence")]
    operations: ClassVar = []
