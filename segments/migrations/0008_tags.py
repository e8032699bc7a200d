"""Tags that rules put on people."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0007_lists_and_thresholds")]
    operations: ClassVar = []
