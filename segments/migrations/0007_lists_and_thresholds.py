"""Uploaded lists and thresholds taken from the population."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0006_funnels")]
    operations: ClassVar = []
