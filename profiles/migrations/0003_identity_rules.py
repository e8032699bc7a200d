"""Identity rules, their versions and decisions; limits, blocked values and separations."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0002_partitions_and_engine_tables")]
    operations: ClassVar = []
