"""Retention by partition and what operators need."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0007_lanes")]
    operations: ClassVar = []
