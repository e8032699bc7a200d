"""Lanes and reads at size."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0006_claims")]
    operations: ClassVar = []
