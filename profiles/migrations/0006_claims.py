"""What a claim writes, made lighter."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0005_files")]
    operations: ClassVar = []
