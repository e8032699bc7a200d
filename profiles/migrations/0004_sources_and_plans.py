"""Sources and tracking plans as governed objects, and what events violated."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0003_identity_rules")]
    operations: ClassVar = []
