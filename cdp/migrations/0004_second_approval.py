"""A second approval where content asks for it."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("cdp", "0003_exports_and_cancelled_jobs")]
    operations: ClassVar = []
