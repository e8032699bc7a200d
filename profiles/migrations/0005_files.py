"""Imports and exports as jobs with a report."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0004_sources_and_plans")]
    operations: ClassVar = []
